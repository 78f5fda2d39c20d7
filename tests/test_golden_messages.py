"""The wording of the command line: help pages, and the messages about mistakes, as files in golden_messages/.

Other tests assert which flags, values and commands a message names, not its wording. After a change of wording, rewrite the files and look
at the difference:

    python tests/test_golden_messages.py
    git diff tests/golden_messages
"""

import contextlib
import io
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sparring import recipes
from sparring.cli import command_table, main
from sparring.cli.arguments.from_signature import arguments_of
from sparring.cli.help_pages import command_page

FOLDER = Path(__file__).parent / "golden_messages"
COLUMNS = 100

PAGES = {
    "overview": "--help",
    **{
        verb: f"{verb} --help"
        for verb in (*command_table.PLAIN, "resume", *command_table.GROUPS, *command_table.NEED_RECIPE)
        if verb != "recipes"
    },
    **{f"{verb} {name}": f"{verb} {name} --help" for verb, group in command_table.GROUPS.items() for name in group},
    "train dcgan": "train dcgan --help",
    "train pix2pix": "train pix2pix --help",
    "playground gan": "playground gan --help",
    "list of recipes": "recipes",
}
"""By the name of its file, the command that prints a page."""

MISTAKES = """
trian
--verbose
generate runs/first
info runs/first
train
train --data images
train --model dcgan --data images
train images
train dcgn --data images
train dcgan
train dcgan images
train dcgan --data images --lr 3 --zork --size big
train dcgan --data images --learnin-rate 3
train dcgan --data images --size 128x200
train dcgan --data images --size 128 192
train dcgan --data images --size
train dcgan --data images --betas 0.5
train dcgan --data images --real-samples 1e6
train dcgan --data images --learning-rate fast
train dcgan --data images --channels 2
train dcgan --data images --crop padd
train dcgan --data images --coach yes
train dcgan --data images --background red white
train dcgan --data images --epochs 5
train dcgan --data images --kimg 200
train dcgan --data images --gpu 0
train dcgan --data images --no-cuda
train dcgan --data images --init normal
train dcgan --data images --resume x.pkl
train dcgan --data images --model wgan
train dcgan --data images --verbose
train pix2pix --data images --direction BtoA
train dcgan --data nothing/here
train dcgan --data images.npz --learning-rate -1 --width 0 --betas 1.5 2
train dcgan --data images.npz --condition projection --packing 3 --size 50
train cut --data images.npz
playground --data ring8
playground cyclegan
playground gan --augment ada
data zork
data images
data inspect nothing/here
sample
sample nothing/here
sample x.safetensors -n 0
resume nothing/here
translate RUN
judge A B C
judge images --metrics fid
latent projekt
latent mix
"""
"""Commands that are refused, one per line. There is a folder of images, and images.npz, without classes."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_images(tmp_path_factory.mktemp("place"))


def with_images(place: Path) -> Path:
    """A folder with the images that `MISTAKES` name."""
    from PIL import Image

    images = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)
    (place / "images").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(place / "images" / f"{number:02d}.png")
    np.savez(place / "images.npz", images=images)
    return place


@contextlib.contextmanager
def settled(place: Path) -> Iterator[None]:
    """A working directory and a width that are always the same."""
    before, columns = Path.cwd(), os.environ.get("COLUMNS")
    os.chdir(place)
    os.environ["COLUMNS"] = str(COLUMNS)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns


def run(command: str) -> tuple[int, str]:
    """The exit code of a command, and its error message or what it prints."""
    printed, code = io.StringIO(), 0
    errors = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        try:
            main.main(shlex.split(command))
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
    return code, (errors.getvalue() or printed.getvalue()).rstrip().replace(str(Path.cwd()), "(the working directory)")


def page(command: str, place: Path) -> str:
    with settled(place):
        code, printed = run(command)
    assert code == 0, printed
    return f"$ sparring {command}\n\n{printed}\n"


def mistakes(place: Path) -> str:
    """All refused commands with their exit codes and messages."""
    found = []
    with settled(place):
        for command in MISTAKES.strip().splitlines():
            code, printed = run(command)
            assert code, command
            found.append(f"$ sparring {command}\n{printed}\n[exit code {code}]\n")
    return "\n".join(found)


def settings_of_recipes(place: Path) -> str:
    """What the help page of every recipe says of its own settings."""
    found = []
    with settled(place):
        for name in recipes.names():
            lines = command_page(command_table.with_recipe("train", name), f"sparring train {name}").splitlines()
            start = next(number for number, line in enumerate(lines) if line.startswith("Recipe:"))
            found.append("\n".join([f"$ sparring train {name} --help", "", *lines[2:8], "...", *lines[start:], ""]))
    return "\n".join(found)


@pytest.mark.parametrize("name", PAGES)
def test_help_pages(name: str, place: Path) -> None:
    compare(name, page(PAGES[name], place))


def test_settings_of_recipes(place: Path) -> None:
    compare("settings of recipes", settings_of_recipes(place))


def test_mistakes(place: Path) -> None:
    compare("mistakes", mistakes(place))


def test_every_file_is_compared_and_every_command_has_a_page() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {name.replace(" ", "-") for name in (*PAGES, "settings of recipes", "mistakes")}
    shown = {" ".join(words.split()[:-1]) for words in PAGES.values()}
    assert {*command_table.COMMANDS} - {"help", "recipes"} <= shown
    assert all(argument.help for name in recipes.names() for argument in arguments_of(command_table.with_recipe("train", name)))


def compare(name: str, text: str) -> None:
    path = FOLDER / f"{name.replace(' ', '-')}.txt"
    wanted = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text == wanted, f"The wording differs from {path.name}. If that is meant: python tests/test_golden_messages.py"


def rewrite() -> None:
    """Write all files anew."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        place = with_images(Path(folder))
        texts = {name: page(command, place) for name, command in PAGES.items()}
        texts |= {"settings of recipes": settings_of_recipes(place), "mistakes": mistakes(place)}
    for name, text in texts.items():
        (FOLDER / f"{name.replace(' ', '-')}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    rewrite()
