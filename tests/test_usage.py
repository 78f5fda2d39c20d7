"""Command lines as newcomers type them, and what is answered. Nothing here trains or loads anything large. The wording of help pages and
messages is asserted in test_golden_messages.py; here, only the flags, values and commands that a message names.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

from sparring import recipes
from sparring.cli import command_table, exit_codes, main
from sparring.cli.arguments.correct_flags import UsageError, correct_flags
from sparring.cli.arguments.correct_values import correct_values
from sparring.cli.arguments.flags_in_messages import with_flags
from sparring.cli.arguments.from_signature import arguments_of
from sparring.cli.arguments.spelling import AMERICAN
from sparring.cli.help_pages import command_page
from sparring.cli.sample import sample

TRAIN = ("train", "dcgan", "--data", "fashion10k")


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The message about a command line that is wrong."""
    with pytest.raises(SystemExit) as ended:
        main.main([str(word) for word in words])
    found = capsys.readouterr()
    assert ended.value.code == exit_codes.EXIT_USAGE, found
    assert not found.out
    assert "╭" not in found.err  # a box of tyro's
    assert found.err.startswith("sparring: ")
    return found.err.removeprefix("sparring: ").strip()


def understood(*words: str) -> list[str]:
    return correct_flags(words, command_table.with_recipe("train", "dcgan"), "sparring train dcgan")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("DCGAN", "dcgan"), ("StyleGAN2", "stylegan2"), ("StyleGAN-2", "stylegan2"), ("WGAN-GP", "wgan-gp"), ("wgangp", "wgan-gp"),
        ("WGAN_GP", "wgan-gp"), ("CycleGAN", "cyclegan"), ("styletransfer", "style-transfer"), ("Pix2Pix", "pix2pix"),
        ("Big GAN", "biggan"),
    ],
)  # fmt: skip
def test_recipes_in_any_spelling(written: str, name: str) -> None:
    assert recipes.found(written) == name
    assert recipes.name_of(recipes.get(written)) == name


def test_every_recipe_has_a_name_of_its_own_in_any_spelling() -> None:
    assert [recipes.found(name.upper().replace("-", "")) for name in recipes.names()] == recipes.names()
    assert recipes.found("") is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lr", "1e-4"], "--learning-rate 1e-4"),
        (["--batch", 16], "--batch-size 16"),
        (["--bs=16"], "--batch-size 16"),
        (["--resolution", 64], "--size 64"),
        (["--img_size", 64], "--size 64"),
        (["--output", "there"], "--out there"),
        (["--num", 9], "--samples 9"),
        (["--workers", 2], "--threads 2"),
        (["--z-dim", 64], "--latent-size 64"),
        (["--lr", "much"], "--learning-rate"),
        (["--n_critic", 5], "--discriminator-steps 5"),
        (["--gpu", 0], "--device cuda"),
        (["--cuda"], "--device cuda"),
        (["--no-cuda"], "--device cpu"),
        (["--init", "normal"], "--seed"),
        (["--resume", "x.pkl"], "sparring resume RUN"),
        (["--learnin-rate", 1], "--learning-rate"),
        (["--zork"], "--zork"),
        (["--epochs", 5], "--real-samples 50000"),
        (["--epochs", 1], "--real-samples 10000"),
        (["--n_epochs"], "--minutes"),
        (["--kimg", 200], "--real-samples 200000"),
        (["--color"], "--channels"),
        (["--metrics", "fid"], "--evaluate-every"),
        (["--xflip", "1"], "--mirror"),
    ],
)
def test_flags_of_other_programs_lead_to_ours(words: list[object], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, *TRAIN, *words)
    assert said in line
    assert "\n" not in line
    assert line.startswith(f"{str(words[0]).partition('=')[0]}: ")
    assert "sparring train dcgan --help" in line


def test_epochs_without_data_that_can_be_counted(capsys: pytest.CaptureFixture[str]) -> None:
    for data in ("hf:somebody/something", "nothing/there"):
        line = refused(capsys, "train", "dcgan", "--data", data, "--epochs", 5)
        assert "--minutes, --real-samples or --steps" in line
        assert not re.search(r"--real-samples \d", line)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "big"], "'big'"),
        (["--size", "128x"], "192x128"),
        (["--size", "1e2"], "100"),
        (["--size", "128", "192"], "192x128"),
        (["--size"], "--size"),
        (["--size", "--seed", "1"], "--size"),
        (["--real-samples", "1e6"], "1000000"),
        (["--real-samples", "50,000"], "50000"),
        (["--real-samples", "10k"], "10000"),
        (["--learning-rate", "fast"], "'fast'"),
        (["--betas", "0.5"], "2"),
        (["--channels", "2"], "1, 3, 4"),
        (["--crop", "padd"], "pad"),
        (["--size", "None"], "'None'"),
        (["--coach", "yes"], "--no-coach"),
        (["--coach=yes"], "--no-coach"),
        (["--background", "red", "white"], "'white'"),
    ],
)
def test_wrong_values(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, *TRAIN, *words)
    assert said in line
    assert words[0].partition("=")[0] in line
    assert "\n" not in line


