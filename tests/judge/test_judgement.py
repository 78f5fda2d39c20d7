"""Whole judgments: collapses built on purpose, the full path against torch-fidelity, reports, and bad input."""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_fidelity
from PIL import Image, ImageFilter
from rich.console import Console

import sparring
from sparring.core.atomic_files import sha256_of_file
from sparring.core.errors import DataError, SettingsError
from sparring.core.jsonl import read_lines
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.evaluation.compare import RunScores, markdown_table, plot_comparison, rank_runs
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import ImageSet, image_set_from_store
from sparring.evaluation.judgment import Judgment, judge_images
from sparring.evaluation.model_costs import SECONDS
from sparring.nets.feature_extractors.efficientnet_lite0 import weights_file

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def garments() -> Store:
    return prepare(open_source("fashion10k"), Preprocessing())


def some(store: Store, numbers: np.ndarray, name: str, change: object = None) -> ImageSet:
    """Images of the store with these numbers, changed."""
    pixels = store.pixels[numbers].view(np.ndarray)
    if callable(change):
        pixels = change(pixels)
    assert store.labels is not None

    def batches() -> Iterator[np.ndarray]:
        yield from np.array_split(pixels, 3)

    def pick(chosen: Sequence[int]) -> np.ndarray:
        return pixels[list(chosen)]

    fingerprint = name if name == "real" else None
    return ImageSet(name, len(numbers), store.spec.classes, batches, pick, store.labels[numbers], fingerprint=fingerprint)


def of_each_class(store: Store, n: int, first: int = 0) -> np.ndarray:
    """Numbers of `n` images of each class."""
    assert store.labels is not None
    return np.concatenate([np.flatnonzero(store.labels == label)[first : first + n] for label in range(10)])


@pytest.fixture(scope="module")
def real(garments: Store) -> ImageSet:
    return some(garments, of_each_class(garments, 40), "real")


@pytest.fixture(scope="module")
def good(garments: Store, real: ImageSet, lite0: Extractor) -> Judgment:
    """Other real images, which is as good as it gets."""
    return judge_images(real, some(garments, of_each_class(garments, 40, 100), "good"), lite0)


def test_other_real_images_score_well(good: Judgment) -> None:
    for name, low, high in [
        ("precision", 0.6, 1),
        ("recall", 0.6, 1),
        ("coverage", 0.75, 1),
        ("density", 0.7, 1.3),
        ("diversity", 0.9, 1.1),
        ("memorization", 0.35, 0.65),
        ("copies", 0, 0.06),
    ]:
        assert low <= good[name].value <= high, name
    assert abs(good["KD-lite0"].value) < 3 * (good["KD-lite0"].standard_error or 0)
    assert good.sentences == ()
    assert "400 images are few for 1,280 features" in good["FD-lite0"].warning


def test_one_image_of_each_class_again_and_again(garments: Store, real: ImageSet, good: Judgment, lite0: Extractor) -> None:
    judged = judge_images(real, some(garments, np.repeat(of_each_class(garments, 1, 100), 20), "collapsed"), lite0)
    assert judged["IS-lite0"].value > 0.9 * judged["IS-lite0 of the real images"].value  # content with it
    assert judged["recall"].value < 0.03
    assert judged["coverage"].value < 0.15
    assert judged["FD-lite0"].value > 2 * good["FD-lite0"].value
    assert judged["KD-lite0"].value > good["KD-lite0"].value + 5 * (judged["KD-lite0"].standard_error or 0)
    words = " ".join(judged.sentences)
    assert "Do not trust IS-lite0" in words
    assert "Quality without variety" in words


def test_half_the_classes_dropped(garments: Store, real: ImageSet, good: Judgment, lite0: Extractor) -> None:
    numbers = of_each_class(garments, 40, 100)[: 5 * 40]
    judged = judge_images(real, some(garments, numbers, "half"), lite0)
    assert judged["precision"].value > good["precision"].value - 0.1
    assert judged["coverage"].value < good["coverage"].value - 0.3
    assert judged["recall"].value < good["recall"].value - 0.2
    assert {score.label for score in judged.by_class} == set(garments.spec.classes[:5])


def blurred(pixels: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(each[:, :, 0]).filter(ImageFilter.GaussianBlur(2)))[:, :, None] for each in pixels])


