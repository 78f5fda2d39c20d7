"""Reads the images of a folder or an archive: finds out which files are images, and which classes they have."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.data.listed_images import Item, Problem, Source, hash_key, name_examples
from sparring.data.readers.file_listing import FileListing, list_folder, list_tar, list_zip
from sparring.data.readers.folder_layouts import (
    DATASET_JSON,
    are_numbered_folders,
    describe_splits,
    find_caption_files,
    find_splits,
    is_dataset_json,
    read_dataset_json,
)
from sparring.data.readers.label_table import LABELS_FILE, read_labels, sorted_classes
from sparring.media.image_decoding import IMAGE_ENDINGS, has_image_signature


@dataclass
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def open_folder(name: str, path: Path, split: str | None) -> Source:
    """Open the images of a folder and of all folders in it."""
    return _source(name, list_folder(path), split)


def open_zip(name: str, path: Path, split: str | None) -> Source:
    """Open the images of a zip, without unpacking it."""
    return _source(name, list_zip(path), split)


def open_tar(name: str, path: Path, split: str | None) -> Source:
    """Open the images of a tar, without unpacking it."""
    return _source(name, list_tar(path), split)


def _listing(path: Path) -> FileListing:
    if path.is_dir():
        return list_folder(path)
    return list_tar(path) if path.suffix.lower() == ".tar" else list_zip(path)


def content_digests(path: Path, names: Sequence[str]) -> dict[str, str]:
    """A digest of the content of each of these files of a folder or an archive, by name."""
    place = _listing(path)
    return dict(zip(names, place.digests(names), strict=True))


def read_file_of(source: Source, name: str) -> bytes | None:
    """The file of that name in the folder or archive of a source, or None if there is none."""
    path = Path(source.name).expanduser()
    if not (path.is_dir() or path.suffix.lower() in {".zip", ".tar"}):
        return None
    place = _listing(path)
    return next((place.read(each) for each in (f"{source.top}{name}", name) if each in place.names), None)


def open_images(path: Path) -> Source:
    """Open all images of a folder or an archive, without interpreting its folders as classes or splits."""
    place, findings = _listing(path), _Findings()
    items = [Item(name) for name in _find_images(place, place.names, findings)]
    return Source(
        str(path),
        items,
        lambda index: place.read(items[index].name),
        lambda: hash_key("images", items, place.digests([item.name for item in items])),
        problems=place.problems,
        skipped=tuple(findings.skipped),
    )


def _source(name: str, place: FileListing, split: str | None) -> Source:
    findings = _Findings(list(place.problems), notes=list(place.notes))
    names, top = (place.names, _common_folder(place.names)) if split is None else _files_of_split(place, split)
    labeled, splits = _with_label_table(place, names, top, findings), ()
    if labeled is not None:
        items, classes, layout = labeled
    else:
        images = _find_images(place, names, findings)
        splits = find_splits(_image_folders(images, top)) if split is None else ()
        if splits:
            items, classes, layout = [Item(one) for one in images], (), describe_splits(splits)
        else:
            items, classes, layout = _with_class_folders(images, top, findings)
    if findings.skipped:
        others = [problem.name for problem in findings.skipped]
        findings.notes.append(
            f"{_count_files(len(others))} no {'images' if len(others) > 1 else 'image'}: passed over ({name_examples(others)})."
        )
        if words := find_caption_files(others, [item.name for item in items]):
            layout = f"{layout}; captions or annotations ({name_examples(words)}) are passed over"
    if not items:
        problems = [f"{file}: {reason}" for file, reason in [*findings.problems, *findings.skipped]]
        raise DataError(listed(f"{place.path} holds no images that can be used. Files in it: {len(place.names)}.", problems))
    return Source(
        name=name,
        items=items,
        read=lambda index: place.read(items[index].name),
        identify=lambda: hash_key(
            "images", items, place.digests([item.name for item in items]), classes, findings.problems, findings.notes
        ),
        classes=classes,
        problems=tuple(findings.problems),
        skipped=tuple(findings.skipped),
        notes=tuple(findings.notes),
        layout=layout,
        top=top,
        splits=splits,
    )


def _count_files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count:,} files are"


def _image_folders(images: Sequence[str], top: str) -> dict[str, set[str]]:
    """The folders in `top` that hold images, each with the folders in it that do; empty if images lie in `top` itself."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in images:
        first, *inner = name[len(top) :].split("/")[:-1] or [""]
        if not first:
            return {}
        found[first].update(inner[:1])
    return found


