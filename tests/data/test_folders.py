"""Folders, zips and tables of labels: what becomes an item, with which class, and what is told about the rest."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparring.core.errors import DataError
from sparring.data.open_by_name import Source, open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from support.image_files import encoded, noise


def write_zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def zipped(folder: Path, path: Path, prefix: str = "") -> Path:
    files = {f"{prefix}{file.relative_to(folder).as_posix()}": file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return write_zip(path, files)


def by_name(source: Source) -> dict[str, str | None]:
    return {item.name: None if item.label is None else source.classes[item.label] for item in source.items}


def red(value: int) -> bytes:
    return encoded(Image.new("RGB", (8, 8), (value, 0, 0)))


def test_folders_are_classes(photos: Path) -> None:
    source = open_source(photos)
    assert source.classes == ("cat", "dog")
    assert by_name(source) == {f"{kind}/{i}.png": kind for kind in ("cat", "dog") for i in range(3)}
    assert [item.name for item in source.items] == sorted(item.name for item in source.items)
    assert len(source) == 6
    store = prepare(source)
    assert store.spec.classes == ("cat", "dog")
    assert store.labels is not None
    assert store.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert store.pixels[:, 0, 0, 0].tolist() == [10, 20, 30, 110, 120, 130]
    assert list(store.names) == [item.name for item in source.items]


def test_a_deep_folder_counts_by_its_first_level(photos: Path) -> None:
    (photos / "cat" / "old").mkdir()
    (photos / "cat" / "old" / "9.png").write_bytes(red(9))
    assert by_name(open_source(photos))["cat/old/9.png"] == "cat"


def test_flat_folder_has_no_classes(photos: Path) -> None:
    source = open_source(photos / "cat")
    assert source.classes == ()
    assert prepare(source).labels is None


def test_same_images_from_folder_zip_and_wrapped_zip_have_one_fingerprint(photos: Path, tmp_path: Path) -> None:
    places = [photos, zipped(photos, tmp_path / "a.zip"), zipped(photos, tmp_path / "b.zip", "some folder/")]
    stores = [prepare(open_source(place)) for place in places]
    assert len({store.fingerprint for store in stores}) == 1
    assert len({store.folder for store in stores}) == 3
    assert stores[2].spec.classes == ("cat", "dog")
    assert any("some folder/" in note for note in stores[2].report.notes)


def test_fingerprint_depends_on_pixels_labels_and_classes(photos: Path) -> None:
    first = prepare(open_source(photos)).fingerprint
    (photos / "dog").rename(photos / "wolf")
    renamed = prepare(open_source(photos)).fingerprint
    shutil.move(photos / "wolf" / "0.png", photos / "cat" / "3.png")
    moved = prepare(open_source(photos)).fingerprint
    (photos / "cat" / "3.png").write_bytes(red(111))
    repainted = prepare(open_source(photos)).fingerprint
    assert len({first, renamed, moved, repainted}) == 4


def test_a_few_loose_images_beside_classes_are_quarantined(photos: Path) -> None:
    (photos / "stray.png").write_bytes(red(1))
    source = open_source(photos)
    assert source.classes == ("cat", "dog")
    assert [problem.name for problem in source.problems] == ["stray.png"]
    assert any("loose" in note for note in source.notes)


def test_mostly_loose_images_mean_no_classes(photos: Path) -> None:
    for i in range(6):
        (photos / f"{i}.png").write_bytes(red(i))
    source = open_source(photos)
    assert source.classes == ()
    assert len(source) == 12
    assert any("without classes" in note for note in source.notes)


def test_other_files_are_passed_over_and_hidden_ones_counted(photos: Path) -> None:
    (photos / "README.txt").write_text("hello")
    (photos / ".DS_Store").write_bytes(b"x")
    (photos / "__MACOSX").mkdir()
    (photos / "__MACOSX" / "._0.png").write_bytes(b"x")
    (photos / "cat" / "unnamed").write_bytes(red(40))
    source = open_source(photos)
    assert [problem.name for problem in source.skipped] == ["README.txt"]
    assert any(note.startswith("2 hidden files") for note in source.notes)
    assert "cat/unnamed" in by_name(source)
    report = prepare(source, Preprocessing(max_bad=0.0)).report
    assert (report.found, report.used) == (7, 7)
    assert any("README.txt" in note for note in report.notes)


def test_splits_are_not_taken_for_classes(photos: Path, tmp_path: Path) -> None:
    top = tmp_path / "splits"
    shutil.copytree(photos, top / "train")
    shutil.copytree(photos, top / "test")
    (top / "test" / "cat" / "0.png").unlink()
    assert open_source(top).splits == ("test", "train")
    assert open_source(top).classes == ()
    with pytest.raises(DataError, match="--split train"):
        prepare(open_source(top))
    for place in (top, zipped(top, tmp_path / "splits.zip", "wrapped/")):
        assert len(open_source(place, split="train")) == 6
        assert len(open_source(place, split="test")) == 5
        assert open_source(place, split="test").classes == ("cat", "dog")
    with pytest.raises(DataError, match=r"no folder 'tets'.*Did you mean 'test'"):
        open_source(top, split="tets")


def test_links_are_followed_once(photos: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "0.png").write_bytes(red(200))
    (photos / "bird").symlink_to(outside)
    (photos / "cat" / "loop").symlink_to(photos)
    (photos / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    source = open_source(photos)
    assert source.classes == ("bird", "cat", "dog")
    assert len(source) == 7
    assert {problem.name for problem in source.problems} == {"cat/loop", "cat/gone.png"}


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/evil.png", "C:/evil.png", "..\\evil.png", "a\\..\\..\\b.png"])
def test_a_zip_that_climbs_out_is_refused_whole(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="refused") as caught:
        open_source(write_zip(tmp_path / "a.zip", {"good.png": red(1), name: red(2)}))
    assert repr(name) in str(caught.value)


def patched(path: Path, entry: str, offset: int, content: bytes) -> None:
    """Change bytes of an entry's record in the central directory of a zip."""
    data = bytearray(path.read_bytes())
    place = data.rindex(entry.encode()) - 46 + offset  # the name comes after 46 bytes
    data[place : place + len(content)] = content
    path.write_bytes(data)


