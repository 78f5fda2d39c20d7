"""Whatever comes from Python or from a file, a wrong value is named in a sentence before anything is done with it."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Optional

import pytest

from sparring import recipes
from sparring.core.errors import SettingsError
from sparring.core.settings_checks import COMPARISONS, range_problems, type_problems
from sparring.data.images.image_spec import ImageSpec
from sparring.data.pairs.pair_spec import PairSpec
from sparring.data.preprocessing import Preprocessing, check_and_parse_background
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.recipe import Recipe, check
from sparring.games.translation import TranslationRecipe
from sparring.recipes.dcgan import DCGAN
from sparring.recipes.gan import GAN
from sparring.training.settings import TrainSettings

PLAIN = ImageSpec(32, 32, 1)
RECIPES = [recipes.get(name) for name in recipes.names()]


@dataclass(frozen=True)
class Everything:
    """A field of each type that settings may have."""

    constant: ClassVar[int] = 1
    whole: int = 1
    number: float = 1.5
    text: str = "a"
    truth: bool = True
    choice: Literal["red", "green"] = "red"
    depth: Literal[1, 3, 4] | None = None
    many: tuple[int, ...] = (1, 2)
    pair: tuple[float, float] = (0.1, 0.2)
    mixed: tuple[int, str] = (1, "a")
    maybe: Optional[int] = None  # noqa: UP045 (the old spelling is another type)
    either: float | str = 1


def given(kind: type, **values: object) -> Any:  # noqa: ANN401
    """Settings with such values, past the type checker of this test run, which would refuse to make them."""
    settings = copy.copy(kind())
    for name, value in values.items():
        assert hasattr(settings, name)
        object.__setattr__(settings, name, value)
    return settings


def told(problem: Callable[[], object]) -> str:
    with pytest.raises(SettingsError) as error:
        problem()
    return str(error.value)


WRONG_TYPES = [
    ("whole", "8", "whole must be a whole number, not '8'."),
    ("whole", 4.5, "whole must be a whole number, not 4.5."),
    ("whole", 4.0, "whole must be a whole number, not 4.0."),
    ("whole", True, "whole must be a whole number, not True."),
    ("whole", None, "whole must be a whole number, not None."),
    ("number", "0.1", "number must be a number, not '0.1'."),
    ("number", False, "number must be a number, not False."),
    ("number", 1j, "number must be a number, not 1j."),
    ("text", 3, "text must be text, not 3."),
    ("truth", 1, "truth must be True or False, not 1."),
    ("truth", "yes", "truth must be True or False, not 'yes'."),
    ("choice", "grn", "choice cannot be 'grn'. Did you mean 'green'?"),
    ("choice", "RED", "choice cannot be 'RED'. Did you mean 'red' or 'green'?"),
    ("choice", "xyz", "choice cannot be 'xyz'. There are: green, red."),
    ("choice", 3, "choice must be 'red' or 'green', not 3."),
    ("choice", ["red"], "choice must be 'red' or 'green', not ['red']."),
    ("depth", 2, "depth must be 1 or 3 or 4 or None, not 2."),
    ("depth", True, "depth must be 1 or 3 or 4 or None, not True."),
    ("depth", 1.0, "depth must be 1 or 3 or 4 or None, not 1.0."),
    ("many", [1, 2], "many must be a tuple (a whole number, ...), not [1, 2]."),
    ("many", (1, 2.5), "many must be a tuple (a whole number, ...), not (1, 2.5)."),
    ("many", 1, "many must be a tuple (a whole number, ...), not 1."),
    ("pair", (0.5,), "pair must be a tuple (a number, a number), not (0.5,)."),
    ("pair", (1, 2, 3), "pair must be a tuple (a number, a number), not (1, 2, 3)."),
    ("pair", (1, "2"), "pair must be a tuple (a number, a number), not (1, '2')."),
    ("mixed", ("a", 1), "mixed must be a tuple (a whole number, text), not ('a', 1)."),
    ("maybe", "1", "maybe must be a whole number or None, not '1'."),
    ("either", None, "either must be a number or text, not None."),
    ("text", [0] * 1000, f"text must be text, not {str([0] * 1000)[:100]}...."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG_TYPES)
def test_a_value_of_a_wrong_type_is_named(name: str, value: object, sentence: str) -> None:
    assert type_problems(given(Everything, **{name: value})) == [sentence]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("constant", "of a class, not a setting"),
        ("whole", -(10**30)),
        ("number", 3),
        ("number", math.nan),
        ("truth", False),
        ("choice", "green"),
        ("depth", 4),
        ("many", ()),
        ("many", (7,)),
        ("pair", (0, 1.0)),
        ("maybe", 5),
        ("either", "a"),
    ],
)
def test_a_value_of_the_right_type_is_no_problem(name: str, value: object) -> None:
    assert type_problems(given(Everything, **{name: value})) == []


@pytest.mark.parametrize(
    ("value", "bounds", "sentence"),
    [
        (0, {"at least": 1}, "number must be at least 1, not 0."),
        (1, {"at least": 1}, None),
        (0, {"more than": 0}, "number must be more than 0, not 0."),
        (5e-324, {"more than": 0}, None),
        (1, {"at least": 0, "less than": 1}, "number must be less than 1, not 1."),
        (0.999, {"at least": 0, "less than": 1}, None),
        (65, {"at least": 1, "at most": 64}, "number must be at most 64, not 65."),
        (64, {"at least": 1, "at most": 64}, None),
        (math.nan, {"at least": 0}, "number must be at least 0 and finite, not nan."),
        (math.inf, {"at least": 0}, "number must be finite, not inf."),
        (-math.inf, {"less than": 0}, "number must be finite, not -inf."),
        (10**400, {"at least": 0}, f"number must be finite, not 1{'0' * 99}...."),
        ((0.5, 1.5), {"less than": 1}, "number must each be less than 1, not (0.5, 1.5)."),
        ((-1, 1.5), {"at least": 0, "less than": 1}, "number must each be at least 0 and less than 1, not (-1, 1.5)."),
        ((0.5, math.nan), {"less than": 1}, "number must each be less than 1 and finite, not (0.5, nan)."),
        ((0.5, 0.9), {"less than": 1}, None),
        (None, {"at least": 1}, None),
        ("a type problem", {"at least": 1}, None),
        (False, {"at least": 1}, None),
    ],
)
def test_a_number_out_of_range_is_named(value: object, bounds: dict, sentence: str | None) -> None:
    assert range_problems(given(Everything, number=value), {"number": bounds}) == ([] if sentence is None else [sentence])


@pytest.mark.parametrize("kind", [*RECIPES, TrainSettings])
def test_defaults_are_no_problem_and_every_number_has_a_range(kind: type) -> None:
    settings = kind()
    assert type_problems(settings) == range_problems(settings, kind.ranges) == []
    names = {field.name for field in fields(kind)}
    numbers = {name for name in names if any(not type_problems(given(kind, **{name: value})) for value in (7, (7, 7)))}
    without = {"decay_from_samples", "decay_until_samples"}  # held against each other
    assert numbers - without == set(kind.ranges) & names
    assert {words for bounds in kind.ranges.values() for words in bounds} <= set(COMPARISONS)


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe.modality in {"images", "pairs"}])
def test_the_defaults_of_every_recipe_fit_plain_images(recipe: type[Recipe]) -> None:
    spec = replace(PLAIN, classes=("shoe", "bag"))
    if issubclass(recipe, TranslationRecipe):
        spec = PairSpec(PLAIN.height, PLAIN.width, PLAIN.channels, (), PLAIN.channels, paired=recipe.translates == "paired")
    assert recipe().problems(spec) == []
    check(recipe(), spec)


@pytest.mark.parametrize(
    ("recipe", "name", "value", "sentence"),
    [
        (DCGAN, "condition", "concat", "condition cannot be 'concat'. Did you mean 'concatenate'?"),
        (DCGAN, "latent", "gaussian", "latent cannot be 'gaussian'. There are: normal, uniform."),
        (DCGAN, "batch_size", "8", "batch_size must be a whole number, not '8'."),
        (DCGAN, "width", 4.5, "width must be a whole number, not 4.5."),
        (DCGAN, "decay_from_samples", "soon", "decay_from_samples must be a whole number or None, not 'soon'."),
        (DCGAN, "width", 0, "width must be at least 1, not 0."),
        (DCGAN, "width", 400_000, "width must be at most 4096, not 400000."),
        (DCGAN, "learning_rate", -1, "learning_rate must be more than 0, not -1."),
        (DCGAN, "learning_rate", 0.0, "learning_rate must be more than 0, not 0.0."),
        (DCGAN, "learning_rate", math.nan, "learning_rate must be more than 0 and finite, not nan."),
        (DCGAN, "learning_rate", math.inf, "learning_rate must be finite, not inf."),
        (DCGAN, "betas", (1.5, 2.0), "betas must each be less than 1, not (1.5, 2.0)."),
        (DCGAN, "betas", (0.5, 1), "betas must each be less than 1, not (0.5, 1)."),
        (DCGAN, "leak", -3, "leak must be at least 0, not -3."),
        (DCGAN, "leak", math.inf, "leak must be finite, not inf."),
        (DCGAN, "latent_size", 0, "latent_size must be at least 1, not 0."),
        (DCGAN, "latent_size", 10**12, "latent_size must be at most 65536, not 1000000000000."),
        (DCGAN, "batch_size", 0, "batch_size must be at least 1, not 0."),
        (DCGAN, "ema_samples", -1, "ema_samples must be at least 0, not -1."),
        (DCGAN, "warmup_samples", -5, "warmup_samples must be at least 0, not -5."),
        (GAN, "optimizer", "SGD", "optimizer cannot be 'SGD'. Did you mean 'sgd'?"),
        (GAN, "objective", "saturated", "objective cannot be 'saturated'. Did you mean 'saturating' or 'non-saturating'?"),
        (GAN, "discriminator_steps", 0, "discriminator_steps must be at least 1, not 0."),
        (GAN, "generator_hidden", (1200, 0), "generator_hidden must each be at least 1, not (1200, 0)."),
        (GAN, "discriminator_hidden", (10**6,), "discriminator_hidden must each be at most 65536, not (1000000,)."),
        (GAN, "pieces", 65, "pieces must be at most 64, not 65."),
        (GAN, "dropout", 1.0, "dropout must be less than 1, not 1.0."),
        (GAN, "input_dropout", -0.1, "input_dropout must be at least 0, not -0.1."),
        (GAN, "momentum", 1, "momentum must be less than 1, not 1."),
        (GAN, "learning_rate", math.nan, "learning_rate must be more than 0 and finite, not nan."),
    ],
)
def test_recipes_name_wrong_values(recipe: type[Recipe], name: str, value: object, sentence: str) -> None:
    assert given(recipe, **{name: value}).problems(PLAIN) == [sentence]


def test_recipes_name_all_values_of_wrong_types_at_once_and_look_no_further() -> None:
    wrong = given(DCGAN, condition="concat", batch_size="8", decay_from_samples="1", decay_until_samples=2, betas=[0.5, 0.9], width=0)
    names = ["batch_size", "decay_from_samples", "betas", "condition"]
    assert [problem.split()[0] for problem in wrong.problems(ImageSpec(31, 32, 1))] == names


def test_recipes_name_all_that_is_out_of_range_or_does_not_fit_at_once() -> None:
    wrong = given(DCGAN, learning_rate=-1.0, width=0, leak=-3, decay_from_samples=5, condition="concatenate")
    text = told(lambda: check(wrong, ImageSpec(31, 32, 1)))
    for words in ("learning_rate must", "width must", "leak must", "give both or neither", "32x31", "needs data with classes"):
        assert words in text


def test_a_recipe_needs_no_checks_of_its_own() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Short(Recipe):
        modality = "images"
        learning_rate: float = 2e-4
        sharpness: Literal["low", "high"] = "low"

        def build(self, spec: ImageSpec) -> TwoPlayerGame:
            raise NotImplementedError

    assert Short().problems(PLAIN) == []
    assert given(Short, sharpness="hi").problems(PLAIN) == ["sharpness cannot be 'hi'. Did you mean 'high'?"]
    assert given(Short, learning_rate=math.inf).problems(PLAIN) == ["learning_rate must be finite, not inf."]


def test_train_settings_name_all_wrong_values_at_once() -> None:
    values = {
        "real_samples": True, "steps": 0, "minutes": math.inf, "seed": -1, "device": "gpu", "precision": "fp16", "threads": 10**10,
        "parts": 0, "devices": -2, "reduce": "slow",
        "log_every": "5", "sample_every": 0, "samples": 0, "checkpoint_minutes": math.nan, "checkpoint_every": 2.5,
        "keep": 0, "evaluate_every": 0, "evaluate_samples": 1, "evaluate_extractor": 5, "holdout": -1, "coach": "yes", "coach_tries": 0,
        "freeze_discriminator": -1, "freeze_mapping": "yes",
    }  # fmt: skip
    assert set(values) == {field.name for field in fields(TrainSettings)}
    lines = given(TrainSettings, **values).problems(8)
    text = "\n".join(lines)
    assert {line.split()[0] for line in lines} == set(values)
    assert len(lines) == len(values)
    for words in ("real_samples must be a whole number or None, not True", "Did you mean 'bfloat16'?", "minutes must be finite, not inf"):
        assert words in text


@pytest.mark.parametrize("parts", ["2", 0, 2.0, None])
def test_an_accumulation_that_cannot_divide_is_named_once(parts: object) -> None:
    text = "\n".join(given(TrainSettings, parts=parts).problems(8))
    assert text.count("parts") == 1


def test_good_train_settings_pass() -> None:
    assert not TrainSettings().problems(64)
    assert not TrainSettings(minutes=3, real_samples=1, seed=2**63 - 1, parts=4).problems(64)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("size", "64", "size is '64': give the side of squares, such as 64, or width x height, such as 192x128."),
        ("size", False, "size must be a whole number or text or None, not False."),
        ("size", 0, "size is 0: it must be from 1 to 8192."),
        ("size", 8193, "size is 8193: it must be from 1 to 8192."),
        ("channels", 2, "channels must be 1 or 3 or 4 or None, not 2."),
        ("channels", True, "channels must be 1 or 3 or 4 or None, not True."),
        ("crop", "centre", "crop cannot be 'centre'. Did you mean 'center'?"),
        ("max_bad", 1.5, "max_bad is 1.5: it must be a share from 0 to 1."),
        ("max_bad", math.nan, "max_bad is nan: it must be a share from 0 to 1."),
        ("background", None, "background must be text, not None."),
        ("background", "whiet", "background is 'whiet': give a color's English name or #rrggbb."),
        ("background", "rgb(999, 0, 0)", "background is 'rgb(999, 0, 0)': give a color's English name or #rrggbb."),
    ],
)
def test_preparation_names_wrong_values(name: str, value: object, sentence: str) -> None:
    assert told(lambda: check_and_parse_background(given(Preprocessing, **{name: value}))).splitlines()[1:] == [f"  - {sentence}"]


def test_preparation_names_all_wrong_values_at_once() -> None:
    wrong = given(Preprocessing, size=-1, channels="3", crop=None, background="whiet", max_bad=2)
    lines = told(lambda: check_and_parse_background(wrong)).splitlines()[1:]
    assert {line.split()[1] for line in lines} == {"size", "channels", "crop", "background", "max_bad"}


@pytest.mark.parametrize(
    ("background", "color"), [("white", (255, 255, 255)), ("#0080ff", (0, 128, 255)), ("#0080ff40", (0, 128, 255)), ("Navy", (0, 0, 128))]
)
def test_a_good_background_is_a_color(background: str, color: tuple[int, int, int]) -> None:
    assert check_and_parse_background(Preprocessing(background=background)) == color
