"""Adversarial recipes on points in the plane, where the truth is known and everything can be seen.

The recipe's settings play; its networks, made for images, are replaced by small fully connected ones.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from jaxtyping import Float, UInt8
from rich.progress import BarColumn, Progress, TextColumn
from torch import Tensor

from sparring import recipes
from sparring.core.console import console as plain_console
from sparring.core.errors import SettingsError, did_you_mean, listed, missing_extra
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import range_problems, type_problems
from sparring.data.points.mixtures import Mixture, Points, mixture
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame, pack_samples
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.games.game import evaluating
from sparring.health.measurements import HealthMeasurements
from sparring.media.image_files import save_gif, save_image, save_video
from sparring.metrics.mode_coverage import ModeCount, count_modes
from sparring.modalities import MODALITIES
from sparring.nets import mlp
from sparring.playground_2d.drawing import Snapshot, draw, field_points
from sparring.runs.config import write_config
from sparring.runs.run_directory import RunDirectory
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.health import HealthRecorder
from sparring.training.callbacks.log import Log
from sparring.training.callbacks.samples import SampleGrids
from sparring.training.callbacks.tensorboard import TensorBoard
from sparring.training.session import Session, resolve
from sparring.training.settings import TrainSettings
from sparring.training.state import State

if TYPE_CHECKING:
    from rich.console import Console

COUNTED_SAMPLES = 2500
"""As VEEGAN and PacGAN count modes."""
FIELD_SIDE = 120
ARROWS = 240
FRAMES = 60
BAR_SECONDS = 0.5
HELD_OUT = 128
"""Points that the discriminator is shown and not trained on, where a run is kept."""
IMAGES, MOVIES = (".png", ".webp", ".jpg", ".jpeg"), (".gif", ".mp4")


@dataclass(frozen=True, kw_only=True)
class PlaygroundSettings:
    """How long and with which networks a recipe is trained on points."""

    steps: int = 5000
    """Number of training steps."""
    seed: int = 0
    """Seed of all random numbers."""
    hidden: tuple[int, ...] = (128, 128, 128)
    """Number of ReLU units in each hidden layer of both networks."""
    linear_decay: bool = False
    """Let learning rates fall linearly to zero over the second half of training."""

    def problems(self) -> list[str]:
        """Every value of a wrong type or out of range, in a sentence each."""
        return type_problems(self) or range_problems(
            self, {"steps": {"at least": 1}, "seed": {"at least": 0, "at most": 2**63 - 1}, "hidden": {"at least": 1, "at most": 2**14}}
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a game on points."""

    count: ModeCount
    """Modes covered, share of high quality, divergence: of 2,500 samples of the moving average."""
    samples: Float[Tensor, "n 2"]
    """Those samples."""
    game: TwoPlayerGame
    """To sample from: the moving average."""
    steps: int
    """Steps played."""
    seconds: float
    """Time spent playing, drawing not counted."""
    image: UInt8[np.ndarray, "h w 3"] | None = None
    """The end, drawn."""
    frames: list[UInt8[np.ndarray, "h w 3"]] = field(default_factory=list)
    """Moments on the way, drawn."""

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {**self.count.to_json(), "steps": self.steps, "seconds": self.seconds, "recipe_settings": asdict(self.game.settings)}


def started(recipe: str | type[AdversarialRecipe]) -> AdversarialRecipe:
    """A recipe with its settings for points; a SettingsError if it is no game of a generator against a discriminator."""
    kind = recipes.get(recipe) if isinstance(recipe, str) else recipe
    if "points" not in kind.settings_for:
        raise SettingsError(
            f"The recipe {recipes.name_of(kind)} does not work on points. Those of plain GANs do: gan, dcgan, wgan-gp and others."
        )
    return kind.usual("points")  # pyright: ignore[reportReturnType]


