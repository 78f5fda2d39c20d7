"""What every process but the first does while several train one run: `python -m sparring.runs.play_along`, or torchrun's."""

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from sparring.core.errors import DataError, NonFiniteError, SparringError
from sparring.runs.config import settings_of
from sparring.runs.several_processes import HERE, PORT
from sparring.runs.train import built
from sparring.training.processes import Processes, connected
from sparring.training.session import Session

QUIET = Console(quiet=True)


def play_along() -> None:
    """Play what the first process says, as config.json has it, until it says that there is no more. Nothing is written. Ctrl-C is for the
    first process, which then says that training ends.
    """
    rank, count, local_rank = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    store = TCPStore(HERE, int(os.environ[PORT]), count, is_master=False) if PORT in os.environ else None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with connected(rank, count, local_rank, store) as processes:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while (config := processes.agreed(None)) is not None:
            with contextlib.suppress(NonFiniteError):  # the first process finds it, too, and decides
                session_of(config, processes).run(QUIET)


def session_of(config: dict[str, Any], processes: Processes) -> Session:
    """The session that config.json describes, without anything that writes. DataError if the data is not what the first process has."""
    settings = settings_of(config, Path("config.json"))
    modality, recipe, training = settings.modality, settings.recipe, settings.training
    source, fingerprint = config["data"]["source"], config["data"]["fingerprint"]
    dataset = modality.fit(modality.open(source, recipe, settings.data, QUIET), recipe, training.holdout, training.seed)
    if dataset.fingerprint != fingerprint:
        raise DataError(f"{source} is not the same for process {processes.rank} as for the first one: all must see the same files.")
    trained_on, _ = modality.split_holdout(dataset, training.holdout, training.seed)
    return Session(
        recipe=recipe,
        build=lambda: built(recipe, dataset.spec, training),
        data=recipe.shown(trained_on),
        settings=training,
        callbacks=[],
        begin_with=(lambda _: None) if "transfer" in config else None,  # the weights come from the first process
        processes=processes,
    )


if __name__ == "__main__":
    try:
        play_along()
    except SparringError as problem:
        sys.exit(f"sparring, process {os.environ['RANK']}: {problem}")
