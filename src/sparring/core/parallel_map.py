"""Work on many items at once, with results in order and little in flight."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def default_workers() -> int:
    """As many threads as this process has processors, at most 16."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, available)


def in_order(function: Callable[[range], Result], count: int, workers: int | None = None, chunk: int = 32) -> Generator[Result, None, None]:
    """`function` of each chunk of `range(count)`, in order, by `workers` threads. At most two chunks a thread wait to be taken.

    Threads, as Pillow lets go of the interpreter while it decodes and resizes; what is not yet begun is dropped on an error.
    """
    workers = max(1, workers or default_workers())
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sparring-data")
    pending: deque[Future[Result]] = deque()
    try:
        for start in range(0, count, chunk):
            pending.append(pool.submit(function, range(start, min(start + chunk, count))))
            if len(pending) >= 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def progress_bar(text: str, total: int, shown: bool) -> Iterator[Callable[[int], object]]:
    """A bar on the terminal (standard error) while the block runs; gives the function that moves it on by so many."""
    if not shown:
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 (a third of a second that only a person watching needs)
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    console = Console(stderr=True)
    bar_width, counts, clock = max(8, min(40, console.width // 6)), 2 * len(f"{total:,}") + len(" of "), len("0:00:00")
    room = max(8, console.width - bar_width - counts - clock - 4)  # what there is no room for is cut from the text, not from the numbers
    text = text if len(text) <= room else f"{text[: room - 1]}…"
    whole = Column(no_wrap=True)
    columns = (
        TextColumn("{task.description}", markup=False, table_column=whole),
        BarColumn(bar_width),
        TimeRemainingColumn(table_column=whole),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}", table_column=whole),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done: bar.advance(task, done)