def playground(
    recipe: str | AdversarialRecipe,
    data: str = "ring8",
    *,
    image: str | os.PathLike[str] | None = None,
    movie: str | os.PathLike[str] | None = None,
    run: str | os.PathLike[str] | None = None,
    console: "Console | None" = None,
    **settings: object,
) -> Outcome:
    """Play `recipe` (a name, or a recipe with settings) on the points called `data`, and count the modes that it covers.

    `image` (.png) and `movie` (.gif, .mp4): files to write, drawn with the extra `plots`. `run`: a folder to make, with the log and the
    vital signs of the game, for `sparring diagnose`. `settings`: fields of the recipe and
    of `PlaygroundSettings`. Ctrl-C ends the game early. Raises a SettingsError that names all that is wrong.
    """
    console = console or plain_console()
    given = started(recipe) if isinstance(recipe, str) else recipe
    kind = type(given)
    known = {*asdict(given), *PlaygroundSettings.__dataclass_fields__}
    if unknown := sorted(set(settings) - known):
        raise SettingsError(listed("Unknown settings:", [f"{name}: {did_you_mean(name, known)}" for name in unknown]))
    own = {name: value for name, value in settings.items() if name in PlaygroundSettings.__dataclass_fields__}
    chosen, recipe = PlaygroundSettings(**own), replace(given, **{name: settings[name] for name in settings.keys() - own.keys()})  # pyright: ignore[reportArgumentType]
    points = Points(mixture(data), seed=chosen.seed)
    # Not `problems`: what the recipe's own networks cannot draw does not matter here.
    problems = type_problems(recipe) or range_problems(recipe, recipe.ranges) + AdversarialSettings.incompatibilities(recipe, points.spec)
    if recipe.augment != "none":
        problems.append(f"augment={recipe.augment!r} works on images, not on points. Leave it out.")
    ours = AdversarialRecipe.__dataclass_fields__
    problems += [
        f"{name} belongs to {recipes.name_of(kind)}'s own networks, and on points small fully connected networks are used. Leave it out."
        for name in asdict(recipe)
        if name not in ours and getattr(recipe, name) != getattr(given, name)
    ]
    if movie is not None and Path(movie).suffix not in MOVIES:
        problems.append(f"{movie}: a movie has to end in one of {', '.join(MOVIES)}.")
    if image is not None and Path(image).suffix not in IMAGES:
        problems.append(f"{image}: an image has to end in one of {', '.join(IMAGES)}.")
    if run is not None and RunDirectory(Path(run)).exists():
        problems.append(f"{run} contains a run already. Choose another folder.")
    if problems := [*chosen.problems(), *problems]:
        raise SettingsError(listed("These settings do not work:", problems))
    if (image is not None or movie is not None) and find_spec("matplotlib") is None:
        raise missing_extra("matplotlib", "plots", "Plotting the playground")  # before the game, not after it
    if chosen.linear_decay:
        samples = chosen.steps * recipe.batch_size * recipe.discriminator_steps
        recipe = replace(recipe, decay_from_samples=samples // 2, decay_until_samples=samples)
    title = f"{recipes.name_of(kind)} on {data}"
    return _played(recipe, points, chosen, title, image, movie, None if run is None else RunDirectory(Path(run)), console)


def networks(recipe: AdversarialRecipe, points: Points, hidden: tuple[int, ...]) -> TwoPlayerGame:
    """The game with small networks, fresh from torch's random numbers."""
    spec = points.spec
    generator = mlp.Generator(spec.shape, recipe.latent_size, hidden, bounded=False, **recipe.generator_classes(spec))
    discriminator = mlp.Discriminator(
        (spec.dimensions * recipe.packing,),
        hidden,
        minibatch_deviation=recipe.minibatch_deviation,
        **recipe.discriminator_classes(spec),
    )
    return TwoPlayerGame(spec, generator, discriminator, recipe)


def _played(
    recipe: AdversarialRecipe,
    points: Points,
    chosen: PlaygroundSettings,
    title: str,
    image: str | os.PathLike[str] | None,
    movie: str | os.PathLike[str] | None,
    run: RunDirectory | None,
    console: "Console",
) -> Outcome:
    # One thread: these networks are too small to share out.
    settings = resolve(TrainSettings(steps=chosen.steps, seed=chosen.seed, device="cpu", precision="float32", threads=1))
    with _bar(console, chosen.steps) as bar:
        watch = Watch(points.mixture, chosen.steps, title, bar, filmed=movie is not None, drawn=image is not None or movie is not None)
        callbacks: list[Callback] = [] if run is None else recorders(run, recipe, points, settings, chosen)
        session = Session(
            recipe=recipe,
            build=lambda: networks(recipe, points, chosen.hidden),
            data=points,
            settings=settings,
            callbacks=[watch, *callbacks],
            ending=None if run is None else run.ending,
        )
        session.run(console)
    state, samples, drawing = watch.state_at_end, watch.samples, watch.drawing
    assert state is not None, "the session has ended in order"
    assert samples is not None, "the session has ended in order"
    count, seconds = count_modes(samples, points.mixture), state.progress.seconds - watch.seconds
    outcome = Outcome(count, samples, state.ema, state.progress.step, seconds, drawing, watch.frames)  # pyright: ignore[reportArgumentType]
    if image is not None and drawing is not None:
        save_image(drawing, Path(image))
    if movie is not None and drawing is not None:
        frames = [*watch.frames, drawing]
        if Path(movie).suffix == ".gif":
            save_gif(frames, Path(movie), hold_last=2)
        else:
            save_video(frames, Path(movie))
    return outcome


def recorders(
    run: RunDirectory, recipe: AdversarialRecipe, points: Points, settings: TrainSettings, chosen: PlaygroundSettings
) -> list[Callback]:
    """What keeps log, health and sample grids of a game on points in a run directory. It holds no checkpoints."""
    modality = MODALITIES["points"]
    source = {"source": points.mixture.name, **modality.record(points, {})}
    write_config(
        run,
        {
            "recipe": recipes.name_of(type(recipe)),
            "recipe_settings": asdict(recipe),
            "train_settings": asdict(chosen),
            "data": source,
        },
    )
    board = TensorBoard(run.tensorboard)
    health = HealthRecorder(run.health, HealthMeasurements(*modality.split_holdout(points, None, settings.seed), settings.seed))
    grids = SampleGrids(run.samples, settings.sample_every, modality.sample_grid(points, 0, 0), board)
    return [board, Log(run.log, settings.log_every, board), health, grids]


class Watch(Callback):
    """Moves the bar, and takes the movie's frames: every step counts at first, and then less and less."""

    def __init__(self, mixture: Mixture, steps: int, title: str, bar: Progress, *, filmed: bool, drawn: bool) -> None:
        self.mixture, self.title, self.bar, self.drawn = mixture, title, bar, drawn
        share = np.linspace(0, 1, FRAMES) ** 2
        self.due = {int(step) for step in np.ceil(share * (steps - 1))} - {0} | {1} if filmed else set()
        self.frames: list[UInt8[np.ndarray, "h w 3"]] = []
        self.seconds = 0.0
        self.shown = time.monotonic()
        self.state_at_end: State | None = None
        self.samples: Float[Tensor, "n 2"] | None = None
        self.drawing: UInt8[np.ndarray, "h w 3"] | None = None

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """See Callback."""
        step = state.progress.step
        if step in self.due:
            began = time.perf_counter()
            self.frames.append(draw(snapshot(state, self.mixture), self.mixture, self.title))
            self.seconds += time.perf_counter() - began
        if not step % 100 and time.monotonic() - self.shown > BAR_SECONDS:
            self.shown = time.monotonic()
            self.bar.update(self.bar.task_ids[0], completed=step, description=f"step {step:,}", refresh=self.bar.live.is_started)

    def on_end(self, state: State, reason: str) -> None:
        """See Callback. Drawn here, for samples are computed as the session computes: with its threads."""
        self.state_at_end, self.samples = state, sampled(state.ema)  # pyright: ignore[reportArgumentType]
        if self.drawn:
            self.drawing = draw(snapshot(state, self.mixture), self.mixture, self.title)


@contextmanager
def _bar(console: "Console", steps: int) -> Iterator[Progress]:
    bar = Progress(BarColumn(), TextColumn("{task.description}"), console=console, transient=True, auto_refresh=False)
    bar.add_task("", total=steps)
    with bar if console.is_terminal else nullcontext():
        yield bar


def sampled(game: TwoPlayerGame, n: int = COUNTED_SAMPLES) -> Float[Tensor, "n 2"]:
    """The first `n` samples of seed 0, as points."""
    return game.sample(n)


def snapshot(state: State, mixture: Mixture, *, samples: int = COUNTED_SAMPLES, side: int = FIELD_SIDE, arrows: int = ARROWS) -> Snapshot:
    """What an image shows of the game as it stands: `samples` samples of the moving average, the networks' own field at `side` by `side`
    places, and `arrows` gradients.
    """
    game = cast(TwoPlayerGame, state.game)
    shown = sampled(state.ema, samples)  # pyright: ignore[reportArgumentType]
    moving = sampled(game, arrows * game.settings.packing)
    with evaluating(game):
        places = field_points(mixture.extent, side)
        # Alone in its pack, a place is judged in company of itself.
        labels = mixture.mode_of_center[mixture.nearest(places)[1]].repeat_interleave(game.settings.packing)
        seen = pack_samples(places.repeat_interleave(game.settings.packing, dim=0), game.settings.packing)
        field = game.discriminate(seen, labels if game.conditional else None)[0].view(side, side)
        with torch.enable_grad():
            pushes = _pushes(game, moving, mixture)
    return Snapshot(state.progress.step, shown, field, moving[:arrows], pushes[:arrows], count_modes(shown, mixture))


def _pushes(game: TwoPlayerGame, points: Float[Tensor, "n 2"], mixture: Mixture) -> Float[Tensor, "n 2"]:
    """Minus the gradient of each point's loss, against as many true points where the loss compares."""
    true = mixture.sample(len(points), Streams(0, 0, scope="arrows"))[0]
    labels = game.default_labels(0, len(points)) if game.conditional else None
    moved = points.detach().requires_grad_()
    logits, _ = game.discriminate(pack_samples(moved, game.settings.packing), labels)
    real, _ = game.discriminate(pack_samples(true, game.settings.packing), labels)
    losses = game.objective.generator(real.detach(), logits)
    total = torch.stack([loss.sum() for loss in losses.values()]).sum()
    return -torch.autograd.grad(total, moved)[0]