def test_encrypted_absurd_and_damaged_entries_are_quarantined(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"good.png": red(1), "locked.png": red(2), "huge.png": red(3), "torn.png": red(4)})
    patched(path, "locked.png", 8, b"\x01\x00")
    patched(path, "huge.png", 24, (600 * 2**20).to_bytes(4, "little"))
    patched(path, "torn.png", 16, b"\0\0\0\0")  # another checksum
    report = prepare(open_source(path), Preprocessing(max_bad=0.75)).report
    reasons = dict(report.quarantined)
    assert report.used == 1
    assert "encrypted" in reasons["locked.png"]
    assert "629,145,600" in reasons["huge.png"]
    assert "CRC" in reasons["torn.png"]


def test_an_entry_twice_in_a_zip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", red(1))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.png", red(2))
    source = open_source(path)
    assert [problem.name for problem in source.problems] == ["a.png"]
    assert prepare(source, Preprocessing(max_bad=0.5)).pixels[0, 0, 0, 0] == 2


def test_no_zip_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match="cannot be read as a zip"):
        open_source(tmp_path / "a.zip")


def labeled(folder: Path, table: str) -> Path:
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.png").write_bytes(red(i))
    (folder / "labels.csv").write_text(table, encoding="utf-8-sig")
    return folder


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("file,label\n0.png,b\n1.png,a\n2.png,b\n", {"0.png": "b", "1.png": "a", "2.png": "b"}),
        ("Class;Filename\n10;0.png\n9;./1.png\n10;2.png\n", {"0.png": "10", "1.png": "9", "2.png": "10"}),
        ('path,author,category\n0.png,x,"a, b"\n1.png,x,c\n2.png,y,c\n', {"0.png": "a, b", "1.png": "c", "2.png": "c"}),
    ],
)
def test_labels_from_a_table(tmp_path: Path, table: str, expected: dict[str, str]) -> None:
    folder = labeled(tmp_path / "t", table)
    for place in (folder, zipped(folder, tmp_path / "t.zip"), zipped(folder, tmp_path / "w.zip", "wrapped/")):
        found = {Path(name).name: label for name, label in by_name(open_source(place)).items()}
        assert found == expected