def test_every_problem_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = refused(capsys, "train", "DCGAN", "--size", "big", "--zork", "3", "--lr", "1", "--crop", "none").splitlines()
    assert lines[0].startswith("5 ")
    assert [line.split()[1].rstrip(":") for line in lines[1:-1]] == ["--size", "--zork", "--lr", "--crop", "--data"]
    assert lines[-1].endswith("sparring train dcgan --help")


def test_what_is_meant_is_taken() -> None:
    own = understood("--data", "x", "--optimizer", "Adam", "--crop", "center", "--Learning_Rate", "3", "--no_coach", "--spectral-norm")
    assert own == [
        "--data=x", "--optimizer=adam", "--crop=center", "--learning-rate=3", "--no-coach", "--spectral-norm",
    ]  # fmt: skip
    assert understood("--data=a=b", "--betas", "0", "0.9", "--seed", "1") == ["--data=a=b", "--betas", "0", "0.9", "--seed=1"]
    assert understood("\u2014data", "x", "\u2013size=32", "-seed", "3") == ["--data=x", "--size=32", "--seed=3"]
    assert understood("--data", "\u2014x") == ["--data=\u2014x"]
    assert understood("--data", "x", "--augment-target", "-0.5") == ["--data=x", "--augment-target=-0.5"]


def test_values_with_commas_and_words_with_places() -> None:
    words = correct_flags(["A", "--resize", "Bicubic", "B", "--inputs", "gray"], command_table.PLAIN["judge"], "sparring judge")
    assert words == ["A", "B", "--resize=bicubic, antialiased", "--inputs=gray"]
    assert correct_flags(["RUN", "-n64", "--seed", "3"], command_table.PLAIN["sample"], "sparring sample") == [
        "RUN",
        "--number=64",
        "--seed=3",
    ]
    assert correct_flags(["RUN", "-number", "64"], command_table.PLAIN["sample"], "sparring sample") == ["RUN", "--number=64"]
    assert correct_flags(["-n", "64", "RUN"], command_table.PLAIN["sample"], "sparring sample") == ["RUN", "--number=64"]
    mixed = correct_flags(["RUN", "--coarse", "0", "1", "--fine", "2"], command_table.GROUPS["latent"]["mix"], "sparring latent mix")
    assert mixed == ["RUN", "--coarse", "0", "1", "--fine", "2"]
    with pytest.raises(UsageError, match="'C'"):
        correct_flags(["A", "B", "C"], command_table.PLAIN["judge"], "sparring judge")
    with pytest.raises(UsageError, match=r"- IN.*\n.*- OUT"):
        correct_flags(["RUN"], command_table.PLAIN["translate"], "sparring translate")
    with pytest.raises(UsageError, match="RUN"):
        correct_flags([], command_table.PLAIN["compare"], "sparring compare")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "x"], "sparring train dcgan --data x"),
        ([], "sparring train dcgan --data DATA"),
        (["--data", "x", "--target", "y"], "sparring train cyclegan --data x --target y"),
        (["--data", "x", "StyleGAN"], "sparring train stylegan --data x"),
        (["--model", "WGANGP", "--data", "x"], "sparring train wgan-gp --data x"),
        (["--recipe=gan", "--data", "x"], "sparring train gan --data x"),
        (["fashion10k", "--minutes", "3"], "sparring train dcgan --data fashion10k --minutes 3"),
        (["dcgn"], "'dcgan'"),
        (["dcgan"], "--data fashion10k"),
        (["dcgan", "fashion10k"], "--data fashion10k"),
    ],
)
def test_a_recipe_and_data_are_asked_for(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "train", *words)
    assert said in line
    assert "\n" not in line


