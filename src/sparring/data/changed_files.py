"""Which files of a data set have changed since it was prepared for a run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sparring.core.atomic_files import cache_folder, read_json
from sparring.core.errors import SparringError
from sparring.data.listed_images import name_examples
from sparring.data.store import DESCRIPTION, Store, open_store


def changes_since(fingerprint: str, now: Any) -> list[str]:  # noqa: ANN401 (the dataset of some kind)
    """Sentences that name the files that were removed, added or changed since the data had this fingerprint.

    What was prepared then is looked for in the cache. If it is gone, or if `now` has no names of files, nothing is known, and the list is
    empty.
    """
    then = _prepared_with(fingerprint)
    if then is None or not hasattr(now, "names"):
        return []
    before, after = ({name: index for index, name in enumerate(store.names)} for store in (then, now))
    removed, added = [name for name in before if name not in after], [name for name in after if name not in before]
    changed = [name for name in before if name in after and not _equal(then, before[name], now, after[name])]
    groups = (("removed", removed), ("added", added), ("changed, or have other labels", changed))
    found = [f"{len(names):,} {what}: {name_examples(names)}." for what, names in groups if names]
    return found or ["The files are the same, in another order."]


def _prepared_with(fingerprint: str) -> Store | None:
    for folder in _prepared_folders():
        try:
            if read_json(folder / DESCRIPTION).get("fingerprint") == fingerprint:
                return open_store(folder)
        except (SparringError, AttributeError):  # being written, or damaged
            continue
    return None


def _prepared_folders() -> Iterator[Path]:
    data = cache_folder() / "data"
    return (path.parent for path in sorted(data.glob(f"*/{DESCRIPTION}")))


def _equal(one: Store, at: int, other: Store, there: int) -> bool:
    """Whether two images have the same pixels and labels."""
    labels = [_labels_of(store, index) for store, index in ((one, at), (other, there))]
    return labels[0] == labels[1] and np.array_equal(one.pixels[at], other.pixels[there])


def _labels_of(store: Store, index: int) -> object:
    """The class of an image, or its labels by name."""
    if store.label_values is not None:
        values = zip(store.spec.labels, store.label_values[index].tolist(), strict=True)
        return {label.name: label.classes[int(value)] if label.classes else value for label, value in values}
    return None if store.labels is None else store.spec.classes[store.labels[index]]