def test_numbers_as_labels_are_ordered_as_numbers(tmp_path: Path) -> None:
    source = open_source(labeled(tmp_path / "t", "file,label\n0.png,10\n1.png,9\n2.png,100\n"))
    assert source.classes == ("9", "10", "100")


def test_every_fault_of_a_table_is_listed(tmp_path: Path) -> None:
    folder = labeled(tmp_path / "t", "file,label\n0.png,a\n0.png,a\n1.png,a\n1.png,b\n2.png,\ngone.png,a\n,a\n")
    (folder / "new.png").write_bytes(red(7))
    source = open_source(folder)
    reasons = dict(source.problems)
    assert by_name(source) == {"0.png": "a"}
    assert "'a' and 'b'" in reasons["1.png"]
    assert "no label" in reasons["2.png"]
    assert "no such file" in reasons["gone.png"]
    assert "no row" in reasons["new.png"]
    assert "no file is named" in reasons["labels.csv, row 8"]
    assert any("more than once" in note for note in source.notes)
    with pytest.raises(DataError, match="5 of 6 images"):
        prepare(source)


def test_a_table_without_the_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Its columns are: name, color"):
        open_source(labeled(tmp_path / "t", "name,color\n0.png,red\n"))


def test_wrong_names_and_paths(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(DataError, match="Did you mean 'fashion10k'"):
        open_source("fashon10k")
    with pytest.raises(DataError, match="Did you mean 'photos'"):
        open_source(tmp_path / "fotos")
    with pytest.raises(DataError, match="no data set called ''"):
        open_source("")
    with pytest.raises(DataError, match="cannot be opened"):
        open_source(tmp_path / ("x" * 300))
    with pytest.raises(DataError, match="last folder in this path"):
        open_source(tmp_path / "a" / "b" / "c")
    with pytest.raises(DataError, match="single image"):
        open_source(photos / "cat" / "0.png")
    (tmp_path / "a.rar").write_bytes(b"x")
    with pytest.raises(DataError, match="not data that is read here"):
        open_source(tmp_path / "a.rar")


def test_nothing_usable_lists_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"no images.*\n.*a\.txt"):
        open_source(tmp_path / "docs")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        open_source(tmp_path / "empty")