def test_without_a_recipe_the_doctor_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "sparring doctor --data 'my images'" in refused(capsys, "train", "--data", "my images")


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        ("inspect", "data inspect DATA"), ("generate", "sample RUN"), ("show", "sample RUN"), ("info", "data inspect DATA"),
        ("list", "recipes"), ("eval", "judge RUN"), ("evaluate", "judge RUN"), ("fid", "judge RUN"), ("test", "judge RUN"),
        ("convert", "import FILE"), ("new", "train dcgan"), ("init", "train dcgan"),
        ("continue", "resume RUN"), ("infer", "translate RUN IN OUT"), ("predict", "sample RUN"), ("dataset-tool", "data prepare DATA"),
        ("project", "latent project RUN"), ("trian", "'train'"), ("data zork", "inspect, prepare"), ("latent projekt", "'project'"),
    ],
)  # fmt: skip
def test_other_names_of_commands(word: str, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, *word.split(), "x")
    assert verb in line
    assert "\n" not in line


def test_names_in_other_programs_lead_to_flags_and_commands_that_exist() -> None:
    from sparring.cli.other_programs import commands, flags

    for own in commands.NAMES_ELSEWHERE:
        verb, _, name = own.partition(" ")
        assert verb.startswith("--") or (name in command_table.GROUPS[verb] if name else verb in command_table.COMMANDS)
    assert set(commands.OPERANDS) <= set(commands.NAMES_ELSEWHERE)
    everything = {flag for name in recipes.names() for flag in flags_of("train", name)}
    everything |= {flag for verb in command_table.PLAIN for flag in flags_of(verb)}
    assert set(flags.NAMES_ELSEWHERE) <= everything


