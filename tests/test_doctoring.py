import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sparring
from sparring import recipes
from sparring.cli import main
from sparring.core.errors import SettingsError, SparringError
from sparring.data.images.image_spec import ImageSpec
from sparring.data.open_by_name import open_source
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.order_store import prepare_orders
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.games.game import Game, Turn
from sparring.games.orders_gan import OrdersGame
from sparring.games.step_context import StepContext
from sparring.health.diagnosis.record_questions import labels_match_images
from sparring.health.doctor import data_checks, time_estimate
from sparring.health.doctor import doctor as doctor_module
from sparring.health.doctor.doctor import doctor
from sparring.health.doctor.recommend_recipe import recommend
from sparring.health.doctor.time_estimate import Pace, Stopwatch, measure_pace, pace_in_words, phases_of
from sparring.health.measurements import HealthMeasurements
from sparring.losses.objectives import Losses
from sparring.media.image_decoding import Crop
from sparring.recipes.cgan import CGAN
from sparring.recipes.r3gan import R3GAN
from sparring.recipes.stylegan2 import StyleGAN2
from sparring.runs.run_progress import FIRST_LOOK
from sparring.training.session import resolve
from sparring.training.settings import TrainSettings
from support.orders import COLUMNS, write_log

FAST = Pace(1000.0, 512, "2 threads, float32")
Write = Callable[..., Path]


def patches(count: int, seed: int = 0, low: int = 0, high: int = 256) -> np.ndarray:
    """Gray 16x16 images of 4x4 patches, no two alike."""
    return np.random.default_rng(seed).integers(low, high, (count, 4, 4), np.uint8).repeat(4, 1).repeat(4, 2)[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(images: np.ndarray, labels: np.ndarray | None = None) -> Path:
        path = tmp_path / "images.npz"
        np.savez(path, images=images, **({} if labels is None else {"labels": labels}))
        return path

    return write


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "measure_pace", lambda *_: FAST)


def opened(path: Path) -> Store:
    return prepare(open_source(path), Preprocessing(size=16))


def found(path: Path, **settings: object) -> dict[str, data_checks.Difficulty]:
    return {one.name: one for one in doctor(path, **settings).difficulties}


def measured(count: int = 10_000, **others: object) -> dict[str, object]:
    """What is measured of good data in two classes that look different."""
    names = {"agreement": "label_agreement", "agreement_by_chance": "label_agreement/by_chance"}
    values = {"count": count, "measured": min(count, 2048), "pairwise_distance": 0.5, "near_duplicates": 0.0, "standard_deviation": 0.5}
    classes = {"classes": [0.5, 0.5], "label_agreement": 0.9, "label_agreement/by_chance": 0.5}
    return values | classes | {names.get(name, name): value for name, value in others.items()}


# ------------------------------------------------------------------------------------------------------------ difficulties


