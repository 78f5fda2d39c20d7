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
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from rich.progress import BarColumn, Progress, TextColumn
from torch import Tensor
from torch.utils.tensorboard.writer import SummaryWriter

from sparring import recipes
from sparring.core.console import console as plain_console
from sparring.core.errors import NonFiniteError, SettingsError, did_you_mean, listed, missing_extra
from sparring.core.random_streams import Streams
from sparring.core.settings import range_problems, type_problems
from sparring.data.points.mixtures import Mixture, Points, histogram, mixture
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame, packed
from sparring.games.game import Game, evaluating
from sparring.health.measurements import Examiner
from sparring.media.image_files import save_film, save_gif, save_image
from sparring.metrics.mode_coverage import ModeCount, count_modes
from sparring.nets import mlp
from sparring.playground_2d.drawing import Snapshot, draw, field_points
from sparring.runs.run_directory import RunDirectory
from sparring.training.callbacks.health import Vitals
from sparring.training.callbacks.log import Log
from sparring.training.callbacks.samples import Samples
from sparring.training.loop import Signals, Table, Watcher, play
from sparring.training.session import first_state, machine_for, note_ending, resolve, stop_requests
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
        return {**self.count.to_json(), "steps": self.steps, "seconds": self.seconds, "rules": asdict(self.game.rules)}


