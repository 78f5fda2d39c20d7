"""Settings of training that all recipes share."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from sparring.core.settings_checks import Ranges, range_problems, type_problems

DEFAULT_MINUTES = 10.0
BUDGETS = ("real_samples", "steps", "minutes")
"""Settings that limit training; the first limit that is reached ends it."""
EVALUATION = ("evaluate_every", "evaluate_samples", "evaluate_extractor")
"""Settings of the evaluations during training, which do not change what is trained."""
COACHING = ("coach", "coach_tries")
"""Settings that may be added when a run without a coach is resumed. (What a coach did is part of its checkpoints.)"""
FREEZING = ("freeze_discriminator", "freeze_mapping")
"""Settings of transfer learning: what does not move."""
MACHINE = ("device", "precision", "threads", "parts", "devices", "reduce")
"""Settings of the hardware, which do not change what is trained. A run may be resumed with others, for example on another machine; its
results are then no longer the same to the bit. (With other devices, and the same parts and threads, they are.)"""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How long a run trains, on which hardware, and what is logged and saved."""

    ranges: ClassVar[Ranges] = {
        "real_samples": {"at least": 1},
        "steps": {"at least": 1},
        "minutes": {"at least": 0},
        "seed": {"at least": 0, "at most": 2**63 - 1},
        "threads": {"at least": 0, "at most": 4096},
        "parts": {"at least": 1},
        "devices": {"at least": 1},
        "log_every": {"at least": 1},
        "sample_every": {"at least": 1},
        "samples": {"at least": 1, "at most": 2**16},
        "checkpoint_minutes": {"at least": 0},
        "checkpoint_every": {"at least": 1},
        "keep": {"at least": 1},
        "evaluate_every": {"at least": 1},
        "evaluate_samples": {"at least": 2, "at most": 2**24},
        "holdout": {"at least": 0},
        "coach_tries": {"at least": 1, "at most": 1000},
        "freeze_discriminator": {"at least": 0},
    }

    real_samples: int | None = None
    """Stop after this many real samples; a sample that is used again counts again. None: no limit."""
    steps: int | None = None
    """Stop after this many training steps. None: no limit."""
    minutes: float | None = None
    """Stop after this many minutes of training. If several limits are given, the first one reached ends training. None: no limit, or 10
    minutes if no other limit is given."""
    seed: int = 0
    """Seed of all random numbers: initial weights, order of the data, latents, augmentation."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device to train on. auto: a GPU if there is one, else the CPU."""
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    """Precision of the networks' arithmetic; weights are always float32. auto: bfloat16 if the hardware computes it fast, else float32."""
    threads: int = 0
    """Number of CPU threads of each process. 0: one per core, or OMP_NUM_THREADS if that is less, divided among the processes."""
    parts: int = 1
    """Number of parts that each batch is played in, a power of two; their gradients are summed. More parts need less memory for the same
    step, but batch norm and minibatch deviation only see one part at a time. At least as many as devices."""
    devices: int = 1
    """Number of processes that train together, each on a GPU or with threads of its own, and plays some of the parts. A power of two. With
    the same parts and threads, any number gives the same bits."""
    reduce: Literal["exact", "fast"] = "exact"
    """How processes add up gradients: in one order for any number of them, or in the order that is fastest."""
    log_every: int = 50
    """Number of steps between two lines of the log."""
    sample_every: int | None = None
    """Number of steps between two grids of samples. None: four grids for every doubling of the number of real samples."""
    samples: int = 64
    """Number of samples in a grid."""
    checkpoint_minutes: float = 2.0
    """Minutes of training between two checkpoints."""
    checkpoint_every: int | None = None
    """Number of steps between two checkpoints, in place of checkpoint_minutes. None: checkpoint_minutes decides."""
    keep: int = 3
    """Number of newest checkpoints to keep, besides the best one."""
    evaluate_every: int | None = None
    """Number of steps between two evaluations: the Fréchet distance of the EMA's samples to the data, which then selects the best
    checkpoint. None: a faster distance, computed at every checkpoint, selects it."""
    evaluate_samples: int = 2000
    """Number of samples in an evaluation."""
    evaluate_extractor: str = "lite0"
    """Feature network of the evaluations: lite0, inception, classifier or timm:NAME."""
    holdout: int | None = None
    """Number of samples held out from training, to measure whether the others are memorized. (Image translation has
    --held-out instead.) None: one in twenty images, at most 128; one in ten rows of a table, at most 4,096; one in five patients, at most
    10,000; one in ten time series, or the last tenth of fewer than ten."""
    coach: bool = False
    """Intervene when training fails: go back to the last healthy checkpoint, change the mildest setting that is known to help, and
    continue. The file coach.md says what was changed and why."""
    coach_tries: int = 4
    """Number of interventions after which the coach gives up."""
    freeze_discriminator: int = 0
    """Number of layers of the discriminator, from the image on, that keep the weights they begin with (FreezeD, Mo 2020). Needs --from."""
    freeze_mapping: bool = False
    """Keep the weights of the mapping network of StyleGAN's generators. Needs --from."""

    def with_budget(self) -> "TrainSettings":
        """These settings; without any limit, with the default of 10 minutes."""
        return replace(self, minutes=DEFAULT_MINUTES) if self.real_samples is self.steps is self.minutes is None else self

    def problems(self, batch_size: int, smallest_part: int = 1) -> list[str]:
        """One sentence for every value that has a wrong type or is out of range. (Except `batch_size`, which the recipe checks.)
        `smallest_part`: number of samples that have to stay together when a batch is split.
        """
        problems = type_problems(self) + range_problems(self, self.ranges)
        whole = type(batch_size) is type(self.parts) is type(self.devices) is type(smallest_part) is int
        if whole and self.parts > 0 and self.devices > 0 and smallest_part > 0:
            name, parts = max(("parts", self.parts), ("devices", self.devices), key=lambda named: named[1])
            odd = [(name, value) for name in ("parts", "devices") if (value := getattr(self, name)).bit_count() != 1]
            problems += [f"{name} must be a power of two (1, 2, 4, ...), not {value}." for name, value in odd]
            if not odd and parts > 1 and batch_size % (parts * smallest_part):
                together = f" into packs of {smallest_part}" if smallest_part > 1 else ""
                problems.append(f"{name} must divide the batch of {batch_size}{together}; {parts} does not.")
        if not self.coach and self.coach_tries != type(self).coach_tries:
            problems.append("coach_tries does nothing without a coach: give coach too, or leave it out.")
        return problems
