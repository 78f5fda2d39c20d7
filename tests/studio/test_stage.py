"""The queue of the studio, with work whose duration the test decides."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from sparring.studio.stage import FullError, Seat, Stage


class SlowWork:
    """Work that waits until it is allowed to go on, and remembers what it did."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.begun = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)

    def __call__(self, wish: str) -> str:
        self.begun.release()
        assert self.allowed.acquire(timeout=10)
        self.done.append(wish)
        return wish.upper()

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=10)


def played(scene: Callable[[Stage[str, str], SlowWork], object], seats: int = 8) -> list[str]:
    """What the work did in a scene."""

    async def play() -> None:
        work = SlowWork()
        stage = Stage(work, seats=seats)
        try:
            await scene(stage, work)  # pyright: ignore[reportGeneralTypeIssues]
        finally:
            work.allowed.release(100)
            stage.close()
        done.extend(work.done)

    done: list[str] = []
    asyncio.run(play())
    return done


def test_of_many_wishes_in_a_lane_the_newest_counts() -> None:
    async def scene(stage: Stage[str, str], work: SlowWork) -> None:
        seat: Seat[str, str] = stage.seat("image", "sound")
        seat.ask("image", "a0")
        await work.has_begun()
        for number in range(1, 10):
            seat.ask("image", f"a{number}")
        seat.ask("sound", "b")
        work.allowed.release(3)
        assert [await seat.answer() for _ in range(3)] == ["A0", "A9", "B"]

    assert played(scene) == ["a0", "a9", "b"]


def test_clients_take_turns_however_much_one_of_them_asks() -> None:
    async def scene(stage: Stage[str, str], work: SlowWork) -> None:
        greedy, modest = stage.seat("x", "y", "z"), stage.seat("x")
        greedy.ask("x", "greedy x")
        await work.has_begun()
        greedy.ask("y", "greedy y")
        greedy.ask("z", "greedy z")
        modest.ask("x", "modest")
        work.allowed.release(4)
        answers = asyncio.gather(*(greedy.answer() for _ in range(3)))
        assert await modest.answer() == "MODEST"
        await answers

    assert played(scene)[:2] == ["greedy x", "modest"]


def test_who_does_not_take_an_answer_gets_no_other() -> None:
    async def scene(stage: Stage[str, str], work: SlowWork) -> None:
        slow, quick = stage.seat("x"), stage.seat("x")
        work.allowed.release(3)
        slow.ask("x", "first")
        await work.has_begun()
        slow.ask("x", "second")
        quick.ask("x", "quick")
        assert await quick.answer() == "QUICK"
        assert work.done == ["first", "quick"]
        assert [await slow.answer(), await slow.answer()] == ["FIRST", "SECOND"]

    assert played(scene) == ["first", "quick", "second"]


def test_there_are_so_many_seats_and_one_that_is_left_is_free() -> None:
    async def scene(stage: Stage[str, str], work: SlowWork) -> None:
        first, _ = stage.seat("x"), stage.seat("x")
        with pytest.raises(FullError):
            stage.seat("x")
        first.ask("x", "of one who leaves")
        await work.has_begun()
        first.ask("x", "never")
        first.leave()
        third = stage.seat("x")
        third.ask("x", "third")
        work.allowed.release(2)
        assert await third.answer() == "THIRD"
        with pytest.raises(ValueError, match="unknown lane"):
            third.ask("unknown lane", "?")

    assert played(scene, seats=2) == ["of one who leaves", "third"]