def noisy(pixels: np.ndarray) -> np.ndarray:
    return (pixels + np.random.default_rng(0).normal(0, 40, pixels.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", [blurred, noisy])
def test_blur_and_noise_cost_quality(change: object, garments: Store, real: ImageSet, good: Judgment, lite0: Extractor) -> None:
    judged = judge_images(real, some(garments, of_each_class(garments, 10, 100), "spoilt", change), lite0)
    assert judged["precision"].value < 0.3 < good["precision"].value
    assert judged["density"].value < good["density"].value / 3
    assert judged["FD-lite0"].value > 2 * good["FD-lite0"].value
    assert judged["KD-lite0"].value > 10 * abs(good["KD-lite0"].value)


def test_a_copy_of_the_training_set_is_named(garments: Store, real: ImageSet, lite0: Extractor) -> None:
    held_out = some(garments, of_each_class(garments, 10, 200), "held out")
    judged = judge_images(real, some(garments, of_each_class(garments, 40), "real"), lite0, held_out=held_out)
    assert judged["FD-lite0"].value == pytest.approx(0, abs=1e-2)
    assert (judged["precision"].value, judged["recall"].value) == (1, 1)
    assert judged["memorization"].value == 1
    assert judged["copies"].value == 1
    assert judged.sentences == ("Copies: the two sides are the same images, so distances of 0 say nothing about a generator.",)
    assert all(pair.distance == 0 and pair.sample == pair.training for pair in judged.pairs)
    assert judged.notes == ()


def test_every_score_carries_its_protocol(good: Judgment) -> None:
    for score in good.to_json()["scores"]:
        compared = 80 if score["name"] == "accuracy of class, real images" else 400  # a fifth of them, which it has not learned from
        assert (score["n_real"], score["n_fake"], score["extractor"], score["seed"]) == (400, compared, "lite0", None)
        assert score["weights"] == sha256_of_file(weights_file())[:12]
        assert score["resize"] == "bicubic, antialiased, to 224x224"
    low, high = good["precision"].interval or (0, 0)
    assert low < good["precision"].value < high
    with pytest.raises(KeyError, match="there are: FD-lite0"):
        good["FID"]


# --------------------------------------------------------------------------- the full path, from images


def folder_of(path: Path, n: int, side: int, seed: int, classes: int = 0) -> Path:
    draws = np.random.default_rng(seed)
    for number in range(n):
        place = path / f"class-{number % classes}" if classes else path
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(draws.integers(0, 256, (6, 6, 3), np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(place / f"{number:03d}.png")
    return path


@pytest.mark.long
def test_the_full_path_agrees_with_torch_fidelity(tmp_path: Path, inception_file: Path) -> None:
    real, fake = folder_of(tmp_path / "real", 9, 40, 0), folder_of(tmp_path / "fake", 7, 40, 1)
    judged = sparring.judge(fake, real, extractor="inception", weights=inception_file, exact=True, console=QUIET)
    theirs = torch_fidelity.calculate_metrics(
        input1=str(fake), input2=str(real), feature_extractor="inception-v3-compat",
        fid=True, isc=True, kid=True, prc=True, kid_subset_size=7, kid_subsets=1, isc_splits=1,
        feature_extractor_weights_path=str(inception_file), cuda=False, cache=False, verbose=False, batch_size=7,
    )  # fmt: skip
    assert judged["FD-inception"].value == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)
    assert judged["precision"].value == pytest.approx(theirs["precision"])
    assert judged["recall"].value == pytest.approx(theirs["recall"])
    assert judged["IS-inception"].value == pytest.approx(theirs["inception_score_mean"], rel=1e-4)
    assert judged["FD-inception"].protocol.resize.startswith("bilinear, TensorFlow 1")


def test_real_images_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = folder_of(tmp_path / "real", 8, 16, 0), folder_of(tmp_path / "fake", 8, 16, 1)
    first = sparring.judge(fake, real, console=QUIET)
    monkeypatch.setattr(Extractor, "forward_chunk", lambda *_: pytest.fail("looked at again"))
    again = sparring.judge(fake, real, console=QUIET)
    assert [score.value for score in again.scores] == [score.value for score in first.scores]
    with pytest.raises(pytest.fail.Exception):  # but another resize gives other features
        sparring.judge(fake, real, resize="bilinear, TensorFlow 1", console=QUIET)


# -------------------------------------------------------------------------------------- models and reports


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, squares: Path) -> Path:
    run = tmp_path_factory.mktemp("runs") / "judged"
    sparring.train(
        "dcgan", data=squares, out=run, steps=6, evaluate_every=3, evaluate_samples=20, condition="concatenate", console=QUIET,
        width=4, batch_size=8, latent_size=5, threads=1, samples=4,
    )  # fmt: skip
    return run


def test_a_run_is_judged_against_its_own_data(trained: Path, squares: Path, tmp_path: Path) -> None:
    judged = sparring.judge(trained, samples=30, out=tmp_path, console=QUIET)
    assert (judged.real.count, judged.fake.count, judged.fake.seed) == (60, 30, 0)
    assert {score.label for score in judged.by_class} == {"0", "1"}
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["scores"][0]["name"] == "FD-lite0"
    assert report["scores"][0]["value"] == judged["FD-lite0"].value
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", page)  # nothing is fetched
    assert page.count("data:image/png") == 2 + 2 * len(judged.pairs)
    for words in ("what it cannot show", "By class", "Nearest training images", judged["FD-lite0"].protocol.weights):
        assert words in page
    packed = sparring.pack(trained, tmp_path / "model.safetensors")
    by_file = sparring.judge(squares, packed, samples=30, console=QUIET)  # whichever comes first, the model is what is judged
    assert by_file["recall"].value == judged["recall"].value
    with pytest.raises(SettingsError, match="or imported model, which does not know its training data"):
        sparring.judge(packed, console=QUIET)


def test_names_of_classes_and_files_are_no_markup(tmp_path: Path, lite0: Extractor) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), np.uint8)
    classes = ("<script>alert(1)</script>",)
    images = ImageSet(
        "<b>", 12, classes, lambda: iter([pixels]), lambda chosen: pixels[list(chosen)], np.zeros(12, np.int64), names=["<i>"] * 12
    )
    from sparring.evaluation.report import report_html

    page = report_html(judge_images(images, images, lite0))
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<i>:" not in page


