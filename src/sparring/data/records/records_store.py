"""From a table to patients that networks can learn, kept sparse in the cache."""

import hashlib
import itertools
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from sparring.core.atomic_files import cache_folder, read_json, replacing, sha256_of_file, write_json
from sparring.data.records.patient_records import PatientRecords
from sparring.data.records.records_dataset import RecordsDataset
from sparring.data.records.records_reading import RecordsReading, omop_files
from sparring.data.records.records_spec import VISITS, Item, RecordsSpec
from sparring.data.tables.table_files import bundled_table

FORMAT = 1
"""Version of the folder's format: when it changes, all records are read again."""
DESCRIPTION = "records.json"
ARRAYS = ("indptr", "indices", "counts", "visits")
LEVELS = {"code": (1 / 2, 3 / 4, 7 / 8, 15 / 16), "visits": tuple((each + 1) / 16 for each in range(15))}
"""Quantiles at which thresholds lie: of how often patients who have a code have it, and of numbers of visits."""
MOST_VALUES = 32
"""Largest number of values that are drawn from between two thresholds."""


def prepare_records(source: Any, reading: RecordsReading) -> tuple[RecordsDataset, tuple[str, ...]]:  # noqa: ANN401 (a path or a frame)
    """The patients of a source, and what was found, in sentences: from the cache where the same was read before. DataError if it cannot be
    used.
    """
    folder = _folder_of(source, reading)
    if folder is not None and (folder / DESCRIPTION).is_file():
        about = read_json(folder / DESCRIPTION)
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS if (folder / f"{name}.npy").is_file()}
        records = PatientRecords(tuple(about["codes"]), *(arrays.get(name) for name in ARRAYS))  # pyright: ignore[reportArgumentType]
        return _dataset(records, reading, about["source"]), tuple(about["notes"])
    from sparring.data.records.read_records import read_records  # noqa: PLC0415 (an extra)

    raw = read_records(source, reading)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ARRAYS:
            if (array := getattr(raw.records, name)) is not None:
                with replacing(folder / f"{name}.npy") as path, path.open("wb") as file:
                    np.save(file, array)
        write_json(folder / DESCRIPTION, {"codes": raw.records.codes, "source": raw.source, "notes": raw.notes})
    return _dataset(raw.records, reading, json.loads(json.dumps(raw.source))), raw.notes  # as from the cache


def _folder_of(source: Any, reading: RecordsReading) -> Path | None:  # noqa: ANN401
    """Where files are kept once they are read; None for frames, and for what cannot be read."""
    if not isinstance(source, str | os.PathLike):
        return None
    path = bundled_table(source) or Path(source).expanduser()
    files = sorted(omop_files(path).values()) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        return None
    key = json.dumps([FORMAT, [(file.name, sha256_of_file(file)) for file in files], asdict(reading.for_source(str(source)))])
    return cache_folder() / "records" / hashlib.sha256(key.encode()).hexdigest()[:32]


def _dataset(records: PatientRecords, reading: RecordsReading, source: Any) -> RecordsDataset:  # noqa: ANN401 (JSON is any)
    counted = reading.values == "counts"
    if not counted:
        records = replace(records, counts=np.ones(len(records.indices), np.int32))
    spec = RecordsSpec(_items(records, counted), records.visits is not None, counted, source)
    return RecordsDataset(spec, records, np.arange(len(records)), fingerprint_of(records, counted))


def refit(dataset: RecordsDataset, trained_on: RecordsDataset) -> RecordsDataset:
    """The dataset with the spec that the training patients alone give: thresholds, and what lies between them."""
    return replace(dataset, spec=replace(dataset.spec, items=_items(trained_on.records(), dataset.spec.counted)))


def _items(records: PatientRecords, counted: bool) -> tuple[Item, ...]:
    patients = len(records)
    order = np.argsort(records.indices, kind="stable")
    begins = np.concatenate([[0], np.cumsum(records.patients_of_codes())])
    found = []
    for number, name in enumerate(records.codes):
        present = np.asarray(records.counts)[order[begins[number] : begins[number + 1]]]
        thresholds = (1,) if not counted or not len(present) else _thresholds(present, LEVELS["code"], 1)
        found.append(_item(name, thresholds, present, patients - len(present)))
    if records.visits is not None:
        visits = np.asarray(records.visits)
        found.append(_item(VISITS, _thresholds(visits, LEVELS["visits"], int(visits.min()) + 1), visits, 0))
    return tuple(found)


def _thresholds(numbers: np.ndarray, levels: tuple[float, ...], lowest: int) -> tuple[int, ...]:
    """The lowest threshold, and those at quantiles above it."""
    above = np.unique(np.ceil(np.quantile(numbers, levels)).astype(np.int64))
    return (lowest, *(int(each) for each in above if each > lowest))


def _item(name: str, thresholds: tuple[int, ...], numbers: np.ndarray, zeros: int) -> Item:
    """An item from the numbers that are there, and the number of patients without any."""
    total = max(1, len(numbers) + zeros)
    edges = (-1, *thresholds, np.iinfo(np.int64).max)
    values = []
    for low, high in itertools.pairwise(edges):
        own = np.sort(numbers[(numbers >= low) & (numbers < high)])
        own = own if not (zeros and low == -1) else np.zeros(1, np.int64)
        if not len(own):
            own = np.array([max(low, 0)])
        some = own[np.linspace(0, len(own) - 1, min(len(own), MOST_VALUES)).round().astype(int)]
        values.append((int(some[0]),) if (some == some[0]).all() else tuple(map(int, some)))
    return Item(name, thresholds, tuple(float((numbers >= each).sum() / total) for each in thresholds), tuple(values))


def fingerprint_of(records: PatientRecords, counted: bool) -> str:
    """A digest of the patients."""
    digest = hashlib.sha256(json.dumps([list(records.codes), counted]).encode())
    for name in ARRAYS:
        array = getattr(records, name)
        digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
