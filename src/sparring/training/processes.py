"""The processes that train one run together: what they add up, gather and agree on, always in the order of the parts.

There is no wrapper around networks: a GAN's step uses parameters in several passes and differentiates twice. Every process holds all of the
state and plays some of the parts of each batch; only the first one (rank 0) writes files, evaluates and decides.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor
from torch import distributed as dist
from torch.distributed import Store  # pyright: ignore[reportPrivateImportUsage]

from sparring.core.errors import ProcessLostError, SettingsError

PATIENCE = timedelta(days=7)
"""How long a process waits for another, which may be evaluating. One that is gone is noticed at once, by its closed connection."""

SOURCE_LINE = re.compile(r"^\[[^\]]*\] ")
"""What messages of gloo begin with."""


@dataclass(frozen=True)
class Processes:
    """All processes of a training, as one of them sees them. The usual: it is alone."""

    rank: int = 0
    """Number of this process."""
    count: int = 1
    """Number of processes: a power of two."""
    local_rank: int = 0
    """Number of this process on its machine, which is also that of its GPU."""
    exact: bool = True
    """Whether sums are the same, to the bit, for any number of processes. Else they are added in the order that is fastest."""

    def own_parts(self, parts: int) -> range:
        """The parts of each batch that this process plays."""
        each = parts // self.count
        return range(self.rank * each, (self.rank + 1) * each)

    def any(self, flags: Bool[Tensor, " n"]) -> Bool[Tensor, " n"]:
        """Which flags are set in any process."""
        if self.count == 1:
            return flags
        with lost_process_named():
            counts = flags.to(torch.uint8)
            dist.all_reduce(counts, dist.ReduceOp.MAX)
        return counts.bool()

    def tree_sum(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sum of each tensor over all processes, added as a binary tree: each process has the sum of a subtree. The tensors are those
        of all processes in the same order.
        """
        if self.count == 1 or not tensors:
            return list(tensors)
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with lost_process_named():
            flat = self._tree_sum(flat) if self.exact else _plain_sum(flat)
        pieces = flat.split([tensor.numel() for tensor in tensors])
        return [torch.empty_like(tensor).copy_(piece.view(tensor.shape)) for tensor, piece in zip(tensors, pieces, strict=True)]

    def _tree_sum(self, flat: Tensor) -> Tensor:
        """Each process adds a shard of all, and all get all sums: the traffic of a usual all-reduce, in a fixed order."""
        size = -(-len(flat) // self.count)
        padded = torch.nn.functional.pad(flat, (0, size * self.count - len(flat)))
        received = torch.empty_like(padded)
        dist.all_to_all_single(received, padded)
        shards = received.view(self.count, size)
        while len(shards) > 1:
            shards = shards[0::2] + shards[1::2]
        dist.all_gather(list(padded.view(self.count, size).unbind()), shards[0])
        return padded[: len(flat)]

    def gather(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """From tensors of one shape and kind for each part of this process to those of all parts, in order."""
        if self.count == 1 or not tensors:
            return list(tensors)
        own = torch.stack(list(tensors))
        found = own.new_empty(self.count * len(own), *own.shape[1:])
        with lost_process_named():
            dist.all_gather(list(found.view(self.count, *own.shape).unbind()), own)
        return list(found)

    def gather_metrics(self, metrics: Mapping[str, Sequence[Tensor]]) -> dict[str, list[Tensor]]:
        """From metrics of the parts of this process to those of all parts, in order. (On the way they are float64, which holds every other
        kind of number.)
        """
        if self.count == 1 or not metrics:
            return {name: list(values) for name, values in metrics.items()}
        own = len(next(iter(metrics.values())))
        rows = [torch.cat([values[part].double().reshape(-1) for values in metrics.values()]) for part in range(own)]
        sizes = [values[0].numel() for values in metrics.values()]
        gathered = [row.split(sizes) for row in self.gather(rows)]
        return {
            name: [row[place].to(values[0].dtype).view(values[0].shape) for row in gathered]
            for place, (name, values) in enumerate(metrics.items())
        }

    def agreed(self, message: Any) -> Any:  # noqa: ANN401 (whatever JSON can say)
        """What the first process says here, which must fit JSON. What the others say counts for nothing."""
        if self.count == 1:
            return message
        text = json.dumps(message).encode() if self.rank == 0 else b""
        with lost_process_named():
            length = torch.tensor([len(text)])
            dist.broadcast(length, 0)
            content = torch.frombuffer(bytearray(text) or bytearray(int(length)), dtype=torch.uint8)
            dist.broadcast(content, 0)
        return json.loads(bytes(content.numpy()))

    def share(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Named tensors of the first process, in the others on the CPU; they may have others, or none."""
        if self.count == 1:
            return dict(tensors)
        kinds = self.agreed([[name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)] for name, tensor in tensors.items()])
        found: dict[str, Tensor] = {}
        with lost_process_named():
            for name, kind, shape in kinds:
                own = tensors[name].detach().cpu().contiguous() if self.rank == 0 else torch.empty(shape, dtype=getattr(torch, kind))
                dist.broadcast(own, 0)
                found[name] = own
        return found


ALONE = Processes()


def _plain_sum(flat: Tensor) -> Tensor:
    dist.all_reduce(flat)
    return flat


@contextlib.contextmanager
def lost_process_named() -> Iterator[None]:
    """In the block, an error of the connection is raised as a ProcessLostError."""
    try:
        yield
    except RuntimeError as problem:
        reason = SOURCE_LINE.sub("", str(problem)).split(". ")[0]
        raise ProcessLostError(f"Another process of this training has ended, or cannot be reached any more ({reason}).") from None


@contextlib.contextmanager
def connected(rank: int, count: int, local_rank: int, store: Store | None = None) -> Iterator[Processes]:
    """In the block, this process can speak with the others. `store`: where they find each other; None: where torchrun's variables say."""
    if dist.is_initialized():
        raise SettingsError("This program is in a process group of torch.distributed already. Leave it first: a training makes its own.")
    if local_rank < torch.cuda.device_count():
        torch.cuda.set_device(local_rank)
    with lost_process_named():
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", store=store, rank=rank, world_size=count, timeout=PATIENCE
        )
    try:
        yield Processes(rank, count, local_rank)
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def way_on_named(resume_command: Callable[[], str]) -> Iterator[None]:
    """In the block, a ProcessLostError also names the command that goes on with the run, which `resume_command` gives ("": none)."""
    try:
        yield
    except ProcessLostError as problem:
        command = resume_command()
        raise ProcessLostError(f"{problem} To go on from the last checkpoint: {command}" if command else str(problem)) from None
