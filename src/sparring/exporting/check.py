"""Whether an exported file gives in another program what torch gives."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.errors import SparringError
from sparring.games.exported_parts import LEVEL, Output, Part
from sparring.games.game import Game, evaluating

CHECKED_SAMPLES = (1, 5)
"""Numbers of samples that are tried. Another number was traced."""


@dataclass(frozen=True)
class Check:
    """What was found of a file."""

    largest_difference: float
    """Largest difference between onnxruntime and torch, absolute, or of numbers larger than 1 relative to their size."""
    exceptions: float
    """Share of the numbers that differ by more than was allowed, because two categories were as good as equal."""
    tried: tuple[str, ...]
    """Shapes of the outputs that were compared."""
    phones: tuple[str, ...]
    """A sentence for each way to run it on a phone's accelerator."""

    def in_words(self, output: Output) -> str:
        """A sentence about the largest difference: of images in levels."""
        if output.tolerance == LEVEL:
            return f"at most {self.largest_difference / LEVEL:.3g} of 255 levels from torch"
        rest = f", but for {self.exceptions:.2%} of the numbers" if self.exceptions else ""
        return f"at most {self.largest_difference:.2g} from torch{rest}"


def check_file(file: Path, game: Game, part: Part, output: Output, sides: tuple[int, ...], *, half: bool) -> Check:
    """Compare a file with a game's own function, with several numbers of samples and sides of images.

    `part` is of `game`, which computes what the file should. Raises a SparringError if numbers differ by more than `output` allows.
    """
    session = open_session(file)
    tolerance = output.half_tolerance if half else output.tolerance
    allowed = output.exceptions * (10 if half else 1)
    differences, tried = [], []
    for count, side in zip(CHECKED_SAMPLES * len(sides), sorted(sides * len(CHECKED_SAMPLES)), strict=True):
        inputs = [given.example(count, side) for given in part.inputs]
        with evaluating(game):
            wanted = part.compute(*inputs)
        found = run(session, part, inputs)
        if found.shape != wanted.shape:
            raise SparringError(
                f"The exported file gives {tuple(found.shape)} where torch gives {tuple(wanted.shape)}. Nothing was written."
            )
        differences.append(relative_difference(found, wanted).flatten())
        tried.append("x".join(map(str, found.shape)))
    difference = torch.cat(differences)
    beyond = difference > tolerance
    share = beyond.float().mean().item()
    if share > allowed or not bool(torch.isfinite(difference).all()):
        of_levels = f" ({difference.max().item() / LEVEL:.1f} of 255 levels)" if output.tolerance == LEVEL else ""
        hint = " Leave --half out." if half else " This is a fault of Sparring's or of onnxruntime's: please report it."
        raise SparringError(
            f"In onnxruntime the exported file gives numbers that differ from torch's by up to {difference.max().item():.3g}{of_levels}, "
            f"and {tolerance:.3g} is allowed. Nothing was written.{hint}"
        )
    largest = difference[~beyond].max().item() if bool((~beyond).any()) else 0.0
    return Check(largest, share, tuple(dict.fromkeys(tried)), phone_sentences(file))


def relative_difference(one: Float[Tensor, "n ..."], other: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Absolute difference, of numbers that are larger than 1 relative to their size. Where both are infinite and equal: 0."""
    return torch.where(one == other, torch.zeros_like(other), (one - other).abs() / other.abs().clamp(min=1))


def open_session(file: Path) -> Any:  # noqa: ANN401 (onnxruntime's)
    """The file in onnxruntime, on one thread, so that other work goes on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def run(session: Any, part: Part, inputs: list[Tensor]) -> Float[Tensor, "n ..."]:  # noqa: ANN401 (onnxruntime's)
    """The output for these inputs, in the order of the part's."""
    named = {given.name: np.ascontiguousarray(value.numpy()) for given, value in zip(part.inputs, inputs, strict=True)}
    return torch.from_numpy(session.run(None, named)[0])


def phone_sentences(file: Path) -> tuple[str, ...]:
    """What onnxruntime's own check of mobile usability says, for each kind of accelerator, with free and with fixed sizes."""
    from onnxruntime.tools.mobile_helpers import usability_checker
    from onnxruntime.tools.onnx_model_utils import ModelProtoWithShapeInfo

    said = {"YES": "well", "MAYBE": "perhaps", "NO": "on the CPU alone"}
    checks = {
        "Android (NNAPI)": usability_checker.check_nnapi_partitions,
        "iPhone (CoreML)": lambda model, fixed: usability_checker.check_coreml_partitions(
            model, fixed, "coreml_supported_mlprogram_ops.md"
        ),
    }
    logging.getLogger("usability_checker").setLevel(logging.ERROR)
    model = ModelProtoWithShapeInfo(file).model_with_shape_info
    found = []
    for name, check in checks.items():
        free, fixed = (said.get(check(model, needs_fixed).suitability().name, "unknown") for needs_fixed in (True, False))
        found.append(f"{name}: {free}" + ("" if free == fixed else f"; with fixed sizes, {fixed}"))
    return tuple(found)
