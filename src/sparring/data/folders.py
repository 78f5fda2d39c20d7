"""Pictures in a folder or a zip: which files are pictures, and which classes they have."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.core.numbers import plural
from sparring.data.decode import PICTURE_ENDINGS, looks_like_picture
from sparring.data.labels import LABELS_FILE, read_labels
from sparring.data.places import Place, folder_place, zip_place
from sparring.data.records import Item, Problem, Source, examples, key_of

SPLIT_NAMES = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})


@dataclass
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    passed_over: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def open_folder(name: str, path: Path, split: str | None) -> Source:
    """The pictures of a folder and all folders in it."""
    return _source(name, folder_place(path), split)


def open_zip(name: str, path: Path, split: str | None) -> Source:
    """The pictures of a zip, read in place."""
    return _source(name, zip_place(path), split)


def open_pictures(path: Path) -> Source:
    """All pictures of a folder or a zip, whatever classes or splits their folders may mean elsewhere."""
    place, findings = zip_place(path) if path.is_file() else folder_place(path), _Findings()
    items = [Item(name) for name in _pictures(place, place.names, findings)]
    return Source(
        str(path),
        items,
        lambda index: place.read(items[index].name),
        place.key,
        problems=place.problems,
        passed_over=tuple(findings.passed_over),
    )


def _source(name: str, place: Place, split: str | None) -> Source:
    findings = _Findings(list(place.problems), notes=list(place.notes))
    names = place.names
    if split is not None:
        names, top = _of_split(place, split)
    else:
        top = _wrapper(names)
        _refuse_splits(place, names, top)
    table = f"{top}{LABELS_FILE}"
    if table in names:
        items, classes = _with_table(place, names, top, table, findings)
    else:
        items, classes = _with_folders(_pictures(place, names, findings), top, findings)
    if findings.passed_over:
        others = [problem.name for problem in findings.passed_over]
        counted = plural(len(others), "file that is no image", "files that are no images")
        findings.notes.append(f"{counted} passed over ({examples(others)}).")
    if not items:
        problems = [f"{file}: {reason}" for file, reason in [*findings.problems, *findings.passed_over]]
        raise DataError(listed(f"{place.path} holds no pictures that can be used. Files in it: {len(place.names)}.", problems))
    return Source(
        name=name,
        items=items,
        read=lambda index: place.read(items[index].name),
        key=key_of("pictures", place.key, split),
        classes=classes,
        problems=tuple(findings.problems),
        passed_over=tuple(findings.passed_over),
        notes=tuple(findings.notes),
    )


def _of_split(place: Place, split: str) -> tuple[tuple[str, ...], str]:
    """The names in the folder `split`, directly in the place or in the one folder that holds all, and its path."""
    top = f"{_wrapper(place.names, stop=split)}{split}/"
    names = tuple(name for name in place.names if name.startswith(top))
    if not names:
        folders = {name.split("/")[0] for name in place.names if "/" in name}
        raise DataError(f"{place.path} has no folder {split!r} for this split. {did_you_mean(split, folders)}")
    return names, top


def _wrapper(names: Sequence[str], stop: str = "") -> str:
    """The path of the folder that holds all pictures, if one does ('' if not): a zip of a folder often has such a layer.

    Of a single class folder it follows that there are no classes, which is what one class is worth.
    """
    top = ""
    telling = [name for name in names if PurePosixPath(name).suffix.lower() in PICTURE_ENDINGS or name.endswith(LABELS_FILE)] or names
    while telling and f"{top}{LABELS_FILE}" not in telling:
        firsts = {name[len(top) :].split("/")[0] if "/" in name[len(top) :] else None for name in telling}
        first = firsts.pop()
        if firsts or first is None or first == stop:
            break
        top = f"{top}{first}/"
    return top


def _refuse_splits(place: Place, names: Sequence[str], top: str) -> None:
    """A folder of splits is not a folder of classes: ask which one is meant."""
    folders = {name[len(top) :].split("/")[0] for name in names if "/" in name[len(top) :]}
    if f"{top}{LABELS_FILE}" not in names and len(folders) > 1 and {folder.lower() for folder in folders} <= SPLIT_NAMES:
        raise DataError(f"{place.path} holds the splits {', '.join(sorted(folders))}. Choose one as the split, or give its folder.")


def _pictures(place: Place, names: Sequence[str], findings: _Findings, listed_files: frozenset[str] = frozenset()) -> list[str]:
    """The names of all files that claim to be pictures, by their ending, their first bytes or the table of labels."""
    pictures = []
    for name in names:
        if name in listed_files or PurePosixPath(name).suffix.lower() in PICTURE_ENDINGS:
            pictures.append(name)
            continue
        try:
            is_picture = looks_like_picture(place.head(name))
        except Exception as problem:  # a damaged entry of a zip, a file that may not be read
            findings.passed_over.append(Problem(name, f"not a picture by its ending, and it cannot be read: {problem}"))
            continue
        if is_picture:
            pictures.append(name)
        else:
            findings.passed_over.append(Problem(name, "not a picture, by its ending and its first bytes"))
    return pictures


def _with_table(place: Place, names: Sequence[str], top: str, table: str, findings: _Findings) -> tuple[list[Item], tuple[str, ...]]:
    files = {name: name for name in names} | {name[len(top) :]: name for name in names}
    try:
        content = place.read(table)
    except Exception as problem:  # what a damaged zip raises is up to the packing
        raise DataError(f"{place.path}: {table} cannot be read: {problem}.") from None
    labelling = read_labels(content, table, files)
    named = frozenset(labelling.labels)
    unusable = {problem.name for problem in labelling.problems}
    findings.problems.extend(labelling.problems)
    findings.notes.extend(labelling.notes)
    findings.notes.append(f"Classes are those of {table}.")
    pictures = _pictures(place, [name for name in names if name != table], findings, named)
    for name in pictures:
        if name not in named and name not in unusable:
            findings.problems.append(Problem(name, f"no row in {table}"))
    return [Item(name, labelling.labels[name]) for name in pictures if name in named], labelling.classes


def _with_folders(pictures: Sequence[str], top: str, findings: _Findings) -> tuple[list[Item], tuple[str, ...]]:
    """First-level folders are the classes, if there are two or more and they hold more pictures than lie loose beside them."""
    loose, by_class = [], defaultdict(list)
    for name in pictures:
        first, slash, _ = name[len(top) :].partition("/")
        (by_class[first] if slash else loose).append(name)
    if top:
        findings.notes.append(f"All pictures lie in {top}, which is taken as the top.")
    held = len(pictures) - len(loose)
    if len(by_class) < 2 or held <= len(loose):
        if by_class:
            folders = examples([f"{folder}/" for folder in by_class])
            findings.notes.append(f"{held} pictures in {folders} and {len(loose)} beside: used together, without classes.")
        return [Item(name) for name in pictures], ()
    if loose:
        findings.notes.append(f"{len(loose)} pictures lie loose beside {len(by_class)} class folders: they have no class and are not used.")
        findings.problems.extend(Problem(name, "lies beside the class folders, so it has no class") for name in loose)
    classes = tuple(sorted(by_class))
    items = [Item(name, label) for label, folder in enumerate(classes) for name in by_class[folder]]
    return sorted(items), classes
