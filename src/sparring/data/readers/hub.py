"""Opens data sets of torchvision and Hugging Face by name. Both may download; downloaded data works offline."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from sparring.core.atomic_files import cache_folder
from sparring.core.errors import DataError, did_you_mean, missing_extra
from sparring.data.content_digest import file_digests
from sparring.data.listed_images import Item, NumberedItems, Problem, Source, hash_key

LABEL_NAMES = ("label", "labels", "class", "category")


def open_torchvision(name: str, split: str | None) -> Source:
    """`torchvision:NAME[:SPLIT]`, e.g. `torchvision:CIFAR10:test`; the split is 'train' unless given.

    DataError for an unknown name or a download that fails: it says which files to put where.
    """
    import torchvision  # noqa: PLC0415 (brings torch, which no other source needs)

    _, _, rest = name.partition(":")
    wanted, _, written_split = rest.partition(":")
    split = split or written_split or "train"
    kinds = {key.lower(): kind for key, kind in vars(torchvision.datasets).items() if _is_named_data_set(kind)}
    kind = kinds.get(wanted.lower())  # the case of letters does not matter
    if kind is None:
        raise DataError(f"torchvision has no data set {wanted!r}. {did_you_mean(wanted, kinds)}")
    wanted = kind.__name__
    root = cache_folder() / "torchvision" / wanted
    dataset = _torchvision_dataset(kind, wanted, split, root)
    labels = next((found for key in ("targets", "labels", "_labels") if (found := getattr(dataset, key, None)) is not None), None)
    classes, numbers, notes = _torchvision_labels(dataset, labels)
    files = sorted(file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())
    return Source(
        name=name,
        items=NumberedItems(len(dataset), numbers),
        read=lambda index: _to_pixels(dataset[index][0]),
        identify=lambda: hash_key("torchvision", wanted, split, len(dataset), files, file_digests(root, files)),
        classes=classes,
        native_size=_native_size(getattr(dataset, "data", None)),
        notes=notes,
    )


def _is_named_data_set(kind: Any) -> bool:  # noqa: ANN401
    """Whether an attribute of torchvision.datasets is a data set, rather than a base class or a reader of any folder."""
    if not inspect.isclass(kind) or kind.__name__ in ("VisionDataset", "DatasetFolder", "ImageFolder"):
        return False
    return "root" in inspect.signature(kind).parameters


def _torchvision_dataset(kind: Any, wanted: str, split: str, root: Path) -> Any:  # noqa: ANN401 (every data set is a class of its own)
    parameters = inspect.signature(kind).parameters
    settings: dict[str, Any] = {"root": str(root)}
    if "train" in parameters:
        if split not in ("train", "test"):
            raise DataError(f"torchvision:{wanted} has the splits 'train' and 'test', not {split!r}.")
        settings["train"] = split == "train"
    elif "split" in parameters:
        settings["split"] = split
    if "download" in parameters:
        settings["download"] = True
    root.mkdir(parents=True, exist_ok=True)
    try:
        return kind(**settings)
    except Exception as problem:  # each data set fails in its own way: no network, a checksum, an unknown split, a missing file
        resources = [resource[0] for resource in getattr(kind, "resources", ())]
        folder = root / wanted / "raw" if resources else root
        files = f"its files ({', '.join(resources)}), unpacked," if resources else "its files as torchvision's documentation lays them out"
        raise DataError(
            f"torchvision:{wanted}:{split} could not be downloaded or read: {problem}\n"
            f"Without a network, put {files} into {folder} and try again."
        ) from None


def _torchvision_labels(dataset: Any, labels: Any) -> tuple[tuple[str, ...], np.ndarray | None, tuple[str, ...]]:  # noqa: ANN401
    if labels is None:
        return (), None, ("Used without classes: this data set does not list its labels.",)
    numbers = np.asarray(labels)
    if numbers.shape != (len(dataset),) or numbers.dtype.kind not in "iu" or numbers.min() < 0:
        return (
            (),
            None,
            (f"Used without classes: the labels are {numbers.dtype} of shape {numbers.shape}, not one class for each image.",),
        )
    names = [str(name) for name in getattr(dataset, "classes", ())]
    if len(names) <= int(numbers.max()):
        names = [str(number) for number in range(int(numbers.max()) + 1)]
    return tuple(names), numbers.astype(np.int64), ()


def _native_size(data: Any) -> tuple[int, int] | None:  # noqa: ANN401
    shape: Sequence[int] = tuple(getattr(data, "shape", ()))
    if len(shape) == 3:
        return shape[1], shape[2]
    if len(shape) == 4:
        return (shape[1], shape[2]) if shape[3] in (1, 3) else (shape[2], shape[3])
    return None


def _to_pixels(image: Any) -> UInt8[np.ndarray, "h w c"]:  # noqa: ANN401
    """Pixels of a Pillow image from torchvision."""
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA")
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def open_hugging_face(name: str, split: str | None) -> Source:
    """Open `hf:NAME` of the Hugging Face hub, or `hf:FOLDER` (saved with `save_to_disk`, or anything that `load_dataset` reads).

    Uses the column of images and the column of classes. Raises a DataError if the data cannot be loaded or has no images.
    """
    try:
        import datasets  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("datasets", "datasets", "Reading a Hugging Face data set") from None
    wanted = name.removeprefix("hf:")
    if not wanted:
        raise DataError("hf: needs a name of the hub or a folder after the colon.")
    table, notes = _load_hub_table(datasets, wanted, split)
    images = [column for column, kind in table.features.items() if isinstance(kind, datasets.Image)]
    if not images:
        columns = ", ".join(f"{column} ({type(kind).__name__})" for column, kind in table.features.items())
        raise DataError(f"hf:{wanted} has no column of images. Its columns are: {columns}.")
    column = next((known for known in ("image", "img") if known in images), images[0])
    if len(images) > 1:
        notes.append(f"Images are those of the column {column!r} (there are: {', '.join(images)}).")
    # Undecoded: our own reading checks them, and a broken one must not end the run.
    files = table.select_columns([column]).cast_column(column, datasets.Image(decode=False))
    classes, numbers = _hub_labels(datasets, table, notes)
    items = [Item(f"{index:06d}", label) for index, label in enumerate(numbers)]
    usable = [index for index, item in enumerate(items) if not classes or item.label is not None]
    problems = tuple(Problem(item.name, "no label") for item in items if classes and item.label is None)
    return Source(
        name=name,
        items=[items[index] for index in usable],
        read=lambda index: _image_bytes(files[usable[index]][column]),
        identify=lambda: hash_key("hf", wanted, split, table._fingerprint, len(table), column, classes),
        classes=classes,
        problems=problems,
        notes=tuple(notes),
    )


def _image_bytes(value: dict[str, Any] | None) -> bytes:
    if value is None:
        raise OSError("there is no image in this row")
    return value["bytes"] if value["bytes"] is not None else Path(value["path"]).read_bytes()


def _load_hub_table(datasets: Any, wanted: str, split: str | None) -> tuple[Any, list[str]]:  # noqa: ANN401
    folder = Path(wanted).expanduser()
    try:
        if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
            loaded = datasets.load_from_disk(str(folder))
        else:
            loaded = datasets.load_dataset(str(folder.resolve()) if folder.is_dir() else wanted)
    except Exception as problem:  # no network, no such name, a damaged file: each from another library
        raise DataError(
            f"hf:{wanted} could not be loaded: {problem}\n"
            "Check the name and the network; or download it elsewhere, save it with save_to_disk('FOLDER'), and give hf:FOLDER."
        ) from None
    if not isinstance(loaded, dict):
        if split is not None:
            raise DataError(f"hf:{wanted} is one set of images: it has no split {split!r}.")
        return loaded, []
    if split is None:
        chosen = "train" if "train" in loaded else next(iter(loaded))
        others = ", ".join(key for key in loaded if key != chosen)
        return loaded[chosen], [f"The split {chosen!r} is used (there are also: {others})."] if others else []
    if split not in loaded:
        raise DataError(f"hf:{wanted} has no split {split!r}. {did_you_mean(split, loaded)}")
    return loaded[split], []


def _hub_labels(datasets: Any, table: Any, notes: list[str]) -> tuple[tuple[str, ...], Sequence[int | None]]:  # noqa: ANN401
    columns = [column for column, kind in table.features.items() if isinstance(kind, datasets.ClassLabel)]
    nothing = (), [None] * len(table)
    if not columns:
        notes.append("Used without classes: there is no column of class labels.")
        return nothing
    column = next((known for known in LABEL_NAMES if known in columns), columns[0])
    if len(columns) > 1:
        notes.append(f"Classes are those of the column {column!r} (there are: {', '.join(columns)}).")
    labels = [None if label is None or label < 0 else int(label) for label in table[column]]
    if all(label is None for label in labels):
        notes.append(f"Used without classes: the column {column!r} holds no labels.")
        return nothing
    return tuple(table.features[column].names), labels
