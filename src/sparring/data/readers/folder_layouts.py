"""Well-known layouts of image folders: splits (train, test, ...), StyleGAN's dataset.json, and folders that only number files."""

import itertools
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from sparring.core.errors import DataError
from sparring.data.listed_images import Problem
from sparring.data.readers.label_table import LabelTable, sorted_classes

DATASET_JSON = "dataset.json"
"""The file of labels that NVIDIA's dataset tool for StyleGAN writes."""
SPLIT_NAME = re.compile(r"(?P<part>train|training|test|testing|val|valid|validation)(?P<set>[ab])?(19|20)?(\d\d)?", re.IGNORECASE)
"""Names of folders that are splits of a data set: train, val, train2017 (COCO), trainA and trainB (CycleGAN)."""
CAPTION_FILE = re.compile(
    r"(captions?|instances|annotations?|person_keypoints|metadata|results)[\w.-]*\.(jsonl?|csv|txt|token)", re.IGNORECASE
)
"""Names of files with captions or annotations of images."""


def is_training(split: str) -> bool:
    """Whether a split's folder is meant to be trained on."""
    return split.rpartition("/")[2].lower().startswith("train")


def split_part(split: str) -> str:
    """Name of a split without its set and year: "train" for trainA, A/train and train2017."""
    name = split.rpartition("/")[2]
    match = SPLIT_NAME.fullmatch(name)
    return match["part"].lower() if match else name


def split_set(split: str) -> str:
    """The set of a split: "a" or "b" if there are two (trainA, testB; A/train), else an empty string."""
    folder, _, name = split.rpartition("/")
    match = SPLIT_NAME.fullmatch(name)
    return folder.lower() or ((match and match["set"]) or "").lower()


def find_splits(folders: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The folders with images that are splits of a data set; empty if the folders are classes. `folders` maps each to the folders in it.

    If there are folders A and B with splits in each (as pix2pix's script expects), the splits are A/train, A/val, B/train and so on.
    """
    named = [name for name in folders if SPLIT_NAME.fullmatch(name)]
    if len(named) > 1 and (len(named) == len(folders) or (any(map(is_training, named)) and not all(map(is_training, named)))):
        return tuple(sorted(named))
    if {name.lower() for name in folders} == {"a", "b"} and all(
        inner and all(map(SPLIT_NAME.fullmatch, inner)) for inner in folders.values()
    ):
        return tuple(sorted(f"{name}/{part}" for name, inner in folders.items() for part in inner))
    return ()


def describe_splits(splits: Sequence[str]) -> str:
    """Description of a layout with these splits, for messages."""
    if any("/" in split for split in splits):
        return f"pix2pix's two sets, A and B, in parts ({', '.join(splits)})"
    if any(split_set(split) for split in splits):
        return f"CycleGAN's two sets ({', '.join(splits)})"
    if any(split[-1].isdecimal() for split in splits):
        return f"COCO's ({', '.join(splits)})"
    return f"parts of one set ({', '.join(splits)}), as pix2pix's data sets have them"


def are_numbered_folders(names: Collection[str], top: str) -> bool:
    """Whether folders in `top` only number files, for example 00000/img00000000.png, 00000/00012.png and 01000/01017.png.

    They do if their names are numbers of five digits, starting at 0, and the files are numbered consecutively across folders.
    """
    ranges: dict[int, list[int]] = {}
    for name in names:
        folder, slash, file = name[len(top) :].partition("/")
        number = re.search(r"(\d{5,})$", PurePosixPath(file).stem)
        if not slash or not re.fullmatch(r"\d{5}", folder) or number is None:
            return False
        ranges.setdefault(int(folder), []).append(int(number[1]))
    ordered = [ranges[folder] for folder in sorted(ranges)]
    return 0 in ranges and all(max(before) < min(after) for before, after in itertools.pairwise(ordered))


def is_dataset_json(content: bytes) -> bool:
    """Whether a dataset.json is StyleGAN's, because other programs have files of that name, too."""
    try:
        table = json.loads(content)
    except ValueError:
        return False
    return isinstance(table, dict) and "labels" in table


def read_dataset_json(content: bytes, where: str, files: Mapping[str, str]) -> tuple[LabelTable | None, str]:
    """StyleGAN's labels, or None if there are none, and a sentence on the decision.

    `files` maps each path as the table may write it to the file's name in the source. Raises a DataError for malformed tables.
    """
    labels = json.loads(content)["labels"]
    try:
        if labels is None:
            return None, f"{where} says that there are no labels: used without classes."
        rows = [(str(file).replace("\\", "/"), label) for file, label in labels]
    except (ValueError, TypeError) as problem:
        raise DataError(
            f'{where} is not what StyleGAN\'s dataset tool writes, {{"labels": [["00000/img00000000.png", 6], ...]}} or '
            f'{{"labels": null}}: {problem!r}. Mend it, or move it away.'
        ) from None
    if not all(type(label) is int for _, label in rows):
        return None, f"{where} has labels that are no whole numbers: used without classes. To use them: --labels {DATASET_JSON}"
    problems = [Problem(file, f"named in {where}, but there is no such file") for file, _ in rows if file not in files]
    found = {files[file]: str(label) for file, label in rows if file in files}
    classes = sorted_classes(found.values())
    numbers = {label: number for number, label in enumerate(classes)}
    labeling = LabelTable(tuple(classes), {name: numbers[label] for name, label in found.items()}, tuple(problems), ())
    return labeling, f"Classes are the labels in {where}."


def find_caption_files(skipped: Sequence[str], images: Collection[str]) -> list[str]:
    """Files with captions or annotations among skipped files: COCO's annotations, captions.txt, metadata.jsonl, a text for each image."""
    stems = {str(PurePosixPath(name).with_suffix("")) for name in images}
    return [
        name
        for name in skipped
        if CAPTION_FILE.fullmatch(PurePosixPath(name).name)
        or (PurePosixPath(name).suffix in {".txt", ".caption", ".json"} and str(PurePosixPath(name).with_suffix("")) in stems)
    ]
