"""Pairs and kinds of images: what goes together, what is held out, what inputs are made of images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparring.core.errors import DataError, SettingsError
from sparring.data.pairs import derived_inputs
from sparring.data.pairs.pairs import Pairing, Pairs, open_pairs, open_pairs_for_judging
from sparring.data.preprocessing import Preprocessing
from sparring.media.image_decoding import Crop
from sparring.training.loop import indices_of

SIZE = Preprocessing(size=8)


def folder(path: Path, numbers: list[int], ending: str = ".png", add: int = 0) -> Path:
    """Images of one brightness, ten times their number and `add`."""
    path.mkdir(parents=True)
    for number in numbers:
        Image.fromarray(np.full((8, 8), 10 * number + add, np.uint8)).save(path / f"{number:02d}{ending}")
    return path


def brightness(pairs: Pairs, indices: list[int]) -> list[tuple[int, int]]:
    batch = pairs.batch(np.array(indices))
    assert batch.inputs is not None
    levels = [((side.mean(dim=(1, 2, 3)) + 1) * 127.5).round().int().tolist() for side in (batch.inputs, batch.samples)]
    return list(zip(*levels, strict=True))


def test_images_of_the_same_name_are_pairs_and_others_are_said(tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", [1, 2, 3, 4]), folder(tmp_path / "b", [1, 3, 4, 5], ending=".bmp", add=5)
    pairs = open_pairs(str(a), Pairing(target=str(b), held_out=0.0), SIZE, "paired")
    assert sorted(brightness(pairs, [0, 1, 2])) == [(10, 15), (30, 35), (40, 45)], "a missing partner shifts nothing"
    assert pairs.counts == (3,)
    assert pairs.spec.paired
    said = ["2 images have no partner and are not used:", "  - 02.png: no target of that name", "  - 05.bmp: no input of that name"]
    assert "\n".join(said) in pairs.lines()
    others = folder(tmp_path / "c", [1, 5, 6, 7])
    with pytest.raises(DataError) as error:
        open_pairs(str(a), Pairing(target=str(others)), SIZE, "paired")
    assert "02.png: no target of that name" in str(error.value)
    assert "05.png: no input of that name" in str(error.value)


def test_two_files_for_one_partner_are_refused(tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", [1, 2]), folder(tmp_path / "b", [1, 2])
    Image.new("L", (8, 8)).save(b / "01.bmp")
    with pytest.raises(DataError, match="01: several files of that name"):
        open_pairs(str(a), Pairing(target=str(b)), SIZE, "paired")


def marked(path: Path, names: dict[str, int]) -> Path:
    for name, gray in names.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), gray, np.uint8)).save(path / name)
    return path


def test_pairs_by_what_marks_their_names(tmp_path: Path) -> None:
    one = marked(tmp_path / "one", {"1_in.png": 10, "1_out.bmp": 15, "sub/2_in.png": 20, "sub/2_out.png": 25, "other.png": 99})
    pairs = open_pairs(str(one), Pairing(input_mark="_in", target_mark="_out", held_out=0.0), SIZE, "paired")
    assert sorted(brightness(pairs, [0, 1])) == [(10, 15), (20, 25)], "in one folder, after the name"
    before = marked(tmp_path / "before", {"edges-1.png": 10, "edges-2.png": 20, "photo-1.png": 15, "photo-2.png": 25})
    pairs = open_pairs(str(before), Pairing(input_mark="edges-", target_mark="photo-", held_out=0.0), SIZE, "paired")
    assert sorted(brightness(pairs, [0, 1])) == [(10, 15), (20, 25)], "before it"
    a, b = marked(tmp_path / "a", {"1_x.png": 10, "2_x.png": 20}), marked(tmp_path / "b", {"1.png": 15, "2.png": 25})
    pairs = open_pairs(str(a), Pairing(input_mark="_x", target=str(b), held_out=0.0), SIZE, "paired")
    assert sorted(brightness(pairs, [0, 1])) == [(10, 15), (20, 25)], "in two folders"
    with pytest.raises(DataError, match=r"has no inputs of these names: 1\.png, 2\.png"):
        open_pairs(str(b), Pairing(input_mark="_in", target_mark="_out"), SIZE, "paired")
    for pairing, word in (
        (Pairing(input_mark="_in"), "belong together"),
        (Pairing(input_mark="_a", target_mark="_a"), "must differ"),
        (Pairing(input_mark="", target_mark="_a"), "must not be empty"),
        (Pairing(input_mark="_a", target_mark="_b", side_by_side="left"), "leave them out"),
    ):
        with pytest.raises(SettingsError, match=word):
            open_pairs(str(one), pairing, SIZE, "paired")


def test_pairs_by_a_table(tmp_path: Path) -> None:
    data = marked(tmp_path / "data", {"a/x.png": 10, "a/y.png": 20, "b/q.png": 15, "b/r.png": 25, "b/unused.png": 77})
    table = tmp_path / "pairs.csv"
    table.write_text("id,Target,input\n1,b/q.png,a/x.png\n2,b\\r.png,a/y.png\n")
    pairs = open_pairs(str(data), Pairing(pair_table=str(table), held_out=0.0), SIZE, "paired")
    assert sorted(brightness(pairs, [0, 1])) == [(10, 15), (20, 25)]
    table.write_text("x.png\tr.png\ny.png\tq.png\n")
    pairs = open_pairs(str(data / "a"), Pairing(pair_table=str(table), target=str(data / "b"), held_out=0.0), SIZE, "paired")
    assert sorted(brightness(pairs, [0, 1])) == [(10, 25), (20, 15)], "two folders, no heading, tabs"
    table.write_text("a/x.png,b/q.png\na/x.png,b/r.png\n")
    with pytest.raises(DataError, match="names some files in several rows"):
        open_pairs(str(data), Pairing(pair_table=str(table)), SIZE, "paired")
    table.write_text("a/x.png,b/q.png\na/gone.png,b/r.png\n")
    with pytest.raises(DataError, match=r"not in the data:\n  - a/gone"):
        open_pairs(str(data), Pairing(pair_table=str(table)), SIZE, "paired")
    table.write_text("a/x.png\n")
    with pytest.raises(DataError, match="needs two columns"):
        open_pairs(str(data), Pairing(pair_table=str(table)), SIZE, "paired")
    with pytest.raises(DataError, match="cannot be read as a table of pairs"):
        open_pairs(str(data), Pairing(pair_table=str(tmp_path / "none.csv")), SIZE, "paired")


@pytest.mark.parametrize(("side", "wanted"), [("left", (10, 200)), ("right", (200, 10))])
def test_halves_of_a_image(tmp_path: Path, side: str, wanted: tuple[int, int]) -> None:
    tmp_path.joinpath("sheets").mkdir()
    for number in range(3):
        halves = np.concatenate([np.full((8, 8), 10, np.uint8), np.full((8, 8), 200, np.uint8)], axis=1)
        Image.fromarray(halves).save(tmp_path / "sheets" / f"{number}.png")
    pairs = open_pairs(str(tmp_path / "sheets"), Pairing(side_by_side=side, held_out=0.0), SIZE, "paired")  # pyright: ignore[reportArgumentType]
    assert brightness(pairs, [0, 1, 2]) == [wanted] * 3
    Image.new("L", (15, 8)).save(tmp_path / "sheets" / "odd.png")
    pairs = open_pairs(str(tmp_path / "sheets"), Pairing(side_by_side="left"), Preprocessing(size=8, max_bad=0.5), "paired")
    assert any("odd.png: 15 pixels wide" in line for line in pairs.lines())


PIECES = Preprocessing(size=16, crop="random")


def ramps(path: Path, names: list[str], side: int = 48, inverted: bool = False) -> Path:
    """Images that tell where a pixel lies by its red and green, and which image it is by its blue; or the inverse of these."""
    path.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:side, :side]
    for number, name in enumerate(names):
        pixels = np.stack([4 * columns, 4 * rows, np.full_like(rows, 10 * number)], axis=2).astype(np.uint8)
        Image.fromarray(255 - pixels if inverted else pixels).save(path / name)
    return path


def show_the_same_places(pairs: Pairs) -> bool:
    inputs, targets = (
        store.pixels.astype(int)[at] for store, at in zip((pairs.inputs, pairs.targets), pairs.training_indices, strict=True)
    )
    assert len({tuple(piece[0, 0]) for piece in inputs}) > len(inputs) * 0.8, "places differ"
    return bool((inputs == 255 - targets).all())


@pytest.mark.parametrize("way", ["target", "marks", "table", "halves"])
def test_pieces_of_pairs_are_cut_at_the_same_places(way: str, tmp_path: Path) -> None:
    numbers = [f"{number}" for number in range(6)]
    if way == "target":
        ramps(tmp_path / "a", [f"{name}.png" for name in numbers])
        ramps(tmp_path / "b", [f"{name}.bmp" for name in numbers], inverted=True)
        data, pairing = tmp_path / "a", Pairing(target=str(tmp_path / "b"))
    elif way == "halves":
        ramps(tmp_path / "a", [f"{name}.png" for name in numbers])
        for path in (tmp_path / "a").iterdir():
            half = np.asarray(Image.open(path))
            Image.fromarray(np.concatenate([half, 255 - half], axis=1)).save(path)
        data, pairing = tmp_path / "a", Pairing(side_by_side="left")
    else:
        data = ramps(tmp_path / "a", [f"{name}_in.png" for name in numbers])
        ramps(data, [f"{name}_out.png" for name in numbers], inverted=True)
        (tmp_path / "pairs.csv").write_text("".join(f"{name}_in.png,{name}_out.png\n" for name in numbers))
        pairing = Pairing(input_mark="_in", target_mark="_out") if way == "marks" else Pairing(pair_table=str(tmp_path / "pairs.csv"))
    pairs = open_pairs(str(data), pairing, PIECES, "paired")
    assert len(pairs) + len(pairs.holdout_indices[0]) == 6 * 9, "as many as would cover 48x48 in squares of 16"
    assert show_the_same_places(pairs)
    kept, held = (
        {int(pairs.inputs.pixels[place, 0, 0, 2]) for place in places[0]} for places in (pairs.training_indices, pairs.holdout_indices)
    )
    assert (len(kept), len(held), kept & held) == (5, 1, set()), "all pieces of an image are held out, or none"


def test_pieces_of_pairs_of_two_sizes_are_refused(tmp_path: Path) -> None:
    a, b = ramps(tmp_path / "a", ["0.png", "1.png"]), ramps(tmp_path / "b", ["1.png"], inverted=True)
    ramps(b, ["0.png"], side=96, inverted=True)
    with pytest.raises(DataError, match=r"1 of 2 pairs are of two sizes(.|\n)*0: input 48x48, target 96x96"):
        open_pairs(str(a), Pairing(target=str(b)), PIECES, "paired")


def test_pieces_of_two_sets_and_of_inputs_that_are_made(tmp_path: Path) -> None:
    a, b = ramps(tmp_path / "a", ["0.png", "1.png"]), ramps(tmp_path / "b", ["0.png", "1.png", "2.png"], side=32)
    pairs = open_pairs(str(a), Pairing(target=str(b)), PIECES, "unpaired")
    assert (pairs.counts, len(pairs.holdout_indices[0]), len(pairs.holdout_indices[1])) == ((9, 8), 9, 4)
    pairs = open_pairs(str(a), Pairing(inputs="gray"), PIECES, "paired")
    assert pairs.counts == (9,)
    assert (pairs.inputs.spec.channels, pairs.targets.spec.channels) == (1, 3)
    with pytest.raises(SettingsError, match="the images of a style"):
        open_pairs(str(a), Pairing(target=str(b)), PIECES, "style")


def test_where_pairs_come_from_must_be_said_once(tmp_path: Path) -> None:
    a = str(folder(tmp_path / "a", [1, 2]))
    with pytest.raises(SettingsError, match="--target"):
        open_pairs(a, Pairing(), SIZE, "paired")
    with pytest.raises(SettingsError, match="give one of them"):
        open_pairs(a, Pairing(target=a, inputs="edges"), SIZE, "paired")


def test_held_out_images_are_not_trained_on_and_the_same_each_time(tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", list(range(20))), folder(tmp_path / "b", list(range(20)))
    pairs, again = (open_pairs(str(a), Pairing(target=str(b), held_out=0.25), SIZE, "paired") for _ in range(2))
    assert len(pairs.holdout_indices[0]) == 5
    assert not set(pairs.training_indices[0]) & set(pairs.holdout_indices[0])
    assert pairs.fingerprint == again.fingerprint
    assert np.array_equal(pairs.holdout_indices[0], again.holdout_indices[0])
    other = open_pairs(str(a), Pairing(target=str(b), held_out=0.5), SIZE, "paired")
    assert other.fingerprint != pairs.fingerprint


def test_subjects_are_held_out_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.mkdir()
    for subject in range(8):
        for variant in range(3):
            Image.fromarray(np.full((8, 8), subject, np.uint8)).save(path / f"cat{subject}_{variant}.png")
    pairs = open_pairs(str(path), Pairing(inputs="gray", held_out=0.25, subject_until="_"), SIZE, "paired")
    kept, held = (
        {pairs.targets.names[place].partition("_")[0] for place in places[1]} for places in (pairs.training_indices, pairs.holdout_indices)
    )
    assert (len(kept), len(held), len(pairs.holdout_indices[1])) == (6, 2, 6)
    assert not kept & held


@pytest.fixture(scope="module")
def emoji() -> Pairs:
    return open_pairs("emoji:google", Pairing(target="emoji:twitter"), SIZE, "unpaired")


def test_no_twin_of_a_image_is_in_the_other_set(emoji: Pairs) -> None:
    first = lambda store, places: {store.names[place].removesuffix(".png").partition("-")[0] for place in places}  # noqa: E731
    a, b = first(emoji.inputs, emoji.training_indices[0]), first(emoji.targets, emoji.training_indices[1])
    held = first(emoji.inputs, emoji.holdout_indices[0])
    assert not a & b
    assert not (a | b) & held
    assert abs(len(a) - len(b)) <= 1
    assert emoji.twins
    assert [emoji.inputs.names[place] for place in emoji.holdout_indices[0]] == [
        emoji.targets.names[place] for place in emoji.holdout_indices[1]
    ]


def test_each_kind_is_shown_once_before_any_comes_again(emoji: Pairs) -> None:
    assert emoji.counts == (len(emoji.training_indices[0]), len(emoji.training_indices[1]))
    fewer = min(emoji.counts)
    order = np.concatenate([indices_of(emoji, 3, 10, batch) for batch in range(fewer // 10)])
    assert order.shape == (fewer // 10 * 10, 2)
    assert len(set(order[:, 0])) == len(set(order[:, 1])) == len(order)
    assert not np.array_equal(order[:, 0], order[:, 1])
    batch = emoji.batch(order[:4])
    assert batch.inputs is not None
    assert batch.inputs.shape == batch.samples.shape == (4, 3, 8, 8)


def test_made_inputs_follow_their_images_when_files_are_renamed(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", [1, 2, 3])
    open_pairs(str(a), Pairing(inputs="gray", held_out=0.0), SIZE, "paired")
    for number in (3, 2, 1):
        (a / f"{number:02d}.png").rename(a / f"{number + 1:02d}.png")
    pairs = open_pairs(str(a), Pairing(inputs="gray", held_out=0.0), SIZE, "paired")
    assert sorted(brightness(pairs, [0, 1, 2])) == [(10, 10), (20, 20), (30, 30)]


def test_names_that_are_the_same_by_chance_make_no_twins(tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", [1, 2, 3, 4]), folder(tmp_path / "b", [1, 2, 3, 4], add=5)
    pairs = open_pairs(str(a), Pairing(target=str(b), held_out=0.0), SIZE, "unpaired")
    assert (pairs.counts, pairs.twins) == ((4, 4), False)
    more = folder(tmp_path / "c", [1, 2, 3, 4, 5, 6, 7], add=5)
    told = open_pairs(str(a), Pairing(target=str(more), held_out=0.0, twins=True), SIZE, "unpaired")
    first, second = (
        {int(store.names[place][:2]) for place in places}
        for store, places in zip((told.inputs, told.targets), told.training_indices, strict=True)
    )
    assert not first & second
    assert first | second == {1, 2, 3, 4, 5, 6, 7}, "who is in one set alone is not lost"
    with pytest.raises(DataError, match="--no-twins"):
        open_pairs(str(folder(tmp_path / "d", [1])), Pairing(target=str(folder(tmp_path / "e", [1])), twins=True), SIZE, "unpaired")


def test_folders_that_hold_all_of_a_set_are_no_part_of_its_names(tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a" / "photos", [1, 2]), folder(tmp_path / "b" / "drawings", [1, 2], add=5)
    pairs = open_pairs(str(a.parent), Pairing(target=str(b.parent), held_out=0.0), SIZE, "paired")
    assert sorted(brightness(pairs, [0, 1])) == [(10, 15), (20, 25)]


def test_a_single_image_is_a_style(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", list(range(10)))
    style = tmp_path / "style.png"
    Image.new("L", (8, 8), 77).save(style)
    pairs = open_pairs(str(a), Pairing(target=str(style)), SIZE, "style")
    assert pairs.counts == (9, 1)
    batch = pairs.batch(np.array([[0, 0], [3, 0]]))
    assert ((batch.samples + 1) * 127.5).round().unique().tolist() == [77]
    assert len(open_pairs(str(a), Pairing(target=str(style), held_out=0.5), SIZE, "style").holdout_batch(8)) == 5


# --------------------------------------------------------------------------------------------------- made inputs


def test_what_inputs_are_made_of_a_image() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[8:24, 8:24] = (255, 0, 0)
    lines = derived_inputs.edges(image, 0)[:, :, 0] == 0
    inside = np.zeros((32, 32), bool)
    inside[6:26, 6:26] = True
    inside[11:21, 11:21] = False
    assert lines.any()
    assert not (lines & ~inside).any(), "lines lie where brightness changes"
    assert lines[16].sum() == 2, "one line for each side that a row crosses"
    assert (derived_inputs.edges(np.full((32, 32, 3), 90, np.uint8), 0) == 255).all()
    assert derived_inputs.gray(image, 0).shape == (32, 32, 1)
    assert derived_inputs.gray(image, 0)[16, 16, 0] == 76, "0.299 of red"
    small = derived_inputs.low_resolution(image, 0)
    assert small.shape == image.shape
    assert np.array_equal(small[14:18, 14:18], image[14:18, 14:18])
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert derived_inputs.low_resolution(noise, 0).std() < noise.std() / 2
    holed = derived_inputs.masked(noise, 5)
    hole = (holed == 127).all(axis=2)
    assert hole.sum() == pytest.approx(256, abs=3)
    assert np.array_equal(holed[~hole], noise[~hole])
    places = {np.flatnonzero((derived_inputs.masked(noise, i) == 127).all(axis=2))[0] for i in range(8)}
    assert len(places) > 3, "each image has its own place"
    assert np.array_equal(derived_inputs.scribble(image, 3), derived_inputs.scribble(image, 3))
    assert not np.array_equal(derived_inputs.scribble(image, 3), derived_inputs.scribble(image, 4))
    assert 0.02 < (derived_inputs.scribble(image, 3) < 128).mean() < 0.4


# --------------------------------------------------------------------------------------------------- what lies on what


def scene(seed: int, height: int = 96, width: int = 96) -> Image.Image:
    """Soft blobs, the same in any size."""
    small = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def pairs_of_scenes(path: Path, change: Callable[[Image.Image], Image.Image], count: int = 16, **saved: object) -> tuple[Path, Path]:
    """Scenes, and what `change` makes of them, under the same names. `saved`: how the scenes are saved."""
    for side in ("a", "b"):
        (path / side).mkdir(parents=True)
    for seed in range(count):
        scene(seed).save(path / "a" / f"{seed}.png", **saved)
        change(scene(seed)).save(path / "b" / f"{seed}.png")
    return path / "a", path / "b"


def opened(a: Path, b: Path, crop: Crop = "center") -> Pairs:
    return open_pairs(str(a), Pairing(target=str(b), held_out=0.0), Preprocessing(size=32, crop=crop), "paired")


def test_pairs_of_two_shapes_are_refused_unless_both_are_squeezed(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for side, size in ((a, (320, 160)), (b, (128, 128))):
        side.mkdir()
        for seed in range(3):
            scene(seed, 160, 320).resize(size).save(side / f"{seed}.png")
    with pytest.raises(DataError, match="--crop squash") as error:
        opened(a, b)
    assert "1: input 320x160, target 128x128" in str(error.value)
    pairs = opened(a, b, "squash")
    batch = pairs.batch(np.arange(3))
    assert batch.inputs is not None
    assert (batch.inputs - batch.samples).abs().mean() < 0.05, "both show the whole scene"
    for file in b.iterdir():  # the same shape but for the rounding of a side
        scene(int(file.stem), 160, 320).resize((107, 53)).save(file)
    assert opened(a, b).counts == (3,)


def test_a_pair_with_an_exif_turn_on_one_side_alone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    a, b = tmp_path / "a", tmp_path / "b"
    for side in (a, b):
        side.mkdir()
    for seed in range(3):
        scene(seed, 60, 90).save(a / f"{seed}.png", exif=exif)  # seen as 60 wide, 90 high
        scene(seed, 60, 90).save(b / f"{seed}.png")
    for crop in ("center", "squash"):
        with pytest.raises(DataError, match=r"60x90 \(turned by its EXIF orientation, 6\), target 90x60"):
            opened(a, b, crop)
    for seed in range(3):
        scene(seed, 60, 90).transpose(Image.Transpose.ROTATE_270).save(b / f"{seed}.png")
    assert opened(a, b).counts == (3,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda image: image, ""),
        (lambda image: image.convert("L").point(lambda level: 255 * (level > 128)), ""),
        (lambda image: Image.fromarray(255 - np.asarray(image)), ""),
        (lambda image: image.transpose(Image.Transpose.ROTATE_90), "turned to the left"),
        (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "mirrored"),
        (lambda image: image.crop((16, 16, 80, 80)), "show the middle of their inputs alone, about 65%"),
        (lambda image: scene(int(np.asarray(image).sum()) % 1000 + 50), "no more in common than others"),
    ],
)
def test_pairs_that_do_not_show_the_same_place_are_told_by_their_edges(
    tmp_path: Path, change: Callable[[Image.Image], Image.Image], said: str
) -> None:
    notes = opened(*pairs_of_scenes(tmp_path, change)).notes
    assert said in " ".join(notes)
    assert bool(notes) == bool(said)


def test_square_pairs_with_an_exif_turn_in_one_image_are_told(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = opened(*pairs_of_scenes(tmp_path / "turned", lambda image: image, exif=exif))
    assert any("EXIF" in note and "on their side" in note for note in turned.notes)
    upright = opened(*pairs_of_scenes(tmp_path / "upright", lambda image: image.transpose(Image.Transpose.ROTATE_270), exif=exif))
    assert [note for note in upright.notes if "seem" in note] == []
    assert any("EXIF" in note for note in upright.notes), "it is said that it cannot be told for sure"


# --------------------------------------------------------------------------------------------------- well-known layouts


def test_cyclegans_folders_are_two_sets_and_their_tests_are_held_out(tmp_path: Path) -> None:
    for part, numbers, add in (("trainA", [1, 2, 3], 0), ("trainB", [1, 2], 5), ("testA", [4], 0), ("testB", [5, 6], 5)):
        folder(tmp_path / "data" / part, numbers, add=add)
    pairs = open_pairs(str(tmp_path / "data"), Pairing(), SIZE, "unpaired")
    assert (pairs.counts, pairs.twins) == ((3, 2), False)
    names = [
        {store.names[place] for place in places} for store, places in zip((pairs.inputs, pairs.targets), pairs.holdout_indices, strict=True)
    ]
    assert names == [{"testA/04.png"}, {"testB/05.png", "testB/06.png"}]
    judged = open_pairs_for_judging(str(tmp_path / "data"), Pairing(), SIZE, (1, 1), paired=False)
    assert judged.counts == (1, 2)
    only = open_pairs(str(tmp_path / "data"), Pairing(held_out=0.0), Preprocessing(size=8, split="test"), "unpaired")
    assert only.counts == (1, 2)
    with pytest.raises(DataError, match="leave --inputs"):
        open_pairs(str(tmp_path / "data"), Pairing(inputs="edges"), SIZE, "paired")


def test_pix2pixs_parts_are_held_out_by_their_names(tmp_path: Path) -> None:
    for part, numbers in (("train", [1, 2, 3]), ("val", [4]), ("test", [5])):
        folder(tmp_path / "sets" / "A" / part, numbers)
        folder(tmp_path / "sets" / "B" / part, numbers, add=5)
        (tmp_path / "sheets" / part).mkdir(parents=True)
        for number in numbers:
            halves = np.concatenate([np.full((8, 8), 10 * number, np.uint8), np.full((8, 8), 10 * number + 5, np.uint8)], axis=1)
            Image.fromarray(halves).save(tmp_path / "sheets" / part / f"{number}.png")
    sets = tmp_path / "sets"
    for data, pairing in (
        (sets, Pairing()),
        (sets / "A", Pairing(target=str(sets / "B"))),
        (tmp_path / "sheets", Pairing(side_by_side="left")),
    ):
        pairs = open_pairs(str(data), pairing, SIZE, "paired")
        assert sorted(brightness(pairs, [0, 1, 2])) == [(10, 15), (20, 25), (30, 35)]
        held = pairs.holdout_batch(8)
        assert sorted(((held.samples.mean(dim=(1, 2, 3)) + 1) * 127.5).round().tolist()) == [45, 55]
    with pytest.raises(SettingsError, match="--side-by-side left"):
        open_pairs(str(tmp_path / "sheets"), Pairing(), SIZE, "paired")