def test_training_is_judged_now_and_then(trained: Path) -> None:
    lines = read_lines(trained / "scores.jsonl")
    assert [line["step"] for line in lines] == [3, 6]
    assert {line["name"] for line in lines} == {"FD-lite0"}
    model = sparring.load(trained, checkpoint="3")
    judged = sparring.judge(model, samples=20, console=QUIET)
    assert judged["FD-lite0"].value == pytest.approx(lines[0]["value"], rel=1e-6)
    best = min(lines, key=lambda line: line["value"])["step"]
    assert torch.equal(sparring.load(trained, checkpoint="best").sample(4), sparring.load(trained, checkpoint=best).sample(4))


def test_an_interrupted_run_is_judged_as_one_that_was_not(squares: Path, tmp_path: Path) -> None:
    settings = {
        "evaluate_every": 2, "evaluate_samples": 10, "console": QUIET, "log_every": 1,
        "width": 4, "batch_size": 8, "latent_size": 5, "threads": 1, "samples": 4,
    }  # fmt: skip
    sparring.train("dcgan", data=squares, out=tmp_path / "whole", steps=6, **settings)
    sparring.train("dcgan", data=squares, out=tmp_path / "parts", steps=3, **settings)
    scores = tmp_path / "parts" / "scores.jsonl"
    with scores.open("a") as file:  # as if it had gone on to step 4 and lost that
        file.write('{"step": 4, "value": 1}\n{"st')
    sparring.resume(tmp_path / "parts", steps=6, console=QUIET)
    assert scores.read_bytes() == (tmp_path / "whole" / "scores.jsonl").read_bytes()
    timing = read_lines(tmp_path / "parts" / "timing.jsonl")
    assert 0 < timing[-1]["evaluation_share"] < 1


