"""What this machine can do, and how to make it do it."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from sparring.core.errors import SettingsError

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8  # names of glibc's <malloc.h>


def keep_freed_memory() -> None:
    """Have glibc keep the pages of freed tensors for the next ones. By default it gives large blocks back and
    gets fresh, zeroed pages each time, which costs memory-bound operations most of their time; and the heaps that it has for threads cannot
    keep any of 64 MiB, so there is one for all. A no-op elsewhere.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, 2**31 - 1)
            mallopt(_TRIM_THRESHOLD, 2**31 - 1)
            mallopt(_ARENA_MAX, 1)


@contextlib.contextmanager
def repeatable(device: str) -> Iterator[None]:
    """In the block, a GPU gives the same numbers again for the same work, as processors do: it takes no algorithm whose result depends on
    the order that threads end in, where there is another (where there is none, torch says so). And its float32 is that, not TF32.
    """
    if device != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which cuBLAS asks for, before its first product
    before, warned = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # pyright: ignore[reportAttributeAccessIssue] (torch's stubs miss it)
    torch.use_deterministic_algorithms(True, warn_only=True)
    rounded = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue] (nothing is read before it is written)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)
        torch.backends.cudnn.allow_tf32 = rounded
        torch.utils.deterministic.fill_uninitialized_memory = filled  # pyright: ignore[reportAttributeAccessIssue]


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device computes bfloat16 natively; elsewhere it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def refuse_absent_gpu(device: str) -> None:
    """Raise a SettingsError if a GPU is asked for where torch sees none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("device is 'cuda', but torch sees no GPU here. Use --device cpu, or install a torch build for your GPU.")


def free_memory(device: str = "cpu") -> int | None:
    """Bytes that this process can still get on "cpu" or "cuda": what the system has (Linux: MemAvailable), and what limits on this
    process's control groups leave. None where the system does not tell.
    """
    if device == "cuda":
        return torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        system = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    return max(0, min([system, *_left_by_groups(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))]))


def _left_by_groups(root: Path, own: Path) -> Iterator[int]:
    """What the limits of control groups (version 2, or the memory controller of version 1) leave, for each group that has one. Pages of
    files count as used there, but are given back when memory is wanted.
    """
    try:
        groups = [line.split(":", 2)[1:] for line in own.read_text().splitlines()]
    except (OSError, ValueError):
        return
    for controllers, group in groups:
        if controllers not in {"", "memory"}:
            continue
        top, limit, usage = (
            (root, "memory.max", "memory.current")
            if controllers == ""
            else (root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
        )
        folder = top / group.lstrip("/")
        for each in (folder, *folder.parents):
            with contextlib.suppress(OSError, ValueError):
                used = int((each / usage).read_text())
                stats = dict(line.split() for line in (each / "memory.stat").read_text().splitlines())
                files = int(stats.get("total_inactive_file", stats.get("inactive_file", 0)))
                yield int((each / limit).read_text()) - used + files  # "max" is no number: no limit
            if each == top:
                break


def core_count() -> int:
    """Cores that this process may use; fewer if the environment variable OMP_NUM_THREADS says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdecimal() and int(asked) else cores


@contextlib.contextmanager
def workers(count: int, threads: int, begin: Callable[[], object]) -> Iterator[ThreadPoolExecutor]:
    """So many threads for work in many pieces, each of which calls `begin` first, and computes with so many of torch's threads: with one,
    they do not wait for each other at the end of every operation.
    """
    before = torch.get_num_threads()

    def begin_so() -> None:
        torch.get_num_threads()  # or the thread's first operation sets what was last set anywhere
        torch.set_num_threads(threads)
        begin()

    pool = ThreadPoolExecutor(count, initializer=begin_so)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)  # for threads to come, which take the number that was set last
