"""One worker thread for all who watch: of each client the latest wish counts, and clients take turns.

A slider that is dragged sends more wishes than can be met. A client therefore has one place for each kind of wish, in which a newer one
replaces the older. Clients with wishes wait in one queue, in which each stands once: nobody waits for more than one wish of every other.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")
MOST_SEATS = 64
"""Number of clients at a time."""


class FullError(Exception):
    """There are as many clients as the stage takes."""


class Seat(Generic[Wish, Answer]):
    """A client's place. It belongs to the event loop in which it was taken."""

    def __init__(self, stage: "Stage[Wish, Answer]", lanes: frozenset[str]) -> None:
        self.stage, self.lanes = stage, lanes
        self.loop = asyncio.get_running_loop()
        self.wishes: dict[str, Wish] = {}
        """By lane, what is wished for, the longest waiting first. Guarded by the stage's lock."""
        self.queued = False
        """Whether it stands in the queue, is being answered, or has an answer that was not taken. Guarded by the lock."""
        self.left = False
        self.answers: asyncio.Queue[Answer] = asyncio.Queue()

    def ask(self, lane: str, wish: Wish) -> None:
        """Wish for something: it replaces what waits in this lane. A ValueError for an unknown lane."""
        if lane not in self.lanes:
            raise ValueError(lane)
        with self.stage.changed:
            self.wishes[lane] = wish
            if not self.queued and not self.left:
                self.queued = True
                self.stage.queue.append(self)
                self.stage.changed.notify()

    async def answer(self) -> Answer:
        """The next answer. Only when it was taken does the client stand in the queue again: who reads slowly is answered seldom."""
        answer = await self.answers.get()
        with self.stage.changed:
            self.queued = bool(self.wishes) and not self.left
            if self.queued:
                self.stage.queue.append(self)
                self.stage.changed.notify()
        return answer

    def leave(self) -> None:
        """Give the place up; nothing more is answered."""
        with self.stage.changed:
            self.left = True
            self.wishes.clear()
            self.stage.seats.discard(self)


class Stage(Generic[Wish, Answer]):
    """The worker thread and the queue before it."""

    def __init__(self, work: Callable[[Wish], Answer], *, seats: int = MOST_SEATS) -> None:
        """`work` is called in the worker thread alone, one wish at a time, and must not raise."""
        self.work, self.limit = work, seats
        self.changed = threading.Condition()
        self.queue: deque[Seat[Wish, Answer]] = deque()
        self.seats: set[Seat[Wish, Answer]] = set()
        self.closed = False
        self.thread = threading.Thread(target=self._run, name="studio", daemon=True)
        self.thread.start()

    def seat(self, *lanes: str) -> Seat[Wish, Answer]:
        """A place for a new client, in the running event loop. A FullError if there is none."""
        seat = Seat(self, frozenset(lanes))
        with self.changed:
            if self.closed or len(self.seats) >= self.limit:
                raise FullError
            self.seats.add(seat)
        return seat

    def close(self, timeout: float = 5.0) -> None:
        """Take no more wishes, and wait this many seconds at most for the one that is being met."""
        with self.changed:
            self.closed = True
            self.changed.notify()
        self.thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self.changed:
                while not self.queue and not self.closed:
                    self.changed.wait()
                if self.closed:
                    return
                seat = self.queue.popleft()
                if seat.left or not seat.wishes:
                    seat.queued = False
                    continue
                lane = next(iter(seat.wishes))
                wish = seat.wishes.pop(lane)
            answer = self.work(wish)
            try:
                seat.loop.call_soon_threadsafe(seat.answers.put_nowait, answer)
            except RuntimeError:  # its event loop has ended
                seat.leave()
