"""What the README and the documentation promise: every command can be typed, every example runs."""

import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import sparring
from sparring import recipes
from sparring.__main__ import main
from sparring.runs.run_directory import RunDirectory
from support import scored_titles

ROOT = Path(__file__).parent.parent
DOCS = sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "README.md", *DOCS)}
GENERATED = re.compile(r"docs/reference/(command-line|settings|recipe-settings|python-api)\.md")
FENCED = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMPT = re.compile(r"^(?:    )?(?:\$ )?(?:[A-Z_]+=\S+ )?(sparring .*)", re.MULTILINE)
TINY = {
    "minutes=5": "steps=2, batch_size=8, channel_base=32, samples=4, log_every=1, threads=1, device='cpu'",
    "minutes=10": "steps=3",
    "steps=1000": "steps=20",
    "samples=200": "samples=30",
    '"fashion10k"': "SQUARES",
}
"""What examples are run with in place of what they show: what would train long, and data that takes long to look at."""


def python_in(text: str) -> list[str]:
    return [code for language, code in FENCED.findall(text) if language == "python"]


def commands_in(text: str) -> list[str]:
    """The commands in blocks: fenced ones for a shell, and (in the README) indented ones."""
    shells = "".join(code for language, code in FENCED.findall(text) if language in {"console", "bash", "sh", "shell"})
    return PROMPT.findall(shells) + re.findall(r"^    (sparring .*)", FENCED.sub("", text), re.MULTILINE)


def named_in(text: str) -> list[str]:
    """Commands within sentences, which may leave out what the sentence is not about."""
    return [code for code in re.findall(r"(?<!`)`(sparring [^`\n]+)`(?!`)", FENCED.sub("", text)) if "COMMAND" not in code]


