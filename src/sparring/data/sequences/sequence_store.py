"""From files to sequences that networks can learn, kept in the cache."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np

from sparring.core.atomic_files import cache_folder, read_json, replacing, sha256_of_file, write_json
from sparring.core.errors import DataError
from sparring.data.sequences.notations import NotationName
from sparring.data.sequences.read_sequences import RawTexts, read_sequences
from sparring.data.sequences.sequence_dataset import AllTexts, SequenceDataset, with_vocabulary
from sparring.data.sequences.sequence_spec import SequenceSpec, padded, vocabulary_of
from sparring.data.sequences.sequences_reading import MADE_SEQUENCES, SequencesReading, bundled_sequences, made_sequences, text_ending

FORMAT = 1
"""Version of the folder's format: when it changes, all texts are read again."""
DESCRIPTION, CODES, LABELS, TEXTS = "sequences.json", "codes.npy", "labels.npy", "texts.json"


def prepare_sequences(source: Any, reading: SequencesReading) -> tuple[SequenceDataset, tuple[str, ...]]:  # noqa: ANN401 (also a frame)
    """The sequences of a source, and what was found, in sentences: from the cache where the same was read before. DataError if it cannot
    be used.
    """
    folder = _folder_of(source, reading)
    if folder is not None and (folder / DESCRIPTION).is_file():
        about = read_json(folder / DESCRIPTION, DataError)
        codes = np.load(folder / CODES, mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / LABELS, allow_pickle=False) if about["classes"] else None
        texts = read_json(folder / TEXTS, DataError)
        everything = AllTexts(
            texts, codes, tuple(about["tokens"]), labels, tuple(about["classes"]), tuple(about.get("kept", ())), about["columns"]
        )
        return _dataset(everything, about["notation"], reading), tuple(about["notes"])
    raw, tokens, notes = read_sequences(source, reading)
    everything = _everything(raw, tokens, reading)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in ((CODES, everything.codes), (LABELS, everything.labels)):
            if array is not None:
                with replacing(folder / name) as path, path.open("wb") as file:
                    np.save(file, array, allow_pickle=False)
        write_json(folder / TEXTS, list(everything.texts))
        about = {"notation": raw.notation, "tokens": everything.tokens, "classes": everything.classes, "notes": notes}
        write_json(folder / DESCRIPTION, {**about, "kept": everything.kept, "columns": dict(everything.columns)})
    return _dataset(everything, raw.notation, reading), notes


def _everything(raw: RawTexts, tokens: Sequence[Sequence[str]], reading: SequencesReading) -> AllTexts:
    names = vocabulary_of(Counter(token for each in tokens for token in each), 2**31)
    code_of = {token: code for code, token in enumerate(names, 1)}
    length = reading.length or max(map(len, tokens))
    codes = padded(([code_of[token] for token in each] for each in tokens), length).astype(np.int32)
    if raw.labels is None:
        return AllTexts(raw.texts, codes, names)
    classes = raw.classes or tuple(sorted(set(raw.labels)))
    number = {name: label for label, name in enumerate(classes)}
    return AllTexts(raw.texts, codes, names, np.array([number[label] for label in raw.labels], np.int64), classes, raw.kept_words)


def _dataset(everything: AllTexts, notation: NotationName, reading: SequencesReading) -> SequenceDataset:
    spec = SequenceSpec(notation, everything.codes.shape[1], everything.tokens, everything.classes, everything.kept)
    everyone = np.arange(len(everything))
    lookup, fingerprint = np.arange(len(everything.tokens) + 1), fingerprint_of(everything, notation)
    whole = SequenceDataset(spec, everything, everyone, lookup, fingerprint, reading.vocabulary)
    return with_vocabulary(whole, whole)


def fingerprint_of(everything: AllTexts, notation: NotationName) -> str:
    """A digest of the sequences."""
    digest = hashlib.sha256(json.dumps([notation, everything.tokens, everything.classes]).encode())
    digest.update(np.ascontiguousarray(everything.codes).tobytes())
    digest.update(b"none" if everything.labels is None else everything.labels.tobytes())
    return digest.hexdigest()


def _folder_of(source: Any, reading: SequencesReading) -> Path | None:  # noqa: ANN401
    """Where sequences are kept once they are read; None for frames and lists, and for what cannot be read."""
    if not isinstance(source, str | os.PathLike):
        return None
    if made_sequences(source) is not None:
        key = json.dumps([FORMAT, "made", str(source), MADE_SEQUENCES[str(source)][1], asdict(reading)])
        return cache_folder() / "sequences" / hashlib.sha256(key.encode()).hexdigest()[:32]
    path = bundled_sequences(source) or Path(cast(str, source)).expanduser()
    files = sorted(each for each in path.rglob("*") if each.is_file() and text_ending(each)) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        return None
    key = json.dumps([FORMAT, [(file.name, sha256_of_file(file)) for file in files], str(source) if path.is_dir() else "", asdict(reading)])
    return cache_folder() / "sequences" / hashlib.sha256(key.encode()).hexdigest()[:32]
