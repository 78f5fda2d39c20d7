"""Floor 5: trained games, ready to draw: out of run directories and packed files, and into them."""

import json
import math
import operator
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sparring import recipes
from sparring.core.errors import CheckpointError, SettingsError, did_you_mean
from sparring.core.files import replacing
from sparring.core.machine import refuse_absent_gpu
from sparring.core.runs import RunDirectory
from sparring.core.specs import ImageSpec, spec_from_json
from sparring.core.terminal import console
from sparring.data.preparation import Preparation, checked_background
from sparring.game import Game, LatentGame, Recipe, check
from sparring.latent.walks import spherical, walk
from sparring.nets.maps import dropping
from sparring.nets.styles import StyleGenerator
from sparring.tiling import TILE, in_tiles, refuse_tile
from sparring.train import checkpoints
from sparring.train.state import load_named, refuse_misfits, select
from sparring.translation import Direction, TranslationGame
from sparring.weights import read

if TYPE_CHECKING:
    from sparring.train.session import Ending

Kind = TypeVar("Kind")
PIECE = 1024
IMPORTED = "imported.safetensors"
"""In a folder that `import_weights` made: all of the model."""


@dataclass
class Model:
    """A trained game, ready to draw."""

    game: Game
    recipe: Recipe
    source: Path
    """The run or file it was loaded from."""
    step: int | None = None
    """The step of the run whose weights these are, if it was loaded from a run."""
    ending: "Ending | None" = None
    """How training ended, if it just did."""
    preparation: Preparation = field(default_factory=Preparation)
    """How pictures became what it was trained on, as far as that is known."""

    @property
    def generator(self) -> nn.Module | None:
        """The network that draws: `generator(latents, label)`, and for StyleGANs `map` and `synthesise`. None if there is none."""
        return self._network("generator")

    @property
    def discriminator(self) -> nn.Module | None:
        """The network that judges: `discriminator(images, label)`. None if it was not loaded (see `load`) or there is none."""
        return self._network("discriminator")

    @property
    def latent_game(self) -> LatentGame:
        """The game, if its pictures come of latents; a SettingsError if not."""
        if not isinstance(self.game, LatentGame):
            raise SettingsError(f"{self.source} makes pictures of pictures, not of noise. Use it with: {self.use}")
        return self.game

    @property
    def translation_game(self) -> TranslationGame:
        """The game, if it makes pictures of pictures; a SettingsError if not."""
        if not isinstance(self.game, TranslationGame):
            raise SettingsError(f"{self.source} makes pictures of noise, not of pictures. Use it with: {self.use}")
        return self.game

    @property
    def use(self) -> str:
        """The command that uses it."""
        verb, rest = ("sample", "-n 64 --seed 1") if isinstance(self.game, LatentGame) else ("translate", "IN OUT")
        return f"sparring {verb} {shlex.quote(str(self.source))} {rest}"

    def _network(self, name: str) -> nn.Module | None:
        network = getattr(self.game, name, None)
        return None if network is None or next(network.parameters()).is_meta else network

    def on(self, device: Literal["cpu", "cuda"]) -> "Model":
        """This model, with its networks there. A SettingsError if torch sees no GPU."""
        refuse_absent_gpu(device)
        for part in self.game.children():
            if not any(tensor.is_meta for tensor in (*part.parameters(), *part.buffers())):
                part.to(device)
        return self

    @property
    def spec(self) -> ImageSpec:
        """Size, channels and classes of what it draws."""
        return self.game.spec

    def label_of(self, label: str | int) -> int:
        """The number of a class given by name or number; a SettingsError says which there are."""
        classes = self.spec.classes
        if not self.latent_game.conditional:
            raise SettingsError(
                f"{self.source} was trained without classes, so none can be asked for. Train with a --condition, on data that has classes."
            )
        if isinstance(label, str) and label in classes:
            return classes.index(label)
        try:
            number = int(label) if isinstance(label, str) else operator.index(label)
        except (ValueError, TypeError):
            raise SettingsError(f"There is no class {label!r}. {did_you_mean(str(label), classes)}") from None
        if not 0 <= number < len(classes):
            raise SettingsError(f"There is no class number {number}: they go from 0 ({classes[0]}) to {len(classes) - 1} ({classes[-1]}).")
        return number

    def sample(
        self, n: int, *, seed: int = 0, label: str | int | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """`n` pictures in [-1, 1]. Picture i of a seed is the same, to the bit, whatever `n` and `first` (where to start) are.

        `label`: the class of all of them, by name or number; by default every class in turn. `truncation`: more typical and less varied
        pictures, from latents nearer to the mean. For networks with styles the share of the way from the mean of w, 1 being all of it
        (Karras et al. 2019, appendix B); for others the farthest from zero that numbers of a latent may be (Brock et al. 2019).
        """
        if n < 1 or first < 0:
            raise SettingsError(f"n must be at least 1 and first at least 0, not {n} and {first}.")
        if truncation is not None and not 0 < truncation < math.inf:
            raise SettingsError(f"truncation must be more than 0, not {truncation}.")
        labels = None if label is None else torch.full((n,), self.label_of(label), device=self.game.device)
        self.refuse_without_generator()
        return self.latent_game.sample(n, seed, labels, first, truncation)

    def refuse_without_generator(self) -> None:
        """Raise a CheckpointError if there is nothing to draw with."""
        if next(self.game.get_submodule(self.game.sampling_networks[0]).parameters()).is_meta:
            raise CheckpointError(f"{self.source} holds no generator, so nothing can be drawn from it.")

    def translate(
        self, pictures: Float[Tensor, "n c h w"], *, direction: Direction = "a2b", noise: int | None = None, tile: int = TILE
    ) -> Float[Tensor, "n o h w"]:
        """What a translator makes of pictures in [-1, 1], of any size: pictures in [-1, 1] of that size.

        `direction`: "a2b" makes targets of inputs; "b2a" the other way round, where the recipe learns it. `noise`: the seed of one of the
        many translations that dropout gives (Isola et al. 2017, section 3.1); None: their typical one, without dropout. `tile`: pictures
        with a longer side are translated in tiles of about that, which fade into each other. A SettingsError says what does not fit. The
        translation of a picture does not depend on the pictures beside it.
        """
        self.refuse_direction(direction)
        refuse_tile(tile)
        game = self.translation_game
        channels = game.channels_of(direction)[0]
        if not isinstance(pictures, Tensor) or not pictures.is_floating_point():
            kind = f"a tensor of {pictures.dtype}" if isinstance(pictures, Tensor) else f"a {type(pictures).__name__}"
            raise SettingsError(f"Wanted is a tensor of numbers in [-1, 1], not {kind}. Files are translated by sparring.translate.")
        if pictures.ndim != 4 or pictures.shape[1] != channels or not pictures.numel():
            raise SettingsError(f"The pictures are {tuple(pictures.shape)}; wanted are some, with {channels} channels (n, c, h, w).")
        shown = pictures.to(game.device, torch.float32)
        with self.noisy(direction, noise):
            if max(shown.shape[2:]) <= tile:
                return game.translate(shown, direction).clamp(-1, 1)
            return torch.cat([in_tiles(game, one, direction, tile) for one in shown.split(1)]).clamp(-1, 1)

    def noisy(self, direction: Direction, seed: int | None) -> AbstractContextManager[None]:
        """Where translations have the noise of that seed, if it is one. A SettingsError for networks without dropout."""
        if seed is None:
            return nullcontext()
        network = self.game.get_submodule(self.translation_game.translators[direction])
        if not any(isinstance(module, nn.Dropout) for module in network.modules()):
            raise SettingsError(f"{self.source} has a network without dropout, so its translations have no noise: leave noise out.")
        return dropping(network, seed)

    def refuse_direction(self, direction: str) -> None:
        """Raise a SparringError if this model does not translate that way."""
        known = self.translation_game.translators
        if direction not in known:
            raise SettingsError(f"{self.source} was trained in the direction {' and '.join(known)}, not {direction}.")
        self.refuse_without_generator()

    def sample_in_pieces(
        self, n: int, *, seed: int = 0, label: str | int | None = None, truncation: float | None = None
    ) -> Iterator[Float[Tensor, "m c h w"]]:
        """`sample`, about a thousand at a time, for numbers that should not lie in memory at once."""
        for first in range(0, n, PIECE):
            yield self.sample(min(PIECE, n - first), seed=seed, label=label, first=first, truncation=truncation)

    def interpolate(
        self,
        seeds: Sequence[int] | None = None,
        *,
        labels: Sequence[str | int] | None = None,
        frames: int = 16,
        space: Literal["z", "w"] = "z",
    ) -> Float[Tensor, "n c h w"]:
        """A walk through the first sample of each seed, `frames` pictures from one to the next, the last included; in [-1, 1].

        Latents move along great circles; in "w", which networks with styles have, in straight lines. `labels`: a class for each seed,
        or one for all; between two classes their weights cross-fade. By default seeds 0 to 3, or seed 0 if two labels or more are given.
        """
        if frames < 1:
            raise SettingsError(f"frames must be at least 1, not {frames}.")
        self.refuse_without_generator()
        game = self.latent_game
        numbers = [self.label_of(label) for label in labels or ()]
        seeds = list((0,) if len(numbers) > 1 else range(4)) if seeds is None else list(seeds)
        stops = max(len(seeds), len(numbers))
        seeds = seeds * stops if len(seeds) == 1 else seeds
        if not numbers and game.conditional:
            numbers = [int(game.labels_of(seed, 1)) for seed in seeds]
        numbers = numbers * stops if len(numbers) == 1 else numbers
        if stops < 2:
            raise SettingsError("An interpolation needs two seeds or more, or two classes or more.")
        if len(seeds) != stops or len(numbers) not in {0, stops}:
            raise SettingsError(
                f"{len(seeds)} seeds and {len(numbers)} classes do not pair up: give one class for each seed, or one for all."
            )
        latents = torch.stack([game.chunk_of_latents(seed, 0)[0] for seed in seeds])
        conditions = game.condition(torch.tensor(numbers, device=game.device)) if numbers else None
        if space == "w":
            return self._walk_in_w(latents, conditions, frames)
        between = None if conditions is None else walk(conditions, frames, torch.lerp)
        return game.generate_chunked(walk(latents, frames, spherical), between)

    def _walk_in_w(
        self, latents: Float[Tensor, "stops latent"], conditions: Float[Tensor, "stops classes"] | None, frames: int
    ) -> Float[Tensor, "n c h w"]:
        generator = self.generator
        if not isinstance(generator, StyleGenerator):
            raise SettingsError(f"{self.source} has a generator without styles, so there is no w to walk through: use space='z'.")
        with torch.no_grad():
            stops = generator.map(latents, conditions)[:, 0]

        def draw(w: Tensor, _: Tensor | None) -> Tensor:
            return generator.synthesise(w[:, None].expand(-1, generator.layers, -1)).clamp(-1, 1)

        return self.latent_game.in_chunks(draw, walk(stops, frames, torch.lerp), None)


def load(path: str | os.PathLike[str], *, checkpoint: str | int = "last", whole: bool = False) -> Model:
    """The model in a run directory (its moving average), or in a file or folder that `pack` or `import_weights` wrote.

    `checkpoint`: "last", "best" or the number of a step that is kept. `whole`: with the networks that sampling does not need, such as
    the discriminator. Raises a CheckpointError that says what is wrong.
    """
    place = Path(path)
    if (place / IMPORTED).is_file():
        return _load_packed(place / IMPORTED)
    if place.is_dir():
        return _load_run(RunDirectory(place), checkpoint, whole)
    if not place.exists():
        raise CheckpointError(f"{place} does not exist. Give a run directory or a packed .safetensors file.")
    return _load_packed(place)


def import_weights(path: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Model:
    """The networks in an official file (NVIDIA's StyleGAN2 and StyleGAN2-ADA `.pkl`, `.pth` of BigGAN-PyTorch and of
    pytorch-CycleGAN-and-pix2pix), as a model.

    Nothing that the file asks for is executed or fetched. `out`: a folder to keep the model in, which `load` reads. Raises a
    CheckpointError that says what is wrong, with all tensors that are missing or left over.
    """
    place = Path(path)
    if not place.is_file():
        raise CheckpointError(f"{place} is not a file. Give the file with the official weights.")
    found = read(place)
    networks = {name.partition(".")[0] for name in found.tensors}
    model = _built(found.recipe, found.spec, found.tensors, place, networks, found.names)
    if out is not None:
        folder = Path(out)
        if folder.exists() and any(folder.iterdir()):
            raise SettingsError(f"{folder} is not empty. Choose another --out.")
        _write(model, networks, folder / IMPORTED)
        model = replace(model, source=folder)
    return model


def _load_run(run: RunDirectory, checkpoint: str | int, whole: bool) -> Model:
    config = run.read_config()
    if checkpoint == "last":
        found = checkpoints.read_newest(run.checkpoints, say=console().print)
        if found is None:
            raise CheckpointError(f"{run.path} has no checkpoint yet.")
        tensors, facts = found
    else:
        kept = checkpoints.steps(run.checkpoints)
        step = checkpoints.best(run.checkpoints) if checkpoint == "best" else {str(step): step for step in kept}.get(str(checkpoint))
        if step is None:
            raise CheckpointError(
                f"{run.path} keeps no checkpoint {checkpoint}. There are: {', '.join(map(str, kept)) or 'none'}, last and best."
            )
        tensors, facts = checkpoints.read(run.checkpoints, step)
    tensors = dict(select(tensors, "game/")) | dict(select(tensors, "average/"))
    if config.get("interventions"):  # a coach has changed settings, perhaps since then
        config["recipe_settings"] |= {name: facts["identity"][name] for name in config["recipe_settings"]}
    model = _model(config, tensors, run.path, {name.partition(".")[0] for name in tensors} if whole else None)
    return replace(model, step=facts["progress"]["step"], preparation=_preparation(config["data"], run.path))


def _load_packed(path: Path) -> Model:
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["sparring"])
        tensors = load_file(path)
        networks = about.get("networks")
        if networks is not None and not (isinstance(networks, list) and all(isinstance(name, str) for name in networks)):
            raise ValueError(f"networks = {networks!r}")
    except (OSError, SafetensorError, KeyError, ValueError, AttributeError) as problem:
        raise CheckpointError(f"{path} is not a model that `sparring pack` wrote, or is damaged: {problem!r}") from None
    return replace(_model(about, tensors, path, networks), preparation=_preparation(about, path))


def _preparation(about: Mapping[str, Any], source: Path) -> Preparation:
    """What a file says of how pictures were prepared: older ones say nothing. A CheckpointError if it is of the wrong kind."""
    try:
        preparation = from_json(Preparation, about.get("preparation") or {})
        checked_background(preparation)
    except (TypeError, AttributeError, SettingsError) as problem:
        raise CheckpointError(f"{source} does not describe how its pictures were prepared: {problem}") from None
    return preparation


def _model(about: Any, tensors: dict[str, Tensor], source: Path, networks: Iterable[str] | None) -> Model:  # noqa: ANN401 (JSON is any)
    """The model that a file describes. Whatever the file says, it ends in a model or in a SparringError."""
    return _built(*described(about, source), tensors, source, networks)


def _built(
    recipe: Recipe,
    spec: ImageSpec,
    tensors: dict[str, Tensor],
    source: Path,
    networks: Iterable[str] | None,
    called: Mapping[str, str] | None = None,
) -> Model:
    """The game with these weights. `networks`: those to load (None: those that sampling needs); the others take no memory. `called`: what
    the source calls tensors, where it calls them otherwise.
    """
    check(recipe, spec)
    try:
        with torch.device("meta"):  # no memory before it is known that the file brings what it describes
            game = recipe.build(spec)
    except (RuntimeError, MemoryError, ValueError) as problem:
        raise CheckpointError(f"{source} describes networks that cannot be built here: {problem}") from None
    wanted = set(game.sampling_networks if networks is None else networks)
    names = list(game.state_dict())
    own = {name for name in names if name.partition(".")[0] in wanted}
    given = {name: tensor for name, tensor in tensors.items() if name in own or name not in names}
    refuse_misfits(game, given, own, called)
    for name, network in game.named_children():
        if name in wanted:
            network.to_empty(device="cpu")
            network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch's stubs miss it)
    for name, buffer in game.named_buffers(recurse=False):
        if name in wanted:
            setattr(game, name, torch.empty_like(buffer, device="cpu"))
    game.requires_grad_(False).eval()
    load_named(game, given, own)
    return Model(game, recipe, source)


def described(about: Any, source: Path) -> tuple[Recipe, ImageSpec]:  # noqa: ANN401 (JSON is any)
    """Recipe and spec from a config.json or a packed file's heading; a CheckpointError if they are not of the right kind."""
    try:
        spec = about["spec"] if "spec" in about else about["data"]["spec"]
        return from_json(recipes.get(about["recipe"]), about["recipe_settings"]), spec_from_json(spec)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise CheckpointError(f"{source} does not describe a recipe and its data: {problem!r}. It is damaged, or was altered.") from None


def from_json(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """A dataclass of settings from JSON, where tuples have become lists; a CheckpointError lists names that are not its own."""
    known = {field.name for field in fields(kind)}  # pyright: ignore[reportArgumentType] (a dataclass)
    if unknown := sorted(set(values) - known):
        raise CheckpointError(
            f"Settings of {kind.__name__} that this version does not know: {', '.join(unknown)}. A newer version wrote them."
        )
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def pack(model: Model | str | os.PathLike[str], file: str | os.PathLike[str]) -> Path:
    """Write only what sampling needs (no discriminator, no optimiser) to one safetensors file that `load` reads. Gives its path."""
    model = model if isinstance(model, Model) else load(model)
    model.refuse_without_generator()
    return _write(model, model.game.sampling_networks, Path(file))


def _write(model: Model, networks: Iterable[str], path: Path) -> Path:
    """Write these networks of a model, with all that is needed to build them."""
    wanted = set(networks)
    tensors = {name: tensor.contiguous() for name, tensor in model.game.state_dict().items() if name.partition(".")[0] in wanted}
    about = {
        "recipe": recipes.name_of(model.recipe),
        "recipe_settings": asdict(model.recipe),
        "spec": model.spec.to_json(),
        "preparation": asdict(model.preparation),
        "networks": sorted(wanted),
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"sparring": json.dumps(about)})
    return path