COMMANDS = sorted({(page, command) for page, text in PAGES.items() if not GENERATED.match(page) for command in commands_in(text)})
NAMED = sorted({(page, command) for page, text in PAGES.items() if not GENERATED.match(page) for command in named_in(text)})
EXAMPLES = sorted(page for page, text in PAGES.items() if python_in(text) and not page.startswith("docs/benchmarks"))


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, squares: Path) -> Path:
    """A folder with what the examples name: a run, a packed model and images to translate."""
    folder = tmp_path_factory.mktemp("desk")
    quiet = Console(file=(folder / "said.txt").open("w"))
    tiny = {"steps": 2, "batch_size": 8, "width": 4, "samples": 4, "log_every": 1, "threads": 1, "device": "cpu", "console": quiet}
    model = sparring.train("cgan", data=squares, out=folder / "runs/first", latent_size=5, **tiny)  # pyright: ignore[reportArgumentType]
    sparring.pack(model, folder / "garments.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    (folder / "in").mkdir()
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / "in" / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def translator(desk: Path) -> Path:
    """A run of pix2pix, on the same desk."""
    quiet = Console(file=(desk / "said.txt").open("a"))
    tiny = {"steps": 1, "width": 4, "discriminator_width": 4, "patch_layers": 1, "samples": 2, "threads": 1, "device": "cpu"}
    sparring.train("pix2pix", data=desk / "in", inputs="edges", size=16, out=desk / "runs/sketches", console=quiet, **tiny)  # pyright: ignore[reportArgumentType]
    return desk / "runs/sketches"


@pytest.fixture(scope="session")
def titles(desk: Path) -> Path:
    """A run of reword, on the same desk."""
    quiet = Console(file=(desk / "said.txt").open("a"))
    table = scored_titles.write_titles(desk / "titles.csv", scored_titles.scored_titles(120))
    settings: dict[str, Any] = {**scored_titles.COLUMNS, **scored_titles.SMALL, "steps": 1, "samples": 2, "threads": 1, "device": "cpu"}
    sparring.train("reword", data=table, out=desk / "runs/titles", console=quiet, **settings)
    return desk / "runs/titles"


Said = Callable[[str], str]


@pytest.fixture
def said_of(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """What the command line says against a command, without doing it; nothing if it would do it."""
    monkeypatch.setattr("tyro.cli", lambda *_, **__: 0)

    def said(command: str) -> str:
        words = shlex.split(command, comments=True)[1:]
        if words[0] == "resume":  # which takes the flags of the run's own recipe
            words[1] = str(request.getfixturevalue("desk") / "runs/first")
        with pytest.raises(SystemExit) as ended:
            main(words)
        return capsys.readouterr().err if ended.value.code else ""

    return said


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_commands_that_are_shown_can_be_typed(page: str, command: str, said_of: Said) -> None:
    assert said_of(command) == ""


@pytest.mark.parametrize(("page", "command"), NAMED)
def test_commands_within_sentences_exist(page: str, command: str, said_of: Said) -> None:
    said = said_of(command)
    if said.startswith("usage: "):  # the bare name of several commands, which shows their page
        return
    problems = [line for line in said.removeprefix("sparring: ").splitlines() if not re.match(r"\d+ problems:|All flags: ", line)]
    assert [line for line in problems if " is missing" not in line] == []


def test_flags_within_sentences_exist(capsys: pytest.CaptureFixture[str]) -> None:
    pages = [[], *(["train", name] for name in recipes.names())]
    pages += [
        [verb] for verb in ("data prepare", "data inspect", "doctor", "resume", "diagnose", "sample", "interpolate", "translate", "pack")
    ]
    pages += [[verb] for verb in ("import", "judge", "compare", "playground gan", "eye filters", "eye classify")]
    pages += [[verb] for verb in ("simulate", "forecast", "allocate", "score", "harmonize", "push", "pull", "export", "studio")]
    pages += [[f"latent {name}"] for name in ("mix", "truncation", "project", "directions", "move", "steer", "arithmetic", "drop")]
    for page in pages:
        with pytest.raises(SystemExit):
            main(["help", *(word for part in page for word in part.split())])
    known = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", capsys.readouterr().out)) | {"--eval"}  # which is another program's
    shown = {
        (page, flag)
        for page, text in PAGES.items()
        if not GENERATED.match(page)
        for code in re.findall(r"(?<!`)`((?:--|sparring )[^`\n]+)`(?!`)", FENCED.sub("", text))
        for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)
    }
    assert len(shown) > 50
    # in British or American spelling, as the command line takes them
    assert sorted(one for one in shown if one[1] not in known and one[1].replace("iz", "is") not in known) == []


def test_a_command_that_cannot_be_typed_is_found(said_of: Said) -> None:
    for wrong in (
        "sparring sample RUN --zork",
        "sparring train dcgan --data x --size big",
        "sparring smaple RUN",
        "sparring resume RUN --lr 1",
    ):
        assert said_of(wrong)
    assert len(COMMANDS) > 60
    assert len(NAMED) > 5


def test_the_quickstart_can_be_followed(
    tmp_path: Path, squares: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(squares, "squares.npz")
    instead = {
        "fashion10k": "squares.npz",
        "--label sneaker": "--label 1",
        "--samples 2000": "--samples 30",
        "cgan --data squares.npz --minutes 5": "cgan --data squares.npz --steps 3 --batch-size 8 --width 4 --samples 4 --threads 1",
        "--minutes 15": "--steps 5",
    }
    done = []
    for command in commands_in(PAGES["docs/quickstart.md"]):
        for shown, tiny in instead.items():
            command = command.replace(shown, tiny)  # noqa: PLW2901
        verb, *words = shlex.split(command)[1:]
        with pytest.raises(SystemExit) as ended:
            main([verb, *words])
        assert ended.value.code in ((0, 4, 5) if verb == "diagnose" else (0,)), capsys.readouterr().err
        done.append(verb)
    assert {"data", "doctor", "train", "sample", "interpolate", "judge", "diagnose", "resume", "pack"} <= set(done)
    made = (
        "sneakers.png",
        "garments.png",
        "walk.gif",
        "garments.safetensors",
        "runs/first/report.html",
        "runs/first/diagnosis/report.html",
    )
    assert [name for name in made if not Path(name).exists()] == []
    assert sparring.load("runs/first").step == 5


@pytest.mark.parametrize("page", EXAMPLES)
def test_python_examples_run(page: str, desk: Path, squares: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    if "runs/sketches" in PAGES[page]:
        request.getfixturevalue("translator")
    if "model.reword(" in PAGES[page]:
        request.getfixturevalue("titles")
    names: dict[str, object] = {"SQUARES": str(squares)}
    for code in python_in(PAGES[page]):
        for shown, tiny in TINY.items():
            code = code.replace(shown, tiny)  # noqa: PLW2901
        code = re.sub(r"out=\"runs/(\w+)\"", rf'out="runs/\1-{EXAMPLES.index(page)}"', code)  # noqa: PLW2901 (pages share the desk)
        code = re.sub(r"\"runs/garments\"", f'"runs/garments-{EXAMPLES.index(page)}"', code)  # noqa: PLW2901
        exec(compile(code, page, "exec"), names)


def test_the_recipe_in_contributing_works(tmp_path: Path, squares: Path, quiet: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)[1]
    (tmp_path / "hingegan.py").write_text(code)
    monkeypatch.setattr(recipes, "__path__", [*recipes.__path__, str(tmp_path)])
    assert "hingegan" in recipes.names()
    run = tmp_path / "run"
    model = sparring.train("hingegan", data=squares, out=run, steps=2, batch_size=8, samples=4, log_every=1, console=quiet)
    assert model.sample(3).shape == (3, 1, 16, 16)
    assert all(line["loss/discriminator/real"] >= 0 for line in RunDirectory(run).read_log())


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_links_to_files_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^":]+)"', text)
    missing = [target for target in targets if not ((ROOT / document).parent / target).exists()]
    assert not missing


def test_the_readme_is_short_and_names_the_two_commands() -> None:
    lines = PAGES["README.md"].splitlines()
    assert len(lines) <= 90
    assert any(line.strip().startswith("make demo") for line in lines)
    assert "make test" in PAGES["README.md"]


def test_missing_extras_name_extras_that_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        match[1] for path in (ROOT / "src").rglob("*.py") for match in re.finditer(r'missing_extra\("[^"]+", "([^"]+)"', path.read_text())
    }
    shown = {match for text in PAGES.values() for match in re.findall(r"'sparring\[(\w+)\]'", text)}
    assert {"video", "datasets"} <= named <= set(extras)
    assert named <= shown <= set(extras)
