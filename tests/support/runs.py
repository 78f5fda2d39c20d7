"""Questions to run directories, and harm done to their files."""

from pathlib import Path

import torch

from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints


def tensors_of(run: Path) -> dict[str, torch.Tensor]:
    folder = RunDirectory(run).checkpoints
    return checkpoints.read(folder, checkpoints.steps(folder)[-1])[0]


def same_run(one: Path, other: Path) -> bool:
    a, b = tensors_of(one), tensors_of(other)
    assert a.keys() == b.keys()
    assert any(name.startswith("optimizer/") for name in a)
    return all(torch.equal(a[name], b[name]) for name in a) and (one / "log.jsonl").read_bytes() == (other / "log.jsonl").read_bytes()


def kept(run: Path) -> list[int]:
    return checkpoints.steps(RunDirectory(run).checkpoints)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(bytes(content))
