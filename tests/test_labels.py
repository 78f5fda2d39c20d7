"""Several and continuous labels of images: from tables to networks, samples and scores."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors import safe_open
from torch.nn.functional import cross_entropy

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.data_spec import Spec
from sparring.core.errors import DataError, SettingsError
from sparring.core.random_streams import Streams
from sparring.data.dataset import HasLabelRows
from sparring.data.images.image_labels import ImageLabel, describe_label, rows_like
from sparring.data.images.image_spec import ImageSpec
from sparring.data.images.mirrored import WithMirrored
from sparring.data.listed_images import LabelColumn, Source
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.readers.label_columns import with_label_columns
from sparring.data.store import Store
from sparring.evaluation.label_scores import label_scores
from sparring.evaluation.scores import Protocol
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.recipe import check
from sparring.games.step_context import StepContext
from sparring.inference.model import Model
from sparring.metrics.label_recovery import class_recovery, ridge_predictions, value_recovery
from sparring.nets.blocks.layers import ConditionalBatchNorm
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from support.cli import call
from support.image_files import encoded, noise
from support.labels import labeled_folder
from support.runs import same_run, tensors_of
from support.tiny import TINY

KIND = ImageLabel("kind", ("a", "b", "c"), examples=(0.0, 1.0, 2.0, 0.0))
AGE = ImageLabel("age", (), (10.0, 20.0, 40.0, 80.0), 10 / 70, (10.0, 30.0, 80.0, 20.0))
SPEC = ImageSpec(16, 16, 1, labels=(KIND, AGE))
ROWS = torch.tensor([[0, 0.0], [2, 1.25], [1, 3]])
TOLD = torch.tensor([[1, 0, 0, 1, 0, 0, 0], [0, 0, 1, 0, 0.75, 0.25, 0], [0, 1, 0, 0, 0, 0, 1]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Images, and the table of their labels."""
    images = tmp_path_factory.mktemp("labeled") / "images"
    return images, labeled_folder(images)


@pytest.fixture(scope="module")
def labeled(folder: tuple[Path, Path]) -> Store:
    return prepare(open_source(folder[0]), Preprocessing(labels=str(folder[1])))


