import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparring import recipes
from sparring.cli import command_table, exit_codes
from support.cli import call
from support.processes import command_running

TINY = ["--width", "4", "--batch-size", "8", "--threads", "1", "--samples", "4"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, squares: Path) -> Path:
    run = tmp_path_factory.mktemp("runs") / "trained"
    assert call("train", "dcgan", "--data", squares, "--out", run, "--steps", 6, "--condition", "concatenate", *TINY) == 0
    return run


def test_help_needs_no_torch_and_names_every_verb() -> None:
    code = (
        "import sys; from sparring.cli.main import main\ntry: main(['--help'])\n"
        "except SystemExit: print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.endswith("False False\n")
    assert all(verb in out for verb in command_table.COMMANDS)


def test_flags_come_from_the_dataclasses(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "dcgan", "--help") == 0
    out = " ".join(capsys.readouterr().out.split())
    for words in ("--learning-rate", "0.0002", "--minutes", "--crop", "--batch-size", "figure 1"):
        assert words in out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["trian"], 2, "'train'"),
        (["train", "dcgn"], 2, "'dcgan'"),
        (["train", "dcgan", "--data", "fashion10", "--out", "x"], 1, "'fashion10k'"),
        (["train", "dcgan", "--data", "emoji", "--out", "x", "--learnin-rate", "1"], 2, "--learning-rate"),
        (["sample", "nothing-here"], 1, "does not exist"),
        (["resume", "nothing-here"], 1, "is not a run directory"),
        (["data", "inspect", "nothing-here/at-all"], 1, "does not exist"),
        (["sample", "x.safetensors", "-n", "0"], 1, "-n"),
    ],
)
def test_mistakes_end_in_a_sentence(
    arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == status
    said = capsys.readouterr()
    assert words in said.err + said.out
    assert "Traceback" not in said.err


def test_sample_as_grid_files_and_array(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("sample", trained, "-n", 5, "--seed", 3) == 0
    assert Image.open("trained-seed-3.png").size == (3 * 50 + 2, 2 * 50 + 2)
    assert call("sample", trained, "-n", 5, "--seed", 3, "--out", "array.npz") == 0
    assert call("sample", trained, "-n", 3, "--seed", 3, "--out", "folder") == 0
    images = np.load("array.npz")["images"]
    assert images.shape == (5, 16, 16, 1)
    assert images.dtype == np.uint8
    files = sorted(Path("folder").iterdir())
    assert [file.name for file in files] == ["00000.png", "00001.png", "00002.png"]
    assert all(np.array_equal(np.array(Image.open(file)), image[:, :, 0]) for file, image in zip(files, images, strict=False))
    assert call("sample", trained, "-n", 4, "--label", "all", "--out", "rows.png") == 0
    assert Image.open("rows.png").size == (4 * 50 + 2, 2 * 50 + 2)
    assert call("sample", trained, "--label", "purple") == 1


def test_pack_and_interpolate(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("pack", trained, "model.safetensors") == 0
    for out in ("walk.gif", "walk.mp4", "strip.png"):
        assert call("interpolate", "model.safetensors", "--seeds", 1, 2, "--frames", 4, "--out", out) == 0
    with Image.open("walk.gif") as walk:
        assert walk.n_frames == 5
    assert Image.open("strip.png").size == (5 * 50 + 2, 52)
    assert call("interpolate", "model.safetensors", "--seeds", 1, "--labels", "0", "1", "--frames", 4) == 0
    assert Path("model-walk.gif").exists()


def test_data_verbs(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("data", "inspect", squares) == 0
    assert "16" in capsys.readouterr().out
    assert Image.open("squares.npz-contact-sheet.png").size[0] > 100
    assert call("data", "prepare", squares, "--size", "32") == 0
    assert "32x32x1, 2 classes" in capsys.readouterr().out


def test_every_recipe_is_listed_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("recipes") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines if re.match(r"  \S", line)) == sorted(recipes.names())


def test_recipes_and_completion(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("recipes") == 0
    out = capsys.readouterr().out
    assert "arXiv:1511.06434" in out
    assert "arXiv:1406.2661" in out
    assert "Start with dcgan" in out
    assert "Start with pix2pix" in out
    assert call("completion", "bash") == 0
    assert "--learning-rate" in capsys.readouterr().out


def test_resume_refuses_and_goes_on(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert call("train", "gan", "--data", squares, "--out", run, "--steps", 3, "--samples", 4) == 0
    capsys.readouterr()
    assert call("resume", run, "--learning-rate", "0.5") == 1
    said = capsys.readouterr().err
    assert all(words in said for words in ("--learning-rate", "0.0002", "0.5"))
    assert call("resume", run, "--steps", 5) == 0
    assert "step 5" in capsys.readouterr().out


def test_data_is_said_in_two_lines_and_what_is_held_out_in_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "some images"
    folder.mkdir()
    for number in range(40):
        Image.fromarray(np.full((12, 12), 6 * number, np.uint8)).save(folder / f"{number:02d}.png")
    (folder / "notes.txt").write_text("no image")
    (folder / "torn.png").write_bytes(b"no image either")
    budget = ["--steps", 1, "--size", 16, "--samples", 4, "--threads", 1, "--batch-size", 8]
    assert call("train", "gan", "--data", folder, "--out", tmp_path / "run", *budget) == 0
    lines = capsys.readouterr().out.splitlines()
    before = lines[: next(number for number, line in enumerate(lines) if line.startswith("Done"))]
    assert len(before) == 3
    assert before[0].startswith("40 images of 16x16x1")
    assert before[1].startswith("1 of 41 images cannot be used, 2 notes (in full: sparring data prepare ")
    assert "2 are held out" in before[2]  # one in twenty
    assert "the other 38" in before[2]
    prepare = shlex.split(before[1].partition("in full: sparring ")[2].removesuffix(")"))
    assert call(*prepare) == 0
    said = capsys.readouterr().out
    assert all(words in said for words in ("notes.txt", "torn.png: ", "enlarged: 40"))


def test_ctrl_c_saves_and_says_how_to_go_on(squares: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ("train", "dcgan", "--data", squares, "--out", run, "--steps", 100_000, "--log-every", 1, *TINY)
    with command_running(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        deadline = time.monotonic() + 120
        while not (run / "timing.jsonl").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == exit_codes.EXIT_STOPPED, out
    assert f"sparring resume {run}" in out
    assert "Traceback" not in out
    from sparring.training import checkpoints

    assert checkpoints.steps(run / "checkpoints")[-1] > 0


def test_a_checkpoint_is_refused_where_there_is_no_run(
    trained: Path, squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("pack", trained, tmp_path / "packed.safetensors") == 0
    capsys.readouterr()
    assert call("judge", tmp_path / "packed.safetensors", squares, "--checkpoint", "best") == 1
    assert "--checkpoint" in capsys.readouterr().err
    assert call("judge", tmp_path / "packed.safetensors", trained, "--samples", 20, "--checkpoint", 6, "--out", tmp_path / "out") == 0


def test_a_full_disk_is_one_line(trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sparring.core.atomic_files.os.fsync", full)
    assert call("sample", trained, "--out", "x.png") == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("sparring: x.png: No space left on device. ")
    assert "sparring resume" in said
    assert "\n" not in said


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="Linux has a folder that nobody can write to")
def test_a_place_that_cannot_be_written_is_named(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("sample", trained, "--out", "/proc/none/x.png") == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("sparring: /proc/none")


def test_output_to_a_closed_pipe_is_no_crash() -> None:
    done = subprocess.run(f"{sys.executable} -m sparring recipes | head -n 1", shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "sparring doctor" in done.stdout


def test_a_damaged_config_is_one_sentence(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert call("train", "dcgan", "--data", squares, "--out", run, "--steps", 1, *TINY) == 0
    config = json.loads((run / "config.json").read_text())
    for name in ("recipe", "recipe_settings", "train_settings", "data"):
        (run / "config.json").write_text(json.dumps({key: value for key, value in config.items() if key != name}))
        assert call("resume", run) == 1
        said = capsys.readouterr().err
        assert said.startswith("sparring: ")
        assert name in said


def test_judge_and_compare_from_the_command_line(
    trained: Path, squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("judge", trained, "--samples", 20) == 0
    out = capsys.readouterr().out
    for words in ("FD-lite0 ", "recall ", "few for 1,280 features", f"Report: {trained / 'report.html'}"):
        assert words in out
    assert call("judge", squares, squares) == 0
    assert json.loads(Path("judgment/report.json").read_text())["scores"][0]["n_fake"] == 60
    capsys.readouterr()
    again = shutil.copytree(trained, tmp_path / "again")
    assert call("compare", trained, again, "--samples", 20, "--out", "table.md") == 0
    out = capsys.readouterr().out
    assert "Judging" not in out  # its report is fresh
    assert "coverage" in out
    assert Path("table.md").read_text().startswith("|  | runs | FD-lite0 |")
    assert call("judge", trained, squares, "--extractor", "lite1") == 1
    assert "'lite0'" in capsys.readouterr().err
    assert call("compare", tmp_path) == 1
    assert "is not a run directory" in capsys.readouterr().err
