"""How a run is trained, whatever the game is."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from sparring.core.settings import Ranges, range_problems, type_problems

DEFAULT_MINUTES = 10.0
BUDGETS = ("real_samples", "steps", "minutes")
"""Settings that end a training, the first that is reached."""
EVALUATION = ("evaluate_every", "evaluate_samples", "evaluate_extractor")
"""Settings of evaluation while training, which change nothing of what is learned."""
COACHING = ("coach", "coach_tries")
"""Settings that a run without a coach may be given when it is gone on with. (What a coach did is in its checkpoints.)"""
MACHINE = ("device", "precision", "threads", "gradient_accumulation")
"""Settings that say how a machine computes a run, and not what is trained: another machine may need others, so a run may be gone on with
under others. It is no longer the same to the bit then."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How long, how precisely and how closely watched a game is played."""

    ranges: ClassVar[Ranges] = {
        "real_samples": {"at least": 1},
        "steps": {"at least": 1},
        "minutes": {"at least": 0},
        "seed": {"at least": 0, "at most": 2**63 - 1},
        "threads": {"at least": 0, "at most": 4096},
        "gradient_accumulation": {"at least": 1},
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
    }

    real_samples: int | None = None
    """Stop after this many real samples were shown to the first player. None: the other two decide."""
    steps: int | None = None
    """Stop after so many steps of the game. None: as the other two say."""
    minutes: float | None = None
    """Stop after so many minutes of training. Without any of the three: 10 minutes; with several: the first reached."""
    seed: int = 0
    """Where all randomness comes from."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """What computes; auto: a GPU if there is one."""
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    """Of the networks' arithmetic; weights are float32 always. auto: bfloat16 where the processor has it."""
    threads: int = 0
    """CPU threads; 0: as many as there are cores."""
    gradient_accumulation: int = 1
    """Split each batch in so many parts and sum their gradients: less memory, the same step (batch norm sees the parts)."""
    log_every: int = 50
    """Steps between two lines of the log."""
    sample_every: int | None = None
    """Steps between two sample grids. None: four for every doubling of the images shown."""
    samples: int = 64
    """Images in a sample grid."""
    checkpoint_minutes: float = 2.0
    """Minutes between two checkpoints."""
    checkpoint_every: int | None = None
    """Steps between two checkpoints, instead of minutes. None: minutes decide."""
    keep: int = 3
    """How many of the newest checkpoints are kept, beside the best."""
    evaluate_every: int | None = None
    """Steps between two judgments: the Fréchet distance of the moving average's samples to the data, by which the best checkpoint is
    then chosen. None: a cheaper distance, found with every checkpoint, chooses."""
    evaluate_samples: int = 2000
    """Samples in a judgment."""
    evaluate_extractor: str = "lite0"
    """The network whose features are judged by: lite0, inception, classifier or timm:NAME."""
    holdout: int | None = None
    """Images that are not trained on, to tell whether the discriminator learns the others by heart. None: one in twenty, at most 128.
    (Translators hold pairs out instead.)"""
    coach: bool = False
    """Act on verdicts: when vital signs show that training fails, go back to the last healthy checkpoint, change the mildest setting that
    is known to help, and go on. What was done and why is written to coach.md."""
    coach_tries: int = 4
    """How often the coach may step in before it gives up."""

    def with_budget(self) -> "TrainSettings":
        """These settings with a budget, if they had none."""
        return replace(self, minutes=DEFAULT_MINUTES) if self.real_samples is self.steps is self.minutes is None else self

    def problems(self, batch_size: int, smallest_part: int = 1) -> list[str]:
        """Every value of a wrong type or out of range, in a sentence each. (A wrong `batch_size` is the recipe's to name.)
        `smallest_part`: images that must stay together when a batch is split.
        """
        problems = type_problems(self) + range_problems(self, self.ranges)
        whole = type(batch_size) is type(self.gradient_accumulation) is type(smallest_part) is int
        if whole and self.gradient_accumulation > 1 and smallest_part >= 1 and batch_size % (self.gradient_accumulation * smallest_part):
            together = f" into packs of {smallest_part}" if smallest_part > 1 else ""
            problems.append(
                f"gradient_accumulation must divide the batch of {batch_size}{together}; {self.gradient_accumulation} does not."
            )
        if not self.coach and self.coach_tries != type(self).coach_tries:
            problems.append("coach_tries says how often the coach may step in, but there is none: give coach too, or leave it out.")
        return problems