@pytest.fixture(scope="module")
def run(folder: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "labeled"
    sparring.train("cgan", folder[0], out, labels=str(folder[1]), steps=4, console=Console(quiet=True), **TINY)
    return out


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return sparring.load(run)


def source_of(tmp_path: Path, table: str, count: int = 4, ending: str = "csv") -> tuple[Source, str]:
    images = tmp_path / "images"
    images.mkdir(exist_ok=True)
    for number in range(count):
        (images / f"{number}.png").write_bytes(encoded(noise(8, 8, number)))
    path = tmp_path / f"table.{ending}"
    path.write_text(table)
    return open_source(images), str(path)


# --------------------------------------------------------------------------------------------------------- tables


def test_columns_are_classes_or_numbers_by_their_values(tmp_path: Path) -> None:
    table = "file,color,stars,price,hat,id\n0.png,red,5,9.5,-1,1\n./1.png,blue,3,12,1.0,2\n2,red,5,1e2,1,3\n3.png,green,4,0.5,-1,4\n"
    labels = {column.name: column for column in with_label_columns(*source_of(tmp_path, table), ()).labels}
    assert labels["color"].classes == ("blue", "green", "red")
    assert labels["color"].values.tolist() == [2, 0, 2, 1]
    assert labels["stars"].classes == ("3", "4", "5")
    assert labels["hat"].classes == ("-1", "1")  # 1.0 is 1
    assert labels["hat"].values.tolist() == [0, 1, 1, 0]
    assert labels["price"].classes == ()
    assert labels["price"].values.tolist() == [9.5, 12, 100, 0.5]


def test_a_column_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    source = source_of(tmp_path, "file;stars;price\n0.png;5;1,5\n1.png;3;2,5\n2.png;5;1,5\n3.png;4;0\n")
    stars, price = with_label_columns(*source, ("stars:number", "price:class")).labels
    assert stars.values.tolist() == [5, 3, 5, 4]
    assert price.classes == ("0", "1.5", "2.5")
    assert with_label_columns(*source, ("price",)).labels[0].values.tolist() == [1.5, 2.5, 1.5, 0]


def test_all_that_is_wrong_with_rows_is_said_at_once(tmp_path: Path) -> None:
    rows = [f"{number}.png,{number % 2},{number / 2}" for number in range(10, 30)]
    wrong = ["0.png,,1", "1.png,1,inf", "2.png,0,many", "3.png,1,2", "3.png,0,2", "ghost.png,1,1", ",1,1", "4.png,nan,"]
    source = source_of(tmp_path, "\n".join(["file,kind,age", *rows, *wrong]), 30)
    found = with_label_columns(*source, ())
    assert {name: reason for name, reason in found.problems if name < "5"} == {
        "0.png": "no kind in row 22",
        "1.png": "age is infinite in row 23",
        "2.png": "age is 'many' in row 24, which is no number",
        "3.png": "different labels in row 25, row 26",
        "4.png": "no kind in row 29, no age in row 29",
    }
    assert [name for name, reason in found.problems if reason == "no row in table.csv"] == [f"{number}.png" for number in range(5, 10)]
    assert len(found) == 20
    assert "2 rows of table.csv without an image here: ghost.png in row 27, nothing in row 28." in found.notes


def test_all_that_is_wrong_with_columns_is_said_at_once(tmp_path: Path) -> None:
    rows = [f"{number}.png,title {number},same,{number},{'' if number else 1}" for number in range(20)]
    source = source_of(tmp_path, "\n".join(["file,title,brand,number,rare", *rows]), 20)
    with pytest.raises(DataError) as caught:
        with_label_columns(*source, ("titel", "title", "brand", "number:date", "rare"))
    said = str(caught.value)
    for part in (
        "'titel'",
        "Did you mean 'title'",
        "20 different texts in 20 rows",
        "only value 'same'",
        "class or number",
        "only value '1'",
    ):
        assert part in said
    with pytest.raises(DataError, match="only numbers the rows"):  # of all columns none is a label, and each says why
        with_label_columns(*source, ())


@pytest.mark.parametrize(
    ("table", "ending", "said"),
    [
        ("file,kind\nx.png,a\ny.png,b\n", "csv", "names images"),
        ("file,kind\n", "csv", "no rows"),
        ("file\n0.png\n", "csv", "needs a heading"),
        ("file,a,a\n0.png,1,2\n", "csv", "several columns called a"),
        ("file,a\n0.png,1\n", "xlsx", "Save it as CSV"),
        ('{"labels": [["0.png", [1]], ["1.png", [1, 2]]]}', "json", "different lengths"),
        ('{"images": []}', "json", "not what StyleGAN"),
        ("", "csv", "needs a heading"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path: Path, table: str, ending: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        with_label_columns(*source_of(tmp_path, table, ending=ending), ())
    with pytest.raises(DataError, match="no table"):
        with_label_columns(source_of(tmp_path, table)[0], "nowhere.csv", ())


def test_vectors_of_stylegans_dataset_json_are_labels_also_in_a_zip(tmp_path: Path) -> None:
    vectors = [[f"00000/img{number}.png", [number / 7, number % 2]] for number in range(6)]
    images = tmp_path / "set"
    (images / "00000").mkdir(parents=True)
    for number in range(6):
        (images / "00000" / f"img{number}.png").write_bytes(encoded(noise(8, 8, number)))
    (images / "dataset.json").write_text(json.dumps({"labels": vectors}))
    shutil.make_archive(str(tmp_path / "packed"), "zip", images)
    for place in (images, tmp_path / "packed.zip"):
        values, parity = with_label_columns(open_source(place), "dataset.json", ()).labels
        np.testing.assert_allclose(values.values, np.arange(6) / 7)
        assert parity.classes == ("0", "1")


# ------------------------------------------------------------------------------------------ labels, specs and stores


def test_a_continuous_label_is_told_as_a_blend_of_its_neighbors() -> None:
    torch.testing.assert_close(SPEC.condition_of(ROWS), TOLD)
    np.testing.assert_allclose(AGE.positions(np.array([10.0, 25, 80, 99])), [0, 1.25, 3, 3])
    np.testing.assert_allclose(AGE.values(np.array([0, 1.25, 3])), [10, 25, 80])
    assert SPEC.condition_names == ("kind=a", "kind=b", "kind=c", "age=0", "age=1", "age=2", "age=3")


def test_knots_have_as_many_images_between_them_and_the_vicinity_is_half_the_largest_gap() -> None:
    few = describe_label("dose", (), np.array([0.0, 1, 1, 10]))
    assert (few.knots, few.vicinity) == ((0, 1, 10), 9 / 20)
    values = np.concatenate([np.arange(1600), [1_000_000.0]])  # one that is very far
    many = describe_label("price", (), values)
    counts = np.histogram(values, many.knots)[0]
    assert counts.max() - counts.min() <= 2
    assert (many.knots[0], many.knots[-1]) == (0, 1_000_000)
    assert many.vicinity == pytest.approx(0.5 / 1_000_000)  # the far one does not widen it
    wide = replace(many, vicinity=0.4)
    assert wide.nearby(torch.tensor([7.0]), torch.tensor([1.0])).item() == 7.5  # nor does it blur others by more than half a position


def test_told_labels_are_in_the_vicinity_and_classes_stay() -> None:
    up, down = (
        torch.ones(3, 2),
        -torch.ones(3, 2),
    )  # ages of 10, 25 and 80, ten years up and down; at most half a position, and not beyond the ends
    torch.testing.assert_close(SPEC.vicinal(ROWS, up), torch.tensor([[0, 0.5], [2, 1.75], [1, 3]]))
    torch.testing.assert_close(SPEC.vicinal(ROWS, down), torch.tensor([[0, 0], [2, 0.75], [1, 2.75]]))


def test_specs_go_to_json_and_back_and_without_labels_are_as_they_were() -> None:
    assert ImageSpec.from_json(json.loads(json.dumps(SPEC.to_json()))) == SPEC
    assert list(ImageSpec(16, 16, 1, ("x",)).to_json()) == ["kind", "height", "width", "channels", "classes"]
    damaged = SPEC.to_json()
    damaged["labels"][1]["knots"] = [3, 2]
    with pytest.raises(ValueError, match="no label"):
        ImageSpec.from_json(damaged)


def test_a_store_keeps_the_labels_of_each_image(folder: tuple[Path, Path], labeled: Store) -> None:
    assert [str(label) for label in labeled.spec.labels] == ["shape (3 classes)", "left (2 classes)", "gray (6 to 23.7)"]
    assert labeled.labels is None
    assert labeled.label_values is not None
    np.testing.assert_allclose(labeled.label_values[:, 2], labeled.pixels.reshape(60, -1).max(axis=1) / 10)
    batch = labeled.batch(np.array([3, 5]))
    assert isinstance(labeled, HasLabelRows)
    assert batch.labels is not None
    np.testing.assert_array_equal(batch.labels, labeled.label_rows[[3, 5]])
    mirrored = WithMirrored(labeled)
    np.testing.assert_array_equal(mirrored.batch(np.array([3, 63])).labels[0], mirrored.batch(np.array([63])).labels[0])
    without = prepare(open_source(folder[0]))
    assert (without.spec.labels, without.label_values) == ((), None)
    assert without.fingerprint != labeled.fingerprint


def test_rows_that_are_not_asked_for_are_those_of_like_images() -> None:
    kinds, ages = np.arange(64) % 2, np.arange(64.0)
    labels = (describe_label("kind", ("a", "b"), kinds.astype(float)), describe_label("age", (), ages))
    rows = rows_like(labels, {0: 1.0}, seed=3, n=64)
    assert (rows[:, 0] == 1).all()
    found = labels[1].values(rows[:, 1].astype(float)).round()
    assert set(found.tolist()) == set(ages[kinds == 1].tolist())
    old = rows_like(labels, {1: labels[1].size - 1.0}, seed=3, n=40)
    assert (old[:, 1] == labels[1].size - 1).all()
    assert set(old[:, 0].tolist()) == {0, 1}
    np.testing.assert_array_equal(rows_like(labels, {}, 3, 10), rows_like(labels, {}, 3, 64)[:10])


# ------------------------------------------------------------------------------------------------- networks and games


def test_conditional_batch_norm_is_as_before_for_one_class_and_adds_up_for_several() -> None:
    norm = ConditionalBatchNorm(2, 3).eval()
    with torch.no_grad():
        norm.scale.copy_(torch.tensor([[1.0, 2], [3, 4], [0.5, 1.5]]))
    x = torch.ones(1, 2, 1, 1)
    normal = 1 / (1 + norm.norm.eps) ** 0.5
    one = norm(x, torch.tensor([[0.0, 0, 1]])).flatten()
    assert torch.equal(one, norm.norm(x).flatten() * torch.tensor([0.5, 1.5]))
    torch.testing.assert_close(
        norm(x, torch.tensor([[0.0, 1, 1]])).flatten(), normal * torch.tensor([2.5, 4.5])
    )  # 1 + 2 - 0.5, 1 + 3 + 0.5


SMALL = {
    "gan": {"generator_hidden": (8,), "discriminator_hidden": (8,), "condition": "concatenate"},
    "cgan": {"width": 4},
    "acgan": {"width": 4},
    "dcgan": {"width": 4, "condition": "projection"},
    "sngan": {"width": 4, "condition": "projection"},
    "biggan": {"width": 4, "latent_size": 20},
    "stylegan": {"channel_base": 64, "channel_max": 8, "latent_size": 6, "style_size": 6, "mapping_layers": 2, "condition": "projection"},
    "stylegan2": {"channel_base": 64, "channel_max": 8, "latent_size": 6, "style_size": 6, "mapping_layers": 2, "condition": "projection"},
    "progan": {"channel_base": 64, "channel_max": 8, "latent_size": 6, "condition": "auxiliary"},
    "r3gan": {"channel_base": 64, "channel_max": 16, "condition": "projection"},
    "vae": {"width": 8, "condition": "concatenate"},
    "glow": {"width": 8, "levels": 2, "steps_per_level": 1, "condition": "prior"},
    "pixelcnn": {"width": 4, "layers": 1, "condition": "bias"},
}


@pytest.mark.parametrize("name", SMALL)
def test_conditional_recipes_play_with_labels(name: str) -> None:
    recipe = recipes.get(name)(batch_size=3, **SMALL[name])
    check(recipe, SPEC)
    torch.manual_seed(0)
    game = recipe.build(SPEC).train()
    real = Batch(torch.rand(3, 1, 16, 16) * 2 - 1, ROWS)
    context = StepContext(lambda: real, lambda: ROWS, 3, Streams(0, 0), 0, 0)
    for turn in game.turns:
        losses = turn.play(context)
        assert all(loss.isfinite().all() for loss in losses.values())
        sum(loss.mean() for loss in losses.values()).backward()
    told = [parameter for network in game.children() for parameter in network.parameters() if parameter.grad is not None]
    assert told
    samples = game.sample(3, 0, ROWS)
    assert samples.shape == (3, 1, 16, 16)
    torch.testing.assert_close(game.sample(2, 0, ROWS[1:], first=1), samples[1:])


def test_recipes_without_a_condition_refuse_labels() -> None:
    for name in ("dcgan", "fastgan", "vae"):
        assert any("kind, age" in problem for problem in recipes.get(name)().problems(SPEC))
    assert not recipes.get("dcgan")(condition="projection").problems(SPEC)


def test_a_vicinity_without_continuous_labels_is_refused() -> None:
    for spec in (ImageSpec(16, 16, 1), ImageSpec(16, 16, 1, ("x", "y"))):
        assert any("vicinity is for continuous" in problem for problem in recipes.get("dcgan")(vicinity="soft").problems(spec))


def tiny_game(**settings: object) -> TwoPlayerGame:
    return recipes.get("acgan")(width=4, batch_size=3, **settings).build(SPEC)


def test_the_auxiliary_classifier_learns_every_label() -> None:
    logits = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    kinds = cross_entropy(logits[:, :3], torch.tensor([0, 2, 1]), reduction="none")
    ages = -(logits[:, 3:].log_softmax(dim=1) * TOLD[:, 3:]).sum(dim=1)
    torch.testing.assert_close(tiny_game().class_losses(logits, ROWS), kinds + ages)


@pytest.mark.parametrize(("vicinity", "deviation"), [("none", 0.0), ("hard", 0.1 / 3**0.5), ("soft", 0.1 / 2**0.5)])
def test_vicinities_have_their_widths(vicinity: str, deviation: float) -> None:
    """Weights exp(-d^2 / kappa^2) are a normal distribution of variance kappa^2 / 2; equal ones within kappa have kappa^2 / 3."""
    wide = replace(AGE, knots=(0.0, 100.0, 200.0), vicinity=0.05)  # ten, and a position is a hundred
    game = replace(recipes.get("dcgan")(width=4, condition="projection"), vicinity=vicinity).build(replace(SPEC, labels=(KIND, wide)))
    rows = torch.tensor([[1, 1.0]]).repeat(20_000, 1)
    context = StepContext(lambda: Batch(rows, rows), lambda: rows, 20_000, Streams(0, 0), 0, 0)
    told = game.vicinal_labels(context, rows)
    assert (told[:, 0] == 1).all()
    assert abs((told[:, 1] - 1).std().item() - deviation) < 0.002
    if vicinity == "hard":
        assert (told[:, 1] - 1).abs().max() <= 0.1001


def test_labels_of_one_class_are_told_as_they_are() -> None:
    game, labels = recipes.get("cgan")(width=4).build(ImageSpec(16, 16, 1, ("x", "y"))), torch.tensor([0, 1])
    context = StepContext(lambda: Batch(torch.zeros(2, 1, 16, 16), labels), lambda: labels, 2, Streams(0, 0), 0, 0)
    assert game.vicinal_labels(context, labels) is labels
    assert torch.equal(game.condition(labels), torch.eye(2))
    assert isinstance(game.spec, Spec)


# ------------------------------------------------------------------------------------------------------ models in use


def test_a_run_with_labels_resumes_to_the_bit(folder: tuple[Path, Path], run: Path, tmp_path: Path) -> None:
    half, console = tmp_path / "half", Console(quiet=True)
    sparring.train("cgan", folder[0], half, labels=str(folder[1]), steps=2, console=console, **TINY)
    moved = tmp_path / "moved.csv"
    shutil.copy(folder[1], moved)
    sparring.resume(half, labels=str(moved), steps=4, console=console)
    assert same_run(half, run)
    assert json.loads((half / "config.json").read_text())["data"]["preprocessing"]["labels"] == str(moved)
    moved.write_text(moved.read_text().replace("tall", "flat"))
    with pytest.raises(SettingsError, match="other labels"):
        sparring.resume(half, steps=6, console=console)


def test_samples_are_asked_for_by_name(model: Model) -> None:
    asked = model.sample(5, seed=2, label={"shape": "tall", "left": 1, "gray": 20})
    assert torch.equal(asked, model.sample(5, seed=2, label="shape=tall,left=1, gray=20"))
    row = torch.tensor([[2, 1, *model.spec.labels[2].positions(np.array([20.0]))]], dtype=torch.float32)
    assert torch.equal(asked, model.latent_game.sample(5, 2, row.repeat(5, 1)))
    assert torch.equal(model.sample(2, seed=2, label={"shape": "tall"}, first=3), model.sample(5, seed=2, label={"shape": "tall"})[3:])
    assert not torch.equal(asked, model.sample(5, seed=2, label={"shape": "tall", "left": 1, "gray": 7}))


def test_all_that_is_wrong_with_what_is_asked_for_is_said_at_once(model: Model) -> None:
    with pytest.raises(SettingsError) as caught:
        model.sample(1, label={"shapes": "tall", "shape": "round", "left": 2, "gray": 99})
    for part in (
        "'shapes'",
        "never 'round'",
        "flat, square, tall",
        "left is never '2'",
        "gray=99 is beyond what it learned from, 6 to 23.7",
    ):
        assert part in str(caught.value)
    for asked in ("tall", 3, {"gray": "much"}, {"gray": float("nan")}):
        with pytest.raises(SettingsError):
            model.sample(1, label=asked)


def test_a_walk_goes_along_a_continuous_label_evenly(model: Model) -> None:
    walk = model.interpolate([1], labels=["shape=tall,left=1,gray=8", "gray=20"], frames=4)
    for place, gray in enumerate((8, 11, 14, 17, 20)):
        there = model.interpolate([1, 1], labels=[{"shape": "tall", "left": 1, "gray": gray}], frames=1)[:1]
        torch.testing.assert_close(walk[place : place + 1], there, atol=1e-5, rtol=0)


def test_packed_models_know_labels_but_no_places(model: Model, folder: tuple[Path, Path], tmp_path: Path) -> None:
    packed = sparring.pack(model, tmp_path / "packed.safetensors")
    assert torch.equal(sparring.load(packed).sample(3, label="gray=9"), model.sample(3, label="gray=9"))
    with safe_open(packed, framework="pt") as file:
        assert str(folder[1].parent) not in file.metadata()["sparring"]


def test_weights_of_labels_with_the_same_name_are_taken_over(run: Path, folder: tuple[Path, Path], tmp_path: Path) -> None:
    table, out = tmp_path / "other.csv", tmp_path / "next"
    table.write_text(folder[1].read_text().replace("flat", "round"))  # round, square, tall in place of flat, square, tall
    sparring.train("cgan", folder[0], out, labels=str(table), start_from=run, steps=1, console=Console(quiet=True), **TINY)
    name = "game/generator.project.weight"
    before, after = tensors_of(run)[name][:, 5:], checkpoints.read(RunDirectory(out).checkpoints, 0)[0][name][:, 5:]
    assert torch.equal(after[:, 1:], before[:, 1:])
    torch.testing.assert_close(after[:, 0], before.mean(dim=1))


def test_one_column_of_classes_is_as_classes_have_always_been(folder: tuple[Path, Path], tmp_path: Path) -> None:
    images, table = folder
    shapes = [line.split(",")[:2] for line in table.read_text().splitlines()]
    copied = shutil.copytree(images, tmp_path / "images")
    (copied / "labels.csv").write_text("\n".join(f"{name},{shape}" for name, shape in [("file", "label"), *shapes[1:]]))
    by_file = prepare(open_source(copied))
    by_column = prepare(open_source(images), Preprocessing(labels=str(table), label_columns=("shape",)))
    assert by_column.spec == by_file.spec
    assert by_column.spec.classes == ("flat", "square", "tall")
    assert by_column.fingerprint == by_file.fingerprint


# ------------------------------------------------------------------------------------------------------------ scores


def test_ridge_regression_finds_a_linear_law() -> None:
    random = np.random.default_rng(0)
    x, law = torch.from_numpy(random.normal(size=(300, 5))), torch.tensor([[1.0], [0], [-2], [3], [0]], dtype=torch.float64)
    (found,) = ridge_predictions(x[:200], x[:200] @ law + 7, [x[200:]], x[200:] @ law + 7)
    torch.testing.assert_close(found, x[200:] @ law + 7, atol=0.01, rtol=0)


def test_recoveries_by_hand() -> None:
    classes = class_recovery(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 1]))
    assert (classes.value, classes.by_chance) == (0.5, (2 * 1 + 1 * 3 + 1 * 0) / 16)
    predicted, asked = torch.tensor([1.0, 4, 2, 2]).double(), torch.tensor([1.0, 2, 0, 6]).double()
    values = value_recovery(predicted, asked)
    assert values.value == 2
    assert values.by_chance == pytest.approx((predicted[:, None] - asked[None]).abs().mean().item())


def made(count: int, seed: int) -> tuple[list[LabelColumn], torch.Tensor]:
    """Labels, and features in which they show."""
    random = np.random.default_rng(seed)
    kinds, ages = random.integers(0, 3, count), random.uniform(10, 80, count)
    features = np.concatenate([np.eye(3)[kinds] + random.normal(size=(count, 3)) / 5, ages[:, None] / 20], axis=1)
    columns = [LabelColumn("kind", ("a", "b", "c"), kinds.astype(float)), LabelColumn("age", (), ages)]
    return columns, torch.from_numpy(np.concatenate([features, random.normal(size=(count, 4))], axis=1)).float()


def test_a_generator_that_ignores_labels_is_seen() -> None:
    protocol = Protocol(400, 300, "none", "", "", "", 0)
    real, real_rows = made(400, 0)
    fake, fake_rows = made(300, 1)
    scores, sentences = label_scores(real, fake, real_rows, fake_rows, protocol)
    values = {score.name: score.value for score in scores}
    assert values["accuracy of kind"] > 0.95
    assert values["error of age"] < 3
    assert values["error of age, labels shuffled"] > 20
    assert not sentences
    _, ignoring = made(300, 2)
    scores, sentences = label_scores(real, fake, real_rows, ignoring, protocol)
    values = {score.name: score.value for score in scores}
    assert abs(values["accuracy of kind"] - values["accuracy of kind, labels shuffled"]) < 0.08
    assert abs(values["error of age"] - values["error of age, labels shuffled"]) < 3
    assert [sentence.split(" is ")[1][:7] for sentence in sentences] == ["ignored", "ignored"]
    only_kind = torch.cat([fake_rows[:, :3], ignoring[:, 3:]], dim=1)
    assert [sentence[:14] for sentence in label_scores(real, fake, real_rows, only_kind, protocol)[1]] == ["age is ignored"]


def test_labels_that_real_images_do_not_show_are_not_judged() -> None:
    real, _ = made(400, 0)
    fake, rows = made(300, 1)
    blind = torch.from_numpy(np.random.default_rng(5).normal(size=(400, 8))).float()
    sentences = label_scores(real, fake, blind, rows, Protocol(400, 300, "none", "", "", "", 0))[1]
    assert len(sentences) == 2
    assert all("not known" in sentence for sentence in sentences)


# ------------------------------------------------------------------------------------------------------ command line


def test_labels_on_the_command_line(folder: tuple[Path, Path], run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, table = folder
    assert call("data", "inspect", images, "--labels", table, "--out", tmp_path / "sheet.png") == 0
    assert "label gray: 6 to 23.7, median 14.85" in capsys.readouterr().out
    assert call("sample", run, "-n", "3", "--label", "shape=tall", "gray=all", "--out", tmp_path / "gray.png") == 0
    assert "24 images" in capsys.readouterr().out
    assert call("sample", run, "--label", "all", "--out", tmp_path / "x.png") == 1
    assert "shape=all or left=all or gray=all" in capsys.readouterr().err
    assert call("interpolate", run, "--labels", "gray=8", "gray=20", "--frames", "3", "--out", tmp_path / "walk.gif") == 0
    assert call("train", "r3gan", "--data", images, "--labels", table, "--out", tmp_path / "run") == 1
    assert "--condition none does not use" in capsys.readouterr().err
    assert call("train", "cgan", "--data", images, "--label-columns", "gray", "--out", tmp_path / "run") == 1
    assert "--labels TABLE.csv" in capsys.readouterr().err.replace("'", "")