def flags_of(verb: str, name: str = "") -> set[str]:
    return {argument.name for argument in arguments_of(command_table.command_function(verb, name, []))}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "sparring train dcgan"), (["-h"], "compare"), (["help"], "compare"), (["help", "train"], "sparring doctor"),
        (["train", "-h"], "stylegan2"), (["help", "train", "WGANGP"], "--gradient-penalty"), (["latent", "--help"], "arithmetic"),
        (["help", "sample"], "--truncation"), (["help", "data", "prepare"], "--crop"), (["playground", "--help"], "unrolled"),
    ],
)  # fmt: skip
def test_help(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(words)
    assert not ended.value.code
    assert said in capsys.readouterr().out


def test_help_fits_eighty_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words in ([], ["help", "train"], ["help", "latent"], ["help", "data"]):
        with pytest.raises(SystemExit):
            main.main(words)
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    with pytest.raises(SystemExit):
        main.main(["help", "judge"])
    assert "{{" not in capsys.readouterr().out


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_every_flag_of_every_command_is_explained(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for called, function in every_command().items():
        page = command_page(function, called)
        arguments = list(arguments_of(function))
        assert all(argument.help for argument in arguments), called
        assert all(re.search(rf"^  .*{argument.name}\b", page, re.MULTILINE) for argument in arguments)
        assert max(map(len, page.splitlines())) <= columns, called
        assert "None: " not in page  # which cannot be typed
        assert not re.search(r"\b(batch_size|style_size|channel_base|held_out)\b", page)  # Python's names
        assert page.startswith(f"usage: {called}")
        odd = [argument.help for argument in arguments if not re.fullmatch(r"(?s)([A-Z0-9]|\w+: ).*[.)]", argument.help)]
        assert not odd, called  # whole sentences, which may begin with a choice: "none: ..."
        assert not re.search(r"\b(so many|gone on|goes on with|by heart|is told|drawn)\b", page), called


def test_defaults_are_those_that_are_trained_with() -> None:
    page = {
        line.split()[0]: line for line in lines_of_flags(command_page(command_table.with_recipe("train", "dcgan"), "sparring train dcgan"))
    }
    assert page["--learning-rate"].endswith("(default: 0.0002)")
    assert page["--betas"].endswith("(default: 0.5 0.999)")
    assert page["--latent"].endswith("(default: uniform)")  # the recipe's own, over what it inherits
    assert "Default: squares, of the images' own side" in page["--size"]
    assert page["--coach,"].endswith("(default: off)")
    assert "4x4" not in page["--width"]


def lines_of_flags(page: str) -> list[str]:
    """A line for each flag."""
    return [" ".join(entry.split()) for entry in re.split(r"\n(?=  -)|\n\n", page) if entry.startswith("  -")]


def test_flags_before_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--verbose" in refused(capsys, "--verbose")
    assert "sparring --help" in refused(capsys, "--data", "x", "train", "dcgan")


def test_usage_errors_need_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from sparring.cli.main import main\ntry: main(['sample', '--num', '3'])\n"
        "except SystemExit as ended: print(ended.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "2 False\n"


def test_what_a_flag_is_here_depends_on_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--flip" in refused(capsys, "train", "cyclegan", "--data", "a", "--mirror")
    assert "--side-by-side" in refused(capsys, "train", "pix2pix", "--data", "a", "--direction", "BtoA")
    assert "--extractor inception" in refused(capsys, "judge", "runs/x", "--metric", "fid")
    assert "--number 9" in refused(capsys, "sample", "runs/x", "--samples", 9)
    assert "--channel-base 16384" in refused(capsys, "train", "stylegan2", "--data", "a", "--cbase", 16384)
    assert "--betas" not in refused(capsys, "sample", "runs/x", "--beta1", 0)


@pytest.mark.parametrize(("british", "american"), AMERICAN)
def test_british_spelling_is_accepted_in_values_and_flags(british: str, american: str) -> None:
    found = 0
    for called, function in every_command().items():
        for argument in arguments_of(function):
            if american in argument.name and not argument.positional:
                values = [] if argument.count == 0 else ["1"] * (argument.count or 1)
                with pytest.raises(UsageError) as problem:  # what is required is missing
                    correct_flags([argument.name.replace(american, british), *values, "--no-such-flag"], function, called)
                assert argument.name.replace(american, british) not in str(problem.value)
                found += 1
            for choice in get_args(argument.kind) if get_origin(argument.kind) is Literal else ():
                if american in str(choice):
                    assert correct_values(argument, [choice.replace(american, british).upper()]) == ([choice], "")
                    found += 1
    assert found or british in {"colour", "normalis", "regularis", "judgement", "neighbour", "harmonis"}  # of no flag and no value yet


def every_command() -> dict[str, Callable[..., object]]:
    commands = {f"sparring {verb}": command_table.command_function(verb, "", []) for verb in (*command_table.PLAIN, "resume")}
    commands |= {
        f"sparring {verb} {name}": command_table.command_function(verb, name, [])
        for verb, group in command_table.GROUPS.items()
        for name in group
    }
    return commands | {f"sparring train {name}": command_table.command_function("train", name, []) for name in recipes.names()}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("learning_rate must be more than 0, not -1.", "--learning-rate must be more than 0, not -1."),
        ("width must be at least 1, not 0.", "--width must be at least 1, not 0."),
        ("These do not fit:\n  - width must be 4.\n  - The width is 4.", "These do not fit:\n  - --width must be 4.\n  - The width is 4."),
        ("Use a labels.csv, or condition='none'.", "Use a labels.csv, or --condition none."),
        ("use packing=1 or another condition.", "use --packing 1 or another condition."),
        ("say coach=True, or coach=False.", "say --coach, or --no-coach."),
        ("width: the run has 8, asked for was 9", "--width: the run has 8, asked for was 9"),
        ("betas must each be less than 1, not (1.5, 2.0).", "--betas must each be less than 1, not 1.5 2.0."),
        (
            "runs/learning_rate/x, 'learning_rate' and learning_rate.png stay",
            "runs/learning_rate/x, 'learning_rate' and learning_rate.png stay",
        ),
        ("Widths are other words.", "Widths are other words."),
    ],
)
def test_settings_in_messages_are_written_as_flags(text: str, written: str) -> None:
    assert with_flags(text, ["learning_rate", "width", "condition", "packing", "coach", "betas"]) == written
    assert with_flags(text, []) == text


def test_settings_errors_of_commands_name_flags(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = [
        "train",
        "dcgan",
        "--data",
        "emoji",
        "--out",
        tmp_path / "run",
        "--learning-rate",
        -1,
        "--width",
        0,
        "--no-coach",
        "--coach-tries",
        2,
    ]
    with pytest.raises(SystemExit) as ended:
        main.main([str(word) for word in words])
    assert ended.value.code == exit_codes.EXIT_ERROR
    said = capsys.readouterr().err
    assert all(f"  - {flag} " in said for flag in ("--learning-rate", "--width", "--coach-tries"))
    assert "_" not in said


def test_recipes_that_are_no_game_on_points_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "playground", "cyclegan")
    assert "'cyclegan'" in said
    assert "wgan-gp" in said
    assert "pix2pix" not in said


def test_flags_with_many_values_may_be_repeated() -> None:
    """The parser would keep the last one and lose the others without a word."""
    words = ["RUN", "--where", "a=1", "-n", "5", "--where", "b>2", "c<3", "--where=d=4"]
    assert correct_flags(words, sample, "sparring sample") == ["RUN", "--where", "a=1", "b>2", "c<3", "d=4", "--number=5"]