@pytest.mark.usefixtures("fast")
def test_nothing_is_hard_about_good_data(write: Write) -> None:
    halves = np.concatenate([patches(2600, low=0, high=120), patches(2600, low=136)])
    advice = doctor(write(halves, np.arange(5200) // 2600), device="cpu")
    assert advice.difficulties == ()
    assert advice.recipe == "cgan"
    assert advice.lines()[1] == "Nothing is hard here."


@pytest.mark.parametrize(
    ("count", "severity"),
    [(1, "severe"), (99, "severe"), (100, "warning"), (999, "warning"), (1000, "note"), (4999, "note"), (5000, None)],
)
def test_few_images(count: int, severity: str | None) -> None:
    one = data_checks.few_images(measured(count))
    assert (one and one.severity) == severity
    assert one is None or one.description.startswith(f"{count:,} image")


@pytest.mark.usefixtures("fast")
def test_twenty_images_are_far_too_few(write: Write) -> None:
    advice = doctor(write(patches(20)), device="cpu")
    assert [(one.name, one.severity) for one in advice.difficulties] == [("few images", "severe")]
    assert advice.settings["augment"] == "diffaugment"
    assert "Hard here: few images." in advice.lines()


@pytest.mark.usefixtures("fast")
def test_near_duplicates(write: Write) -> None:
    images = patches(90)
    images = np.concatenate([images, images[:30]])  # 30 and their copies: 60 of 120
    one = found(write(images))["near-duplicates"]
    assert one.description == "50% of the images have a near-duplicate among them."
    assert one.severity == "warning"
    assert "near-duplicates" not in found(write(images[:92]))  # 4 of 92 is less than a twentieth


@pytest.mark.usefixtures("fast")
def test_images_that_are_all_the_same(write: Write) -> None:
    one = found(write(patches(1).repeat(150, axis=0)))["near-duplicates"]
    assert one.severity == "severe"
    assert "0.0% of the way" in one.description


def test_more_near_duplicates_than_were_looked_at() -> None:
    one = data_checks.near_duplicates(measured(10_000, near_duplicates=0.6))
    assert one is not None
    assert one.severity == "severe"
    assert one.description == "60% of the 2,048 images measured have a near-duplicate among them; among all there will be more."


@pytest.mark.usefixtures("fast")
def test_faint_images(write: Write) -> None:
    # uniform from 120 to 135: deviation 4.61 of 255
    one = found(write(patches(2000, low=120, high=136)))["faint images"]
    assert "1.8% of the way" in one.description


@pytest.mark.parametrize(
    ("counts", "name", "words"),
    [
        ({"cats": 500, "dogs": 5}, "uneven classes", "(cats) has 500 images, the smallest (dogs) 5. Classes with fewer than 50: 1 of 2."),
        ({"cats": 500, "dogs": 50}, "uneven classes", "(dogs) 50."),
        ({"cats": 500, "dogs": 0}, "uneven classes", "(dogs) 0. Classes with fewer than 50: 1 of 2."),
        ({"cats": 60, "dogs": 49}, "small classes", "Classes with fewer than 50: 1 of 2."),
        ({"cats": 499, "dogs": 50}, None, ""),
    ],
)
def test_classes(counts: dict[str, int], name: str | None, words: str) -> None:
    every = data_checks.check_classes(counts)
    assert [one.name for one in every] == ([] if name is None else [name])
    assert all(one.description.endswith(words) for one in every)


@pytest.mark.usefixtures("fast")
def test_one_class_of_500_and_one_of_5(write: Write) -> None:
    images = np.concatenate([patches(500, low=0, high=120), patches(5, low=136)])
    one = found(write(images, np.arange(505) // 500))["uneven classes"]
    assert "has 500 images" in one.description


@pytest.mark.usefixtures("fast")
def test_shuffled_labels(write: Write) -> None:
    images, labels = np.concatenate([patches(200, low=0, high=120), patches(200, low=136)]), np.arange(400) // 200
    advice = doctor(write(images, labels), device="cpu")
    assert "uninformative labels" not in {one.name for one in advice.difficulties}
    assert advice.recipe == "cgan"
    advice = doctor(write(images, np.random.default_rng(0).permutation(labels)), device="cpu")
    assert "by chance it would in 50%" in {one.name: one for one in advice.difficulties}["uninformative labels"].description
    assert advice.recipe == "r3gan"
    assert "images do not show them" in advice.reason


def test_labels_are_judged_against_chance() -> None:
    # half by chance, 400 looked at: a standard error of 0.025, so 0.6 is just not enough
    assert not labels_match_images(measured(400, agreement=0.6))
    assert labels_match_images(measured(400, agreement=0.61))
    assert data_checks.uninformative_labels(measured(400, agreement=0.6)) is not None
    assert data_checks.uninformative_labels(measured(99, agreement=0.5)) is None  # too few to tell
    assert data_checks.uninformative_labels(measured(400, classes=[1.0], agreement=1.0, agreement_by_chance=1.0)) is None


def named(sizes: list[tuple[int, int]], size: int, crop: Crop = "center") -> list[str]:
    return [one.name for one in data_checks.check_sizes(sizes, ImageSpec(size, size, 3), crop=crop)]


def test_sizes() -> None:
    assert named([(28, 28)], 32) == []
    assert named([(43, 43)], 64) == []
    assert named([(42, 42)], 64) == ["small images"]
    assert named([(16, 16)] + [(64, 64)] * 9, 64) == []
    assert named([(255, 255)], 64) == []
    assert named([(256, 256)], 64) == ["large images"]
    assert named([(64, 80)], 64) == []
    assert named([(64, 81)], 64) == ["oblong images"]
    assert named([(81, 64)], 64, "pad") == []
    assert named([(256, 400)], 64, "random") == []
    assert named([(42, 42)], 64, "random") == ["small images"]
    assert named([], 64) == []
    assert data_checks.check_sizes([(20, 20)], ImageSpec(64, 64, 3), crop="center")[0].remedy == "Give --size 16."


@pytest.mark.parametrize(
    ("sides", "most", "size"),
    [([28], 64, 32), ([72], 64, 64), ([1000], 64, 64), ([1000], 128, 128), ([42], 64, 32), ([43], 64, 64), ([5], 64, 16), ([], 64, 64)],
)
def test_suitable_size(sides: list[int], most: int, size: int) -> None:
    assert data_checks.suitable_size([(side, side + 9) for side in sides], most) == size


@pytest.mark.usefixtures("fast")
def test_tiny_images_in_a_folder_are_enlarged_only_if_asked_for(tmp_path: Path) -> None:
    for number, image in enumerate(patches(30)):
        Image.fromarray(image[2:, 2:, 0]).save(tmp_path / f"{number}.png")  # 14x14
    advice = doctor(tmp_path)
    assert advice.spec.height == advice.settings["size"] == 16
    assert "small images" not in {one.name for one in advice.difficulties}
    assert found(tmp_path, size=64)["small images"].description.startswith("100% of the images are much smaller than 64 pixels")


@pytest.mark.usefixtures("fast")
def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    for number, image in enumerate(patches(11)):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    one = found(tmp_path)["unusable files"]
    assert one.description.startswith("1 of 12 files cannot be used. The first: broken.png: ")
    assert one.severity == "warning"


def test_pace() -> None:
    spec, [slow] = ImageSpec(64, 64, 3), doctor_module.check_pace(Pace(50.0, None, ""), ImageSpec(64, 64, 3))
    assert (slow.name, slow.remedy) == ("slow", "--size 32 takes about a quarter of that.")  # 200,000 / 50 s: 67 minutes
    assert doctor_module.check_pace(Pace(60.0, None, ""), spec) == []
    [busy] = doctor_module.check_pace(Pace(50.0, None, "", share=0.4), spec)
    assert (busy.name, busy.severity) == ("busy machine", "note")
    assert "40%" in busy.description


# ---------------------------------------------------------------------------------------------------------- what to start with


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("classes", [(), ("a",), ("a", "b"), tuple("abcdefghij")])
@pytest.mark.parametrize("count", [1, 20, 500, 5000, 50_000])
def test_recommendations_fit_their_data(device: str, classes: tuple[str, ...], count: int) -> None:
    for side in (8, 16, 32, 64, 128, 256, 512, 1024):
        for channels in (1, 3, 4):
            spec = ImageSpec(side, side, channels, classes)
            for agreement in (0.5, 0.9):
                recommendation = recommend(spec, measured(count, agreement=agreement), device)
                assert recommendation.recipe.problems(spec) == []
                assert recommendation.reason


def test_recommendations() -> None:
    pets, plain = ImageSpec(32, 32, 3, ("cat", "dog")), ImageSpec(32, 32, 3)
    assert recommend(pets, measured(), "cpu").recipe == CGAN(width=32)
    assert recommend(pets, measured(500), "cpu").recipe == CGAN(width=32, augment="diffaugment")
    assert isinstance(recommend(pets, measured(99), "cpu").recipe, R3GAN)  # fewer than fifty of each
    assert not isinstance(recommend(pets, measured(99), "cpu").recipe, CGAN)
    assert not isinstance(recommend(pets, measured(agreement=0.5), "cpu").recipe, CGAN)
    assert recommend(plain, measured(), "cpu").recipe == R3GAN()
    assert recommend(ImageSpec(8, 8, 3, ("cat", "dog")), measured(), "cpu").recipe == R3GAN(condition="projection"), "too small for cgan"
    assert recommend(ImageSpec(128, 128, 3), measured(500), "cpu").recipe == R3GAN(augment="diffaugment")
    as_for_cifar: dict[str, Any] = {"style_mixing": 0.0, "path_length": 0.0, "discriminator_architecture": "orig"}
    assert recommend(pets, measured(), "cuda").recipe == StyleGAN2(condition="projection", augment="ada", mapping_layers=2, **as_for_cifar)
    assert recommend(plain, measured(30_000), "cuda").recipe == StyleGAN2(mapping_layers=2, **as_for_cifar)
    assert recommend(ImageSpec(64, 64, 3), measured(30_000), "cuda").recipe == StyleGAN2(mapping_layers=2)
    assert recommend(ImageSpec(512, 512, 3), measured(30_000), "cuda").recipe.batch_size == 8


@pytest.mark.parametrize(("height", "width", "near"), [(100, 100, "96"), (4, 4, "8"), (2048, 2048, "1024"), (50, 100, "96x48")])
def test_sides_that_nothing_suits(height: int, width: int, near: str) -> None:
    with pytest.raises(SettingsError, match=rf"images are {width}x{height} \(width x height\). Use --size, for example {near} or "):
        recommend(ImageSpec(height, width, 3, ("a", "b")), measured(), "cpu")


def test_rectangles_are_advised_on_as_squares_of_as_many_pixels() -> None:
    wide, square = (recommend(ImageSpec(*sides, 3), measured(), "cpu") for sides in ((32, 128), (64, 64)))
    assert wide == square
    assert recommend(ImageSpec(512, 384, 3), measured(), "cpu").reason.startswith("StyleGAN2 also generates images of 384x512.")


class StoppedError(SparringError):
    pass


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("labeled", [True, False])
def test_the_command_asks_for_what_is_recommended(labeled: bool, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.concatenate([patches(100, low=0, high=120), patches(100, low=136)])
    advice = doctor(write(images, np.arange(200) // 100 if labeled else None), device="cpu", threads=1, crop="pad")
    assert advice.settings["minutes"] == 10  # 200,000 images at 1,000 a second take four
    asked = {}

    def train(recipe: object, data: str, out: Path, **settings: object) -> None:
        asked.update(settings, recipe=recipe, data=data)
        raise StoppedError

    monkeypatch.setattr("sparring.api.train", train)
    with pytest.raises(SystemExit):
        main.main(shlex.split(advice.command)[1:])
    assert isinstance(asked["recipe"], CGAN if labeled else R3GAN)
    assert asked["data"] == advice.data
    assert {name: asked[name] for name in advice.settings} == advice.settings
    recipe = recommend(advice.spec, advice.measurements, "cpu").recipe
    assert {name: value for name, value in vars(recipe).items() if asked[name] != value} == {}


def test_a_real_training_starts_as_advised(squares: Path, tmp_path: Path) -> None:
    advice = doctor(squares, device="cpu", threads=1)
    assert advice.recipe == "r3gan"  # sixty images in two classes are too few of each
    assert advice.pace.samples_per_second > 1
    assert advice.pace.machine.startswith("1 thread, ")
    model = sparring.train(advice.recipe, squares, tmp_path / "run", **{**advice.settings, "steps": 1, "samples": 4})
    assert model.sample(2).shape == (2, 1, 16, 16)


def test_time_counts_what_is_learned_before_the_game() -> None:
    pace = Pace(10.0, None, "1 thread, float32", before=((600, 100.0), (100, 50.0)))
    assert [pace.minutes_for(samples) * 60 for samples in (300, 600, 650, 700, 720)] == pytest.approx([3, 6, 7, 8, 10])
    for seconds in (3, 6, 7, 8, 10):
        assert pace.minutes_for(pace.samples_in(seconds / 60)) * 60 == pytest.approx(seconds)
    assert Pace(10.0, None, "").samples_in(0.5) == 300
    assert pace_in_words(pace, "lines") == "Here (1 thread, float32): 10 lines a second in the game, which begins after less than a minute"


def test_phases_are_those_in_which_the_same_turns_are_played() -> None:
    def turn(start: int = 0, stop: int | None = None) -> Turn:
        return Turn("turn", "player", lambda _: {}, start=start, stop=stop)

    game = Game(ImageSpec(16, 16, 1))
    for turns, phases in (
        ([turn(), turn()], [(0, 0)]),
        ([turn(stop=40), turn(40), turn(40)], [(0, 40), (40, 0)]),
        ([turn(stop=40), turn(40), turn(55)], [(0, 40), (40, 15), (55, 0)]),
        ([turn(stop=0), turn()], [(0, 0)]),
    ):
        game.turns = tuple(turns)
        assert phases_of(game) == phases


def test_each_phase_has_its_own_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `ecgan`, which learns vectors before its game."""
    play = OrdersGame.play_generator

    def slowly(game: OrdersGame, context: StepContext) -> Losses:
        time.sleep(0.25)
        return play(game, context)

    monkeypatch.setattr(OrdersGame, "play_generator", slowly)
    monkeypatch.setattr(time_estimate, "TIMED_SECONDS", 0.6)
    data, _ = prepare_orders(write_log(tmp_path), OrderReading(**COLUMNS))
    training = resolve(TrainSettings(device="cpu", threads=1))
    pace = measure_pace(recipes.get("ecgan")(batch_size=32, embedding_steps=12), data, training)
    [(shown, first)] = pace.before
    assert shown == 12 * 32
    assert pace.samples_per_second < 32 / 0.25
    assert first > pace.samples_per_second  # nothing slow was in it


def test_on_a_busy_machine_the_command_ends_with_the_first_look_that_it_names(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "measure_pace", lambda *_: Pace(50.0, None, "2 threads, float32", share=0.4))
    advice = doctor(store, device="cpu")
    assert advice.settings["real_samples"] == FIRST_LOOK
    assert "minutes" not in advice.settings
    assert "--real-samples 200000" in advice.command
    assert not any("where that command ends" in line for line in advice.lines()), "it is the first look"
    assert doctor(store, device="cpu", minutes=5).settings["minutes"] == 5


def test_a_prepared_store(store: Store, fast: None) -> None:
    advice = doctor(store)
    assert advice.data == str(store.folder)
    assert "size" not in advice.settings
    assert doctor(store.folder).settings == advice.settings
    with pytest.raises(SettingsError, match="prepared already"):
        doctor(store, size=32)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sice": 32}, "Did you mean 'size'"),
        ({"minutes": -1}, "minutes must be at least 0"),
        ({"size": 0}, "size is 0"),
        ({"size": 50}, r"images are 50x50 \(width x height\)\. Use --size"),
        ({"threads": -1}, "threads must be at least 0"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, object], words: str, squares: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        doctor(squares, **settings)


# -------------------------------------------------------------------------------------------------------------------- how long


def test_stopwatch_times_whole_cycles() -> None:
    watch = Stopwatch(4)
    watch.marks = [(1.0, 100)]
    assert not watch.is_done()
    watch.marks += [(1.5, 150), (2.0, 200), (3.0, 300)]
    assert watch.samples_per_second == 100.0  # no whole cycle: all three steps
    watch.marks += [(9.0, 500), (99.0, 501)]
    assert watch.is_done()
    assert watch.samples_per_second == 50.0  # the first four: 400 images in 8 seconds


def test_durations_and_numbers_in_words() -> None:
    assert [time_estimate.round_up_minutes(minutes) for minutes in (0, 10, 10.1, 45, 46, 61)] == [10, 10, 15, 45, 60, 120]
    assert [time_estimate.duration(minutes) for minutes in (0.1, 1.4, 119, 120, 2879, 2880)] == [
        "1 minute", "1 minute", "119 minutes", "2 hours", "48 hours", "2 days",
    ]  # fmt: skip
    assert [time_estimate.two_figures(number) for number in (0, 0.4567, 4.567, 45.67, 1234, 1_000_000)] == [
        "0", "0.46", "4.6", "46", "1,200", "1,000,000",
    ]  # fmt: skip


def test_times_and_passes(store: Store, fast: None) -> None:
    lines = doctor(store, minutes=5, device="cpu").lines()
    assert "Here (2 threads, float32): 1,000 images a second, 0.5 GiB of memory." in lines
    # 60 images at 1,000 a second
    assert [line.strip() for line in lines[-4:-1]] == [
        "about 3 minutes: 200,000 images (each 3,300 times), a first look: shapes can be recognized",
        "about 5 minutes: 300,000 images (each 5,000 times), where that command ends",
        "about 17 minutes: 1,000,000 images (each 17,000 times), little more can be gained with these networks",
    ]


# -------------------------------------------------------------------------------------------------------------------- the verb


def test_the_verb(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], fast: None) -> None:
    images = write(patches(60), np.arange(60) % 2)
    with pytest.raises(SystemExit) as ended:
        main.main(["doctor", "--data", str(images), "--size", "32", "--json", str(tmp_path / "advice.json")])
    assert not ended.value.code
    out, advice = capsys.readouterr().out, json.loads((tmp_path / "advice.json").read_text())
    assert f"\n  {advice['command']}\n" in out
    assert advice["settings"]["size"] == 32
    assert advice["minutes"]["first look"] == pytest.approx(200 / 60)
    assert advice["measurements"]["count"] == 60
    assert {one["name"] for one in advice["difficulties"]} == {"few images", "small classes", "small images"}


@pytest.mark.parametrize("place", ["fashion10", "empty"])
def test_no_data_ends_in_a_sentence(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as ended:
        main.main(["doctor", "--data", place])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("sparring: ")


def test_measurements_are_those_of_training(squares: Path, fast: None) -> None:
    assert doctor(squares).measurements == HealthMeasurements(opened(squares), None, 0).measure_data()
