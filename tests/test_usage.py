"""What a newcomer types, and what is said of it: nothing here trains or loads anything large."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparring import recipes
from sparring.cli import exit_codes, main, verbs
from sparring.cli.command_arguments import arguments_of
from sparring.cli.help_page import help_page
from sparring.cli.usage import UsageError, checked

TRAIN = ("train", "dcgan", "--data", "fashion10k")


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What is said of a command that cannot be understood."""
    with pytest.raises(SystemExit) as ended:
        main.main([str(word) for word in words])
    found = capsys.readouterr()
    assert ended.value.code == exit_codes.EXIT_USAGE, found
    assert not found.out
    assert "╭" not in found.err  # a box of tyro's
    assert found.err.startswith("sparring: ")
    return found.err.removeprefix("sparring: ").strip()


def understood(*words: str) -> list[str]:
    return checked(words, verbs.with_recipe(verbs.train, "dcgan"), "sparring train dcgan")


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
        (["--learnin-rate", 1], "Did you mean --learning-rate"),
        (["--zork"], "no such flag"),
        (["--epochs", 5], "--real-samples 50000"),
        (["--epochs", 1], "1 epoch of these 10,000 images is --real-samples 10000"),
        (["--n_epochs"], "--minutes"),
        (["--kimg", 200], "--real-samples 200000"),
        (["--color"], "--channels"),
        (["--metrics", "fid"], "--evaluate-every"),
        (["--mirror", "1"], "--augment"),
    ],
)
def test_flags_of_other_toolkits_are_named_here(words: list[object], said: str, capsys: pytest.CaptureFixture[str]) -> None:
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
        (["--size", "big"], "'big' is no whole number"),
        (["--size", "128x192"], "--size 128"),
        (["--size", "192*128"], "--size 128"),
        (["--size", "128", "192"], "--crop"),
        (["--size"], "--size needs a value"),
        (["--size", "--seed", "1"], "--size needs a value"),
        (["--real-samples", "1e6"], "1000000"),
        (["--real-samples", "50,000"], "50000"),
        (["--real-samples", "10k"], "10000"),
        (["--learning-rate", "fast"], "'fast' is no number"),
        (["--betas", "0.5"], "2 values"),
        (["--channels", "2"], "1, 3, 4"),
        (["--crop", "padd"], "Did you mean pad?"),
        (["--size", "None"], "'None' is no whole number"),
        (["--coach", "yes"], "--coach takes no value"),
        (["--coach=yes"], "--no-coach"),
        (["--background", "red", "white"], "'white' is one word too many"),
    ],
)
def test_wrong_values(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, *TRAIN, *words)
    assert said in line
    assert words[0].partition("=")[0] in line
    assert "\n" not in line


def test_every_problem_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = refused(capsys, "train", "DCGAN", "--size", "big", "--zork", "3", "--lr", "1", "--crop", "none").splitlines()
    assert lines[0] == "5 problems:"
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
    words = checked(["A", "--resize", "Bicubic", "B", "--inputs", "gray"], verbs.PLAIN["judge"], "sparring judge")
    assert words == ["A", "B", "--resize=bicubic, antialiased", "--inputs=gray"]
    assert checked(["RUN", "-n64", "--seed", "3"], verbs.PLAIN["sample"], "sparring sample") == ["RUN", "--number=64", "--seed=3"]
    assert checked(["RUN", "-number", "64"], verbs.PLAIN["sample"], "sparring sample") == ["RUN", "--number=64"]
    assert checked(["-n", "64", "RUN"], verbs.PLAIN["sample"], "sparring sample") == ["RUN", "--number=64"]
    mixed = checked(["RUN", "--coarse", "0", "1", "--fine", "2"], verbs.GROUPS["latent"]["mix"], "sparring latent mix")
    assert mixed == ["RUN", "--coarse", "0", "1", "--fine", "2"]
    with pytest.raises(UsageError, match="'C' is one word too many"):
        checked(["A", "B", "C"], verbs.PLAIN["judge"], "sparring judge")
    with pytest.raises(UsageError, match="2 problems"):
        checked(["RUN"], verbs.PLAIN["translate"], "sparring translate")
    with pytest.raises(UsageError, match="RUN is missing"):
        checked([], verbs.PLAIN["compare"], "sparring compare")


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
        ("convert", "import FILE"), ("export", "pack RUN FILE"), ("new", "train dcgan"), ("init", "train dcgan"),
        ("continue", "resume RUN"), ("infer", "translate RUN IN OUT"), ("predict", "sample RUN"), ("dataset-tool", "data prepare DATA"),
        ("project", "latent project RUN"), ("trian", "'train'"), ("data zork", "inspect, prepare"), ("latent projekt", "'project'"),
    ],
)  # fmt: skip
def test_other_names_of_commands(word: str, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, *word.split(), "x")
    assert verb in line
    assert "\n" not in line


def test_names_of_commands_elsewhere_lead_to_commands_that_there_are() -> None:
    from sparring.cli.other_toolkits import CALLED, FOLLOWED, MEANT

    for own in CALLED:
        verb, _, name = own.partition(" ")
        assert verb.startswith("--") or (name in verbs.GROUPS[verb] if name else verb in verbs.VERBS)
    assert set(FOLLOWED) <= set(CALLED)
    everything = {flag for name in recipes.names() for flag in flags_of("train", name)}
    everything |= {flag for verb in verbs.PLAIN for flag in flags_of(verb)}
    assert set(MEANT) <= everything


def flags_of(verb: str, name: str = "") -> set[str]:
    return {argument.name for argument in arguments_of(verbs.function_of(verb, name, []))}


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
    commands = {verb: verbs.function_of(verb, "", []) for verb in (*verbs.PLAIN, "resume")}
    commands |= {f"{verb} {name}": verbs.function_of(verb, name, []) for verb, group in verbs.GROUPS.items() for name in group}
    commands |= {f"train {name}": verbs.function_of("train", name, []) for name in recipes.names()}
    for called, function in commands.items():
        page = help_page(function, f"sparring {called}")
        arguments = list(arguments_of(function))
        assert all(argument.help for argument in arguments), called
        assert all(re.search(rf"^  .*{argument.name}\b", page, re.MULTILINE) for argument in arguments)
        assert max(map(len, page.splitlines())) <= columns, called
        assert "None: " not in page  # which cannot be typed
        assert not re.search(r"\b(batch_size|style_size|channel_base|held_out)\b", page)  # Python's names
        assert page.startswith(f"usage: sparring {called}")


def test_defaults_are_those_that_are_trained_with() -> None:
    page = {line.split()[0]: line for line in lines_of_flags(help_page(verbs.with_recipe(verbs.train, "dcgan"), "sparring train dcgan"))}
    assert page["--learning-rate"].endswith("(default: 0.0002)")
    assert page["--betas"].endswith("(default: 0.5 0.999)")
    assert page["--latent"].endswith("(default: uniform)")  # the recipe's own, over what it inherits
    assert "Default: the " in page["--size"]
    assert page["--coach,"].endswith("(default: off)")
    assert "4x4" not in page["--width"]


def lines_of_flags(page: str) -> list[str]:
    """A line for each flag."""
    return [" ".join(entry.split()) for entry in re.split(r"\n(?=  -)|\n\n", page) if entry.startswith("  -")]


def test_flags_before_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert "comes first" in refused(capsys, "--verbose")
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
