"""Reads what a run can begin with (transfer learning): a run, a model that was packed or imported, or a file of another program."""

from pathlib import Path

from sparring.core.atomic_files import sha256_of_file
from sparring.core.console import console
from sparring.core.errors import CheckpointError
from sparring.core.file_kinds import kind_of
from sparring.inference.load import IMPORTED, load
from sparring.interop.import_weights import import_weights
from sparring.runs.config import described, read_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.state import select
from sparring.training.transfer import StartingWeights


def read_starting_weights(path: str) -> StartingWeights:
    """The weights at `path`, with averages and states of optimizers where a run has them. Raises a CheckpointError for anything else."""
    place = Path(path)
    if not place.exists():
        raise CheckpointError(
            f"{place} does not exist. To begin with weights, name a run, a packed or imported model, or a file of weights."
        )
    if place.is_dir() and not (place / IMPORTED).is_file():
        return _of_run(RunDirectory(place))
    packed = place.is_dir() or kind_of(place).holds == "model"
    model = load(place, whole=True) if packed else import_weights(place)
    tensors = {name: tensor for name, tensor in model.game.state_dict().items() if not tensor.is_meta}
    digest = sha256_of_file(place / IMPORTED if place.is_dir() else place)[:12]
    return StartingWeights(f"{place} (sha256 {digest}...)", model.recipe, model.spec, networks=tensors, averages=tensors)


def _of_run(run: RunDirectory) -> StartingWeights:
    config = read_config(run)
    found = checkpoints.read_newest(run.checkpoints, say=console().print)
    if found is None or not found[1]["progress"]["step"]:
        raise CheckpointError(f"{run.path} has no weights that were trained. Train it first: {run.resume_command}")
    tensors, facts = found
    recipe, spec = described(config, run.path)
    return StartingWeights(
        f"{run.path} at step {facts['progress']['step']:,}",
        recipe,
        spec,
        networks=dict(select(tensors, "game/")),
        averages=dict(select(tensors, "ema/")),
        optimizers=dict(select(tensors, "optimizer/")),
        real_samples=facts["progress"]["real_samples"],
    )
