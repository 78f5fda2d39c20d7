"""Checkpoints: a safetensors file with every tensor and a JSON file with the rest, both checksummed.

The JSON file is written last and carries the checksum of the tensors, so a pair is whole or not there.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sparring.core.atomic_files import read_json, replacing, sha256_of_file, write_json
from sparring.core.errors import CheckpointError, listed
from sparring.core.tensor_files import save_tensors
from sparring.training.state import Progress

Facts = dict[str, Any]
"""What a checkpoint holds beside tensors: JSON."""


def paths_of(folder: Path, step: int) -> tuple[Path, Path]:
    """Files of the checkpoint of a step: tensors, and the rest."""
    stem = folder / f"step-{step:09d}"
    return stem.with_suffix(".safetensors"), stem.with_suffix(".json")


def _checksum(facts: Facts) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def write(folder: Path, step: int, tensors: dict[str, Tensor], facts: Facts) -> None:
    """Write the checkpoint of `step`; it is there when this returns, whatever happens then."""
    tensor_path, facts_path = paths_of(folder, step)
    with replacing(tensor_path) as temporary:
        save_tensors(temporary, tensors)
        checksum = sha256_of_file(temporary)
    body = {**facts, "tensors_sha256": checksum}
    write_json(facts_path, {**body, "checksum": _checksum(body)})


def steps(folder: Path) -> list[int]:
    """The steps that have a checkpoint, whole or not, in order."""
    names = (re.fullmatch(r"step-(\d+)\.json", path.name) for path in folder.glob("step-*.json"))
    return sorted(int(name[1]) for name in names if name)


def read_facts(folder: Path, step: int) -> Facts:
    """The facts of a checkpoint; a CheckpointError if they were torn or altered."""
    _, facts_path = paths_of(folder, step)
    facts = read_json(facts_path, CheckpointError)
    if not isinstance(facts, dict) or facts.pop("checksum", None) != _checksum(facts):
        raise CheckpointError(f"{facts_path} was altered or is not whole: its checksum does not fit.")
    return facts


def read(folder: Path, step: int) -> tuple[dict[str, Tensor], Facts]:
    """The tensors and facts of a checkpoint; a CheckpointError if either was torn or altered."""
    tensor_path, _ = paths_of(folder, step)
    facts = read_facts(folder, step)
    try:
        if sha256_of_file(tensor_path) != facts["tensors_sha256"]:
            raise CheckpointError(f"{tensor_path} was altered or is not whole: its checksum does not fit.")
        return load_file(tensor_path), facts
    except (OSError, SafetensorError) as problem:
        raise CheckpointError(f"{tensor_path} cannot be read: {problem}") from None


def read_newest(folder: Path, say: Callable[[str], None]) -> tuple[dict[str, Tensor], Facts] | None:
    """The newest checkpoint that is whole, or None if there are none at all. Those passed over are said, and
    it is a CheckpointError if not one of them is whole.
    """
    problems = []
    for step in reversed(steps(folder)):
        try:
            found = read(folder, step)
        except CheckpointError as problem:
            problems.append(str(problem))
            say(f"Passing over the checkpoint of step {step}: {problem}")
            continue
        return found
    if problems:
        raise CheckpointError(listed(f"No checkpoint in {folder} is whole:", problems))
    return None


def newest_progress(folder: Path) -> Progress:
    """How far the newest checkpoint with whole facts had come; the beginning if there is none."""
    for step in reversed(steps(folder)):
        with contextlib.suppress(CheckpointError):
            return Progress(**read_facts(folder, step)["progress"])
    return Progress()


def _score(folder: Path, step: int) -> float | None:
    try:
        return read_facts(folder, step).get("score", {}).get("value")
    except CheckpointError:
        return None


def best(folder: Path) -> int | None:
    """The step whose checkpoint has the lowest score, or None if none has one."""
    scores = {step: score for step in steps(folder) if (score := _score(folder, step)) is not None}
    return min(scores, key=lambda step: (scores[step], -step)) if scores else None


def remove(folder: Path, step: int) -> None:
    """Delete a checkpoint. The JSON goes first: what is left without it is no checkpoint."""
    for path in reversed(paths_of(folder, step)):
        path.unlink(missing_ok=True)


def prune(folder: Path, keep: int, also: Collection[int] = ()) -> None:
    """Delete all but the newest `keep` checkpoints, the best one and those of the steps `also`, and tensors that an interruption left
    without facts.
    """
    kept = {*steps(folder)[-keep:], best(folder), *also}
    for step in steps(folder):
        if step not in kept:
            remove(folder, step)
    for tensors in folder.glob("step-*.safetensors"):
        if not tensors.with_suffix(".json").exists():
            tensors.unlink(missing_ok=True)


def remove_after(folder: Path, step: int) -> None:
    """Delete checkpoints later than `step`: torn ones that a resumed run is about to write again."""
    for later in steps(folder):
        if later > step:
            remove(folder, later)