def _with_label_table(
    place: FileListing, names: Sequence[str], top: str, findings: _Findings
) -> tuple[list[Item], tuple[str, ...], str] | None:
    """Images, classes and the layout's name if there is a table of labels, else None."""
    files = {name: name for name in names} | {name[len(top) :]: name for name in names}
    if (table := f"{top}{LABELS_FILE}") in names:
        labeling = read_labels(_read_table(place, table), table, files)
        findings.notes.extend([*labeling.notes, f"Classes are those of {table}."])
        layout = f"a table of labels ({table})"
    elif (table := f"{top}{DATASET_JSON}") in names and is_dataset_json(content := _read_table(place, table)):
        labeling, decided = read_dataset_json(content, table, files)
        findings.notes.append(decided)
        layout = f"StyleGAN's dataset tool (labels in {table}; its folders are no classes)"
        if labeling is None:
            return [Item(name) for name in _find_images(place, [name for name in names if name != table], findings)], (), layout
    else:
        return None
    named = frozenset(labeling.labels)
    unusable = {problem.name for problem in labeling.problems}
    findings.problems.extend(labeling.problems)
    images = _find_images(place, [name for name in names if name != table], findings, named)
    findings.problems.extend(Problem(name, f"no row in {table}") for name in images if name not in named and name not in unusable)
    return [Item(name, labeling.labels[name]) for name in images if name in named], labeling.classes, layout


def _read_table(place: FileListing, table: str) -> bytes:
    try:
        return place.read(table)
    except Exception as problem:  # what a damaged zip raises is up to the packing
        raise DataError(f"{place.path}: {table} cannot be read: {problem}.") from None


def _files_of_split(place: FileListing, split: str) -> tuple[tuple[str, ...], str]:
    """Names of the files in the folder `split`, at the top level or in the only folder there, and the path of that folder.

    Raises a DataError if there is no such folder.
    """
    top = f"{_common_folder(place.names, stop=split.partition('/')[0])}{split}/"
    names = tuple(name for name in place.names if name.startswith(top))
    if not names:
        folders = {name.split("/")[0] for name in place.names if "/" in name}
        raise DataError(f"{place.path} has no folder {split!r} for this split. {did_you_mean(split, folders)}")
    return names, top


def _common_folder(names: Sequence[str], stop: str = "") -> str:
    """Path of the innermost folder that holds all images, or '' if there is none: a zip of a folder often has one.

    A single class folder is such a folder, too, so it yields no classes.
    """
    top = ""
    tables = (LABELS_FILE, DATASET_JSON)
    telling = [name for name in names if PurePosixPath(name).suffix.lower() in IMAGE_ENDINGS or name.endswith(tables)] or names
    while telling and not any(f"{top}{table}" in telling for table in tables):
        firsts = {name[len(top) :].split("/")[0] if "/" in name[len(top) :] else None for name in telling}
        first = firsts.pop()
        if firsts or first is None or first == stop:
            break
        top = f"{top}{first}/"
    return top


def _find_images(place: FileListing, names: Sequence[str], findings: _Findings, listed_files: frozenset[str] = frozenset()) -> list[str]:
    """Names of all files that claim to be images, by their ending, their first bytes or the table of labels."""
    images = []
    for name in names:
        if name in listed_files or PurePosixPath(name).suffix.lower() in IMAGE_ENDINGS:
            images.append(name)
            continue
        try:
            is_image = has_image_signature(place.head(name))
        except Exception as problem:  # a damaged entry of a zip, a file that may not be read
            findings.skipped.append(Problem(name, f"not an image by its ending, and it cannot be read: {problem}"))
            continue
        if is_image:
            images.append(name)
        else:
            findings.skipped.append(Problem(name, "not an image by its ending or its first bytes"))
    return images


def _with_class_folders(images: Sequence[str], top: str, findings: _Findings) -> tuple[list[Item], tuple[str, ...], str]:
    """Images with first-level folders as classes, if there are at least two that hold more images than lie beside them."""
    loose, by_class = [], defaultdict(list)
    for name in images:
        first, slash, _ = name[len(top) :].partition("/")
        (by_class[first] if slash else loose).append(name)
    if top:
        findings.notes.append(f"All images lie in {top}, which is taken as the top.")
    held = len(images) - len(loose)
    if len(by_class) > 1 and not loose and are_numbered_folders(images, top):
        return [Item(name) for name in images], (), "images in numbered folders (no classes)"
    if len(by_class) < 2 or held <= len(loose):
        if by_class:
            folders = name_examples([f"{folder}/" for folder in by_class])
            findings.notes.append(f"{held} images in {folders} and {len(loose)} beside: used together, without classes.")
        return [Item(name) for name in images], (), "images in a folder"
    if loose:
        findings.notes.append(f"{len(loose)} images lie loose beside {len(by_class)} class folders: they have no class and are not used.")
        findings.problems.extend(Problem(name, "lies beside the class folders, so it has no class") for name in loose)
    classes = tuple(sorted_classes(by_class))
    items = [Item(name, label) for label, folder in enumerate(classes) for name in by_class[folder]]
    return sorted(items), classes, f"ImageFolder ({len(classes)} folders, one for each class)"