def test_runs_are_ranked_with_means_and_spread(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    scores = [("b", 4.0, 0.5), ("a", 1.0, 0.9), ("a", 3.0, 0.7)]
    lines = rank_runs([RunScores(name, {"FD-lite0": fd, "precision": precision, "other": 1}) for name, fd, precision in scores], "FD-lite0")
    assert [(line.name, line.runs) for line in lines] == [("a", 2), ("b", 1)]
    assert lines[0].means == {"FD-lite0": 2, "precision": pytest.approx(0.8)}
    assert lines[0].spreads["FD-lite0"] == pytest.approx(2**0.5)
    assert markdown_table(lines).splitlines() == [
        "|  | runs | FD-lite0 | precision |", "| --- | --- | --- | --- |", "| a | 2 | 2 ± 1.4 | 0.8 ± 0.14 |", "| b | 1 | 4 | 0.5 |",
    ]  # fmt: skip
    plot_comparison(lines, tmp_path / "plot.png")
    assert Image.open(tmp_path / "plot.png").width > 300


def test_compare_judges_each_run_once(trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    again = shutil.copytree(trained, tmp_path / "again")
    (row,) = sparring.compare([trained, again], samples=12, out=tmp_path / "table.md", console=QUIET)
    assert row.runs == 2
    assert "width=4" in row.name
    assert "FD-lite0" in (tmp_path / "table.md").read_text()
    monkeypatch.setattr("sparring.evaluation.compare.judge", lambda *_, **__: pytest.fail("judged again"))
    (repeated,) = sparring.compare([trained, again], samples=12, console=QUIET)
    kept = [name for name in row.means if name != SECONDS]
    assert [repeated.means[name] for name in kept] == [row.means[name] for name in kept]
    assert row.means["parameters"] > 1000
    with pytest.raises(pytest.fail.Exception):
        sparring.compare([trained, again], samples=13, console=QUIET)


# --------------------------------------------------------------------------------------------- bad input


def test_bad_input_is_refused_or_said(tmp_path: Path, squares: Path) -> None:
    real = folder_of(tmp_path / "real", 12, 16, 0)
    one = folder_of(tmp_path / "one", 1, 16, 0)
    with pytest.raises(DataError, match="too few images, 1: at least 6"):
        sparring.judge(one, real, console=QUIET)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty"):
        sparring.judge(tmp_path / "empty", real, console=QUIET)
    images = np.random.default_rng(0).random((10, 8, 8, 1)).astype(np.float32)
    images[3, 0, 0] = np.nan
    np.savez(tmp_path / "nan.npz", images=images)
    with pytest.raises(DataError, match="image 3 holds NaN"):
        sparring.judge(tmp_path / "nan.npz", real, console=QUIET)
    with pytest.raises(SettingsError, match="is data: name what it is judged against"):
        sparring.judge(real, console=QUIET)
    mixed = folder_of(tmp_path / "mixed", 20, 24, 2)
    (mixed / "torn.png").write_bytes((mixed / "000.png").read_bytes()[:60])
    judged = sparring.judge(mixed, real, console=QUIET)
    assert judged.fake.count == 20
    notes = " ".join(judged.notes)
    assert "1 of 21 images could not be used" in notes
    assert "each is resized" in notes
    with pytest.raises(SettingsError, match="samples must be at least 1"):
        sparring.judge(real, real, samples=0, console=QUIET)


def test_a_store_is_judged_as_it_is(store: Store) -> None:
    images = image_set_from_store(store, "squares")
    assert np.array_equal(np.concatenate(list(images.batches())), store.pixels)
    assert np.array_equal(images.pick([5, 2]), store.pixels[[5, 2]])
    assert images.name_of(5) == store.names[5]


def test_one_and_the_same_image(tmp_path: Path) -> None:
    real = folder_of(tmp_path / "real", 12, 16, 0)
    (tmp_path / "same").mkdir()
    for number in range(12):
        (tmp_path / "same" / f"{number}.png").write_bytes((real / "000.png").read_bytes())
    judged = sparring.judge(tmp_path / "same", real, console=QUIET)
    assert judged["diversity"].value == pytest.approx(0, abs=1e-3)
    assert judged["recall"].value < 0.2
    with pytest.raises(DataError, match="All 12 real images have the same lite0 features"):
        sparring.judge(real, tmp_path / "same", console=QUIET)


def test_held_out_images_that_were_trained_on_tie_with_copies(tmp_path: Path) -> None:
    real = folder_of(tmp_path / "real", 12, 16, 0)
    judged = sparring.judge(real, real, held_out=real, console=QUIET)
    assert judged["memorization"].value == 0.5


def test_what_cannot_be_compared_is_refused_before_anything_is_judged(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.evaluation.compare.judge", lambda *_, **__: pytest.fail("judged"))
    with pytest.raises(SettingsError, match="each once"):
        sparring.compare([trained, trained], console=QUIET)
    for too_few in ([trained], []):
        with pytest.raises(SettingsError, match="at least two runs"):
            sparring.compare(too_few, console=QUIET)
    with pytest.raises(SettingsError, match=r"written as \.md"):
        sparring.compare([trained, trained.parent], out="table.txt", console=QUIET)
    with pytest.raises(DataError, match="does not exist"):
        sparring.judge("runs/tpyo")