def test_bad_files_are_quarantined_with_reasons(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for i in range(4):
        (folder / f"good{i}.png").write_bytes(encoded(noise(16, 16, i)))
    bad = {
        "cut.png": encoded(noise(16, 16))[:-300],
        "empty.jpg": b"",
        "text.png": b"I am text",
        "photo.heic": b"\0\0\0\x18ftypheic",
    }
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    (folder / "notes.json").write_text("{}")
    with pytest.raises(DataError, match="4 of 8 images") as caught:
        prepare(open_source(folder))
    assert all(name in str(caught.value) for name in bad)
    store = prepare(open_source(folder), Preprocessing(max_bad=0.5))
    assert (store.report.found, store.report.used) == (8, 4)
    assert sorted(name for name, _ in store.report.quarantined) == sorted(bad)
    assert list(store.names) == [f"good{i}.png" for i in range(4)]
    for i in range(4):
        assert np.array_equal(store.pixels[i], np.asarray(noise(16, 16, i)))


def test_a_tenth_may_be_unusable_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "tenth"
    folder.mkdir()
    for i in range(9):
        (folder / f"{i}.png").write_bytes(red(i))
    (folder / "bad0.png").write_bytes(b"")
    assert prepare(open_source(folder)).report.used == 9
    (folder / "bad1.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"2 of 11 images \(18%\).*max_bad = 10%"):
        prepare(open_source(folder))


def test_none_usable(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"x")
    with pytest.raises(DataError, match="none of 1 image can"):
        prepare(open_source(tmp_path / "bad"), Preprocessing(max_bad=1.0))


# --------------------------------------------------------------------------------------------------- well-known layouts


def image(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(red(value))


def test_backslashes_in_a_zip_are_slashes(tmp_path: Path) -> None:
    source = open_source(write_zip(tmp_path / "windows.zip", {"cat\\1.png": red(1), "dog\\2.png": red(2), "dog\\": b""}))
    assert by_name(source) == {"cat/1.png": "cat", "dog/2.png": "dog"}
    assert source.read(1) == red(2)


def test_class_folders_that_are_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    for number in (1, 10, 2):
        image(tmp_path / "p" / f"{number}" / "a.png", number)
    source = open_source(tmp_path / "p")
    assert source.classes == ("1", "2", "10")
    assert by_name(source) == {f"{number}/a.png": f"{number}" for number in (1, 10, 2)}
    for name in ("class10", "class9"):
        image(tmp_path / "q" / name / "a.png")
    assert open_source(tmp_path / "q").classes == ("class9", "class10")


@pytest.mark.parametrize("packed", [True, False])
def test_stylegans_labels_come_from_its_table(tmp_path: Path, packed: bool) -> None:
    names = [f"{i // 2:05d}/img{i:08d}.png" for i in range(4)]
    tables = {
        "labeled": {"labels": [[names[0], 2], [names[1], 10], [names[2], 2], ["gone.png", 2]]},
        "null": {"labels": None},
        "floats": {"labels": [[name, 0.5] for name in names]},
    }
    opened = {}
    for kind, table in tables.items():
        for i, name in enumerate(names):
            image(tmp_path / kind / name, i)
        (tmp_path / kind / "dataset.json").write_text(json.dumps(table))
        opened[kind] = open_source(zipped(tmp_path / kind, tmp_path / f"{kind}.zip") if packed else tmp_path / kind)
    assert by_name(opened["labeled"]) == {names[0]: "2", names[1]: "10", names[2]: "2"}
    assert opened["labeled"].classes == ("2", "10")
    assert {problem.name for problem in opened["labeled"].problems} == {names[3], "gone.png"}
    for kind in ("null", "floats"):
        assert by_name(opened[kind]) == dict.fromkeys(names)
    assert all("StyleGAN" in source.layout for source in opened.values())
    (tmp_path / "null" / "dataset.json").write_text('{"labels": [3]}')
    with pytest.raises(DataError, match=r"dataset\.json"):
        open_source(tmp_path / "null")
    (tmp_path / "null" / "dataset.json").write_text('{"about": "another program"}')
    assert len(open_source(tmp_path / "null")) == 4


def test_folders_that_only_number_files_are_no_classes(tmp_path: Path) -> None:
    for i in (0, 1, 999, 1000, 1001, 2500):
        image(tmp_path / "ffhq" / f"{i // 1000 * 1000:05d}" / f"{i:05d}.png")
    assert open_source(tmp_path / "ffhq").classes == ()
    for folder, i in ((0, 5), (1, 5), (1, 6)):  # each folder counts for itself: classes
        image(tmp_path / "digits" / f"{folder:05d}" / f"{i:05d}.png")
    assert open_source(tmp_path / "digits").classes == ("00000", "00001")


def test_the_parts_of_well_known_layouts_are_no_classes(tmp_path: Path) -> None:
    layouts = {
        "CycleGAN": ["trainA", "trainB", "testA", "testB"],
        "parts of one set": ["train", "val", "test"],
        "COCO": ["train2017", "val2017"],
        "pix2pix's two sets": ["A/train", "A/test", "B/train", "B/test"],
    }
    for number, (name, folders) in enumerate(layouts.items()):
        for folder in folders:
            image(tmp_path / str(number) / folder / "1.png")
        (tmp_path / str(number) / "annotations").mkdir()
        (tmp_path / str(number) / "annotations" / "captions_train2017.json").write_text("{}")
        source = open_source(tmp_path / str(number))
        assert source.layout.startswith(name)
        assert "captions_train2017.json" in source.layout
        assert (set(source.splits), source.classes) == (set(folders), ())
        with pytest.raises(DataError, match="--split"):
            prepare(source)
        assert [len(open_source(tmp_path / str(number), split=folder)) for folder in folders] == [1] * len(folders)
    for name in ("train", "bus"):  # vehicles, not parts
        image(tmp_path / "vehicles" / name / "1.png")
    assert open_source(tmp_path / "vehicles").classes == ("bus", "train")


def test_classes_are_left_out_if_they_are_not_wanted(photos: Path) -> None:
    store = prepare(open_source(photos), Preprocessing(classes="none"))
    assert (store.spec.classes, store.labels, len(store)) == ((), None, 6)
    assert prepare(open_source(photos)).spec.classes == ("cat", "dog")
