"""Results come in order, and little is in flight."""

import contextlib
import threading
import time

import pytest

from sparring.core.parallel_map import in_order


def test_results_come_in_order_from_many_threads() -> None:
    def slow_first(indices: range) -> list[int]:
        time.sleep(0.02 if indices.start % 2 == 0 else 0)
        return list(indices)

    chunks = list(in_order(slow_first, 10, workers=4, chunk=3))
    assert chunks == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert list(in_order(slow_first, 0)) == []


def test_a_slow_taker_holds_the_workers_back() -> None:
    begun: list[int] = []
    with contextlib.closing(in_order(lambda indices: begun.append(indices.start), 1000, workers=2, chunk=1)) as results:
        for _ in range(5):
            next(results)
        time.sleep(0.05)
        assert len(begun) <= 5 + 2 * 2
    assert len(begun) <= 5 + 2 * 2  # and those not begun never are


def test_an_error_ends_it_and_every_thread() -> None:
    def fail(indices: range) -> int:
        if indices.start == 3:
            raise ValueError("three")
        return indices.start

    with pytest.raises(ValueError, match="three"):
        list(in_order(fail, 100, workers=3, chunk=1))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sparring-data")]
