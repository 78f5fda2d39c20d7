"""What the verbs of the command line take: dataclasses made of settings' dataclasses, from which flags are made."""

from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from tyro.conf import OmitArgPrefixes, Positional, arg

PARTS = ("recipe", "training", "preprocessing", "pairing")
"""What settings are made of: a recipe's, `TrainSettings`, `Preprocessing`, and for translators `Pairing`."""

Run = Annotated[Positional[Path], arg(metavar="RUN", help="A run directory, or a packed .safetensors file.")]
ResumedRun = Annotated[Positional[Path], arg(metavar="RUN", help="The run directory to go on in.")]
Source = Annotated[
    Positional[str],
    arg(metavar="DATA", help="An embedded name (fashion10k, emoji), a folder, zip, IDX, .npy or .npz, torchvision:NAME or hf:NAME."),
]
Device = Annotated[Literal["cpu", "cuda"], arg(help="What computes: the processor or a GPU.")]
Checkpoint = Annotated[str, arg(help='Which checkpoint: "last", "best" or the number of a step that is kept.')]


MOVED = "Where the data lies now, if it was moved (a translator's second set: --target). Remembered, if it is the same data."


def resume_budget() -> type:
    """What `sparring resume` takes, as its help shows it where no run is named: what may differ from the run's own settings."""
    from sparring.training.settings import COACHING, MACHINE, TrainSettings

    hints = get_type_hints(TrainSettings)
    total = "A longer budget than the run had: the total of the run, not added to what it has done."
    budget = [(name, Annotated[hints[name], arg(help=total)], None) for name in ("minutes", "real_samples", "steps")]
    others = {
        "coach": "Act on verdicts from now on, in a run without a coach.",
        "coach_tries": "How often that coach may step in.",
        "device": "What computes from now on.",
        "precision": "Of the arithmetic from now on.",
        "threads": "CPU threads from now on; 0: as many as there are cores.",
        "gradient_accumulation": "Split each batch in so many parts from now on: more parts need less memory.",
    }
    assert others.keys() == {*COACHING, *MACHINE}
    return make_dataclass(
        "Arguments",
        [
            ("run", ResumedRun),
            ("data", Annotated[str | None, arg(help=MOVED)], None),
            *budget,
            *((name, Annotated[hints[name] | None, arg(help=text)], None) for name, text in others.items()),
        ],
    )


def train_arguments(name: str) -> type:
    """What `sparring train NAME` takes."""
    from sparring import recipes as known
    from sparring.modalities import MODALITIES
    from sparring.training.settings import TrainSettings

    recipe = known.get(name)
    of_data = [(each, OmitArgPrefixes[kind], field(default_factory=kind)) for each, kind in MODALITIES[recipe.modality].settings.items()]
    return make_dataclass(
        "Arguments",
        [
            (
                "data",
                Annotated[
                    str,
                    arg(help="What to learn from: fashion10k, emoji, a folder, zip, IDX, .npy or .npz, torchvision:NAME, hf:NAME."),
                ],
            ),
            ("out", Annotated[Path | None, arg(help="The run directory to make. Default: runs/RECIPE-DATA-NUMBER.")], None),
            ("training", OmitArgPrefixes[TrainSettings], field(default_factory=TrainSettings)),
            *of_data,
            ("recipe", OmitArgPrefixes[recipe], field(default_factory=recipe)),
        ],
    )


def playground_arguments(name: str) -> type:
    """What `sparring playground NAME` takes."""
    from sparring.data.points.mixtures import MIXTURES
    from sparring.playground_2d.play import PlaygroundSettings, started

    recipe = started(name)
    return make_dataclass(
        "Arguments",
        [
            ("data", Annotated[Literal[tuple(MIXTURES)], arg(help="The points.")], "ring8"),  # pyright: ignore[reportInvalidTypeForm] (made at run time)
            ("out", Annotated[Path | None, arg(help="The image to write. Default: playground-RECIPE-DATA.png here.")], None),
            ("movie", Annotated[Path | None, arg(help="A .gif or .mp4 of the whole game to write.")], None),
            (
                "run",
                Annotated[Path | None, arg(help="A folder to make for the game's log and vital signs: see `sparring diagnose`.")],
                None,
            ),
            ("json", Annotated[Path | None, arg(help="A file for the numbers: modes, high_quality, kl.")], None),
            ("playing", OmitArgPrefixes[PlaygroundSettings], field(default_factory=PlaygroundSettings)),
            ("recipe", OmitArgPrefixes[type(recipe)], field(default_factory=lambda: recipe)),
        ],
    )


def resume_arguments(run: Path) -> type:
    """What `sparring resume RUN` takes: every setting, for those that differ are refused by name."""
    from sparring.runs.config import read_config, settings_of
    from sparring.runs.run_directory import RunDirectory

    own = settings_of(read_config(RunDirectory(run)), run)
    before = {"recipe": own.recipe, "training": own.training, **own.data}
    return make_dataclass(
        "Arguments",
        [
            ("run", ResumedRun),
            ("data", Annotated[str | None, arg(help=MOVED)], None),
            *(
                (name, OmitArgPrefixes[type(settings)], field(default_factory=lambda settings=settings: settings))
                for name, settings in before.items()
            ),
        ],
        namespace={"before": before},
    )


def prepare_arguments() -> type:
    """What `sparring data prepare` takes."""
    from sparring.data.store import Preprocessing

    return make_dataclass(
        "Arguments",
        [
            ("data", Source),
            ("preprocessing", OmitArgPrefixes[Preprocessing], field(default_factory=Preprocessing)),
        ],
    )


def all_values(arguments: Any) -> list[tuple[str, str, Any]]:  # noqa: ANN401 (a dataclass of the above)
    """Part, name and value of every setting."""
    return [(part, *one) for part in PARTS if hasattr(arguments, part) for one in values(getattr(arguments, part))]


def values(settings: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 (any dataclass)
    """Names and values of a dataclass's fields."""
    return [(each.name, getattr(settings, each.name)) for each in fields(settings)]
