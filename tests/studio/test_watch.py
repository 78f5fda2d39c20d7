"""Files that grow, are cut back and vanish while they are read."""

import json
import math
import subprocess
import time
from pathlib import Path

from starlette.testclient import TestClient

from sparring.studio.places import Places
from sparring.studio.server import Studio
from sparring.studio.watch import MOST_KEPT, MOST_PLACES, Tail, thinned
from support.processes import command_running
from support.studio import HOST, TOKEN


def line(step: int, **values: float) -> str:
    return json.dumps({"step": step, **values}) + "\n"


def test_a_log_is_read_once_and_only_whole_lines_count(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    tail = Tail(path)
    tail.read()
    assert tail.curves == {}
    path.write_text(line(1, loss=3.0) + line(2, loss=2.0) + '{"step": 3, "lo')
    tail.read()
    assert tail.curves == {"loss": [(1, 3.0), (2, 2.0)]}
    with path.open("a") as file:
        file.write('ss": 1.5}\nno json\n[1]\n' + line(4, loss=math.nan, other=7))
    tail.read()
    assert tail.curves["loss"][:3] == [(1, 3.0), (2, 2.0), (3, 1.5)]
    assert tail.curves["other"] == [(4, 7.0)]
    assert tail.offset == path.stat().st_size


def test_a_run_that_goes_back_takes_its_curves_back(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(line(step, loss=step) for step in range(1, 9)))
    tail = Tail(path)
    tail.read()
    path.write_text(line(1, loss=1) + line(2, loss=20))
    tail.read()
    assert tail.curves["loss"] == [(1, 1.0), (2, 20.0)]
    with path.open("a") as file:
        file.write(line(2, loss=30))  # cut back and grown again between two looks
    tail.read()
    assert tail.curves["loss"] == [(1, 1.0), (2, 30.0)]
    path.unlink()
    tail.read()
    assert tail.curves["loss"] == [(1, 1.0), (2, 30.0)]


def test_a_long_log_takes_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(line(step, loss=step) for step in range(1, 3 * MOST_KEPT)))
    tail = Tail(path)
    tail.read()
    steps, values = zip(*tail.curves["loss"], strict=True)
    assert len(steps) <= MOST_KEPT
    assert list(steps) == sorted(steps)
    assert steps[-1] == 3 * MOST_KEPT - 1
    assert max(step - value for step, value in zip(steps, values, strict=True)) <= 16


def test_long_curves_are_thinned_by_means() -> None:
    found = thinned([(step, float(step % 2)) for step in range(1, 2 * MOST_PLACES + 1)])
    assert len(found) == MOST_PLACES
    assert {value for _, value in found} == {0.5}
    assert found[-1][0] == 2 * MOST_PLACES
    assert thinned([(1, math.inf), (2, 1.0)]) == [(1, None), (2, 1.0)]


def test_a_training_is_asked_to_stop(squares: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    small = ("--size", 16, "--width", 4, "--latent-size", 5, "--batch-size", 8, "--threads", 1, "--device", "cpu")
    command = ("train", "dcgan", "--data", squares, "--out", run, "--steps", 1_000_000, "--log-every", 1, *small)
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with command_running(*command, **silent) as training:
        until = time.monotonic() + 300
        while not (run / "timing.jsonl").is_file() and time.monotonic() < until:
            time.sleep(0.1)
        studio = Studio(Places([run]))
        client = TestClient(studio.app(TOKEN), base_url=f"http://{HOST}", headers={"Authorization": f"Bearer {TOKEN}"})
        path = f"/api/models/{studio.places.models()[0].id}/stop"
        assert client.get(path).status_code == 405
        assert client.post(path, headers={"Origin": "http://elsewhere"}).status_code == 403
        assert training.poll() is None
        assert client.post(path).json() == {"asked": True}
        assert training.wait(300) == 130
    assert list((run / "checkpoints").glob("*.safetensors"))
    assert client.post(path).json() == {"asked": False}
    studio.stage.close()