def started(recipe: str | type[AdversarialRecipe]) -> AdversarialRecipe:
    """A recipe with its settings for points; a SettingsError if it is no game of a generator against a discriminator."""
    kind = recipes.get(recipe) if isinstance(recipe, str) else recipe
    if not issubclass(kind, AdversarialRecipe):
        raise SettingsError(f"The recipe {recipes.name_of(kind)} does not work on points, which need a generator and a discriminator.")
    return kind(**kind.on_points)  # pyright: ignore[reportArgumentType]


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
    chosen, rules = PlaygroundSettings(**own), replace(given, **{name: settings[name] for name in settings.keys() - own.keys()})  # pyright: ignore[reportArgumentType]
    points = Points(mixture(data), seed=chosen.seed)
    # Not `problems`: what the recipe's own networks cannot draw does not matter here.
    problems = type_problems(rules) or range_problems(rules, rules.ranges) + AdversarialRecipe.incompatibilities(rules, points.spec)
    if rules.augment != "none":
        problems.append(f"augment={rules.augment!r} works on images, not on points. Leave it out.")
    ours = AdversarialRecipe.__dataclass_fields__
    problems += [
        f"{name} belongs to {recipes.name_of(kind)}'s own networks, and on points small fully connected networks are used. Leave it out."
        for name in asdict(rules)
        if name not in ours and getattr(rules, name) != getattr(given, name)
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
        images = chosen.steps * rules.batch_size * rules.discriminator_steps
        rules = replace(rules, decay_from_samples=images // 2, decay_until_samples=images)
    title = f"{recipes.name_of(kind)} on {data}"
    return _played(rules, points, chosen, title, image, movie, None if run is None else RunDirectory(Path(run)), console)


def networks(rules: AdversarialRecipe, points: Points, hidden: tuple[int, ...]) -> TwoPlayerGame:
    """The game with small networks, fresh from torch's random numbers."""
    spec = points.spec
    generator = mlp.Generator(spec.shape, rules.latent_size, hidden, bounded=False, **rules.generator_classes(spec))
    discriminator = mlp.Discriminator(
        (spec.channels * rules.packing, 1, 1),
        hidden,
        minibatch_deviation=rules.minibatch_deviation,
        **rules.discriminator_classes(spec),
    )
    return TwoPlayerGame(spec, generator, discriminator, rules)


def _played(
    rules: AdversarialRecipe,
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
    with machine_for(settings) as fabric, stop_requests() as stop_asked, _bar(console, chosen.steps) as bar:
        state = first_state(rules, lambda: networks(rules, points, chosen.hidden), chosen.seed)
        watch = Watch(points.mixture, chosen.steps, title, bar, filmed=movie is not None)
        watchers: list[Watcher] = [watch]
        if run is not None:
            watchers += recorders(run, rules, points, settings, state)
        began = time.perf_counter()
        try:
            play(state, Table(points, rules, settings, fabric), watchers, stop_asked)
        except NonFiniteError as problem:
            if run is not None:
                note_ending(run, state, problem)
            raise
        seconds = time.perf_counter() - began - watch.seconds
        assert isinstance(state.ema, TwoPlayerGame)
        samples = sampled(state.ema)
        count = count_modes(samples, points.mixture)
        sheet = None
        if image is not None or movie is not None:
            sheet = draw(snapshot(state, points.mixture), points.mixture, title)
        outcome = Outcome(count, samples, state.ema, state.progress.step, seconds, sheet, watch.frames)
    if image is not None and sheet is not None:
        save_image(sheet, Path(image))
    if movie is not None and sheet is not None:
        frames = [*watch.frames, sheet]
        if Path(movie).suffix == ".gif":
            save_gif(frames, Path(movie), hold_last=2)
        else:
            save_film(frames, Path(movie))
    return outcome


def recorders(run: RunDirectory, rules: AdversarialRecipe, points: Points, settings: TrainSettings, state: State) -> list[Watcher]:
    """What keeps the log, the vital signs and images of a game on points in a run directory. It holds no checkpoints."""
    run.write_config(
        {
            "recipe": recipes.name_of(type(rules)),
            "recipe_settings": asdict(rules),
            "train_settings": asdict(settings),
            "data": {"source": points.mixture.name, "spec": points.spec.to_json(), "count": len(points), "points": True},
        }
    )

    def sheet(game: Game) -> UInt8[np.ndarray, "h w c"]:
        assert isinstance(game, TwoPlayerGame)
        return histogram(sampled(game), points.mixture.extent)

    writer = SummaryWriter(str(run.tensorboard))
    vitals = Vitals(run, Examiner(points, Points(points.mixture, HELD_OUT, settings.seed + 1), settings.seed))
    vitals.begin()
    samples = Samples(run, settings, sheet, writer)
    samples.draw(state)
    return [Log(run, settings.log_every, writer), vitals, samples]


class Watch:
    """Moves the bar, and takes the movie's frames: every step counts at first, and then less and less."""

    def __init__(self, mixture: Mixture, steps: int, title: str, bar: Progress, filmed: bool) -> None:
        self.mixture, self.title, self.bar = mixture, title, bar
        share = np.linspace(0, 1, FRAMES) ** 2
        self.due = {int(step) for step in np.ceil(share * (steps - 1))} - {0} | {1} if filmed else set()
        self.frames: list[UInt8[np.ndarray, "h w 3"]] = []
        self.seconds = 0.0
        self.shown = time.monotonic()

    def after_step(self, state: State, signals: Signals) -> None:
        """See `Watcher`."""
        step = state.progress.step
        if step in self.due:
            began = time.perf_counter()
            self.frames.append(draw(snapshot(state, self.mixture), self.mixture, self.title))
            self.seconds += time.perf_counter() - began
        if not step % 100 and time.monotonic() - self.shown > BAR_SECONDS:
            self.shown = time.monotonic()
            self.bar.update(self.bar.task_ids[0], completed=step, description=f"step {step:,}", refresh=self.bar.live.is_started)


@contextmanager
def _bar(console: "Console", steps: int) -> Iterator[Progress]:
    bar = Progress(BarColumn(), TextColumn("{task.description}"), console=console, transient=True, auto_refresh=False)
    bar.add_task("", total=steps)
    with bar if console.is_terminal else nullcontext():
        yield bar


def sampled(game: TwoPlayerGame, n: int = COUNTED_SAMPLES) -> Float[Tensor, "n 2"]:
    """The first `n` samples of seed 0, as points."""
    return game.sample(n).flatten(1)


def snapshot(state: State, mixture: Mixture) -> Snapshot:
    """What a image shows of the game as it stands: samples of the moving average, the networks' own field and gradients."""
    game = state.game
    assert isinstance(game, TwoPlayerGame)
    samples = sampled(state.ema)  # pyright: ignore[reportArgumentType]
    moving = sampled(game, ARROWS * game.rules.packing)
    with evaluating(game):
        places = field_points(mixture.extent, FIELD_SIDE)
        # Alone in its pack, a place is judged in company of itself.
        labels = mixture.mode_of_center[mixture.nearest(places)[1]].repeat_interleave(game.rules.packing)
        seen = packed(places.repeat_interleave(game.rules.packing, dim=0)[:, :, None, None], game.rules.packing)
        field = game.verdict(seen, labels if game.conditional else None)[0].view(FIELD_SIDE, FIELD_SIDE)
        with torch.enable_grad():
            arrows = _pushes(game, moving, mixture)
    return Snapshot(state.progress.step, samples, field, moving[:ARROWS], arrows[:ARROWS], count_modes(samples, mixture))


def _pushes(game: TwoPlayerGame, points: Float[Tensor, "n 2"], mixture: Mixture) -> Float[Tensor, "n 2"]:
    """Minus the gradient of each point's loss, against as many true points where the loss compares."""
    true = mixture.sample(len(points), Streams(0, 0, scope="arrows"))[0]
    labels = game.labels_of(0, len(points)) if game.conditional else None
    moved = points.detach().requires_grad_()
    logits, _ = game.verdict(packed(moved[:, :, None, None], game.rules.packing), labels)
    real, _ = game.verdict(packed(true[:, :, None, None], game.rules.packing), labels)
    losses = game.objective.generator(real.detach(), logits)
    total = torch.stack([loss.sum() for loss in losses.values()]).sum()
    return -torch.autograd.grad(total, moved)[0]
