"""The latent space of a trained model: w where the generator has styles, z where not.

Points are tensors: (n, layers, style) in w, (n, latent) in z.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sparring.core.errors import SettingsError
from sparring.games.game import evaluating
from sparring.games.latent_game import SAMPLE_CHUNK
from sparring.inference.model import Model
from sparring.nets.feature_maps import recording
from sparring.nets.style_generator import StyleGenerator

Label = str | int | None
Images = Float[Tensor, "n c h w"]
Points = Float[Tensor, "n *point"]
Maps = Float[Tensor, "_ channels h w"]
Classes = Int64[Tensor, " n"] | Float[Tensor, "n classes"] | None
"""Numbers of classes, or a weight for each class."""


class Space:
    """The latent space of a model: w if its generator has styles, else z. All methods are without gradients but `drawing`."""

    def __init__(self, model: Model) -> None:
        game, generator = model.latent_game, model.generator
        if generator is None:
            raise SettingsError(f"{model.source} holds no generator, so it has no latent space.")
        self.model, self.game, self.generator = model, game, generator
        self.styled = isinstance(generator, StyleGenerator)

    def points(self, seeds: Sequence[int], label: Label = None) -> Points:
        """Where the first sample of each seed is drawn from."""
        if not seeds:
            raise SettingsError("Name at least one seed.")
        latents = torch.cat([self.game.chunk_of_latents(seed, 0)[:1] for seed in seeds])
        return self.of_latents(latents, self.labels([*seeds], label))

    def many(self, n: int, seed: int, label: Label = None) -> Points:
        """Where the first `n` samples of a seed are drawn from."""
        latents = torch.cat([self.game.chunk_of_latents(seed, chunk) for chunk in range(-(-n // SAMPLE_CHUNK))])[:n]
        return self.of_latents(latents, self.labels(n, label, seed))

    def labels(self, which: Sequence[int] | int, label: Label, seed: int = 0) -> Int64[Tensor, " n"] | None:
        """The classes of samples: the first of each of some seeds, or the first so many of one."""
        n = which if isinstance(which, int) else len(which)
        if label is not None:
            return torch.full((n,), self.model.label_of(label), device=self.game.device)
        if not self.game.conditional:
            return None
        return (
            self.game.default_labels(seed, n) if isinstance(which, int) else torch.cat([self.game.default_labels(one, 1) for one in which])
        )

    @torch.no_grad()
    def of_latents(self, latents: Float[Tensor, "n latent"], labels: Int64[Tensor, " n"] | None) -> Points:
        """The points of latents z."""
        if isinstance(self.generator, StyleGenerator):
            with evaluating(self.generator):
                return self.generator.map(latents, self.game.condition(labels))
        return latents

    def drawing(self, classes: Classes = None) -> Callable[[Points], Images]:
        """What draws from points. `classes` are needed in z alone: w knows them."""
        if isinstance(self.generator, StyleGenerator):
            return self.generator.synthesize
        condition = classes if classes is not None and classes.is_floating_point() else self.game.condition(classes)
        return lambda points: self.generator(points, condition)

    @torch.no_grad()
    def draw(self, points: Points, classes: Classes = None) -> Images:
        """Images in [-1, 1], in chunks."""
        pieces = [slice(start, start + SAMPLE_CHUNK) for start in range(0, len(points), SAMPLE_CHUNK)]
        with evaluating(self.game):
            drawn = [self.drawing(None if classes is None else classes[rows])(points[rows]) for rows in pieces]
        return torch.cat(drawn).clamp(-1, 1)

    def recorded(
        self, points: Points, labels: Int64[Tensor, " n"] | None, summary: Callable[[Maps], Float[Tensor, "_ features"]]
    ) -> tuple[Images, dict[int, Float[Tensor, "n features"]], dict[int, str]]:
        """What is drawn from points, and by its side what the generator's last map of each side comes to, with the name of its module."""
        found: dict[int, list[Tensor]] = {}
        names: dict[int, str] = {}
        images = []
        for start in range(0, len(points), SAMPLE_CHUNK):
            rows = slice(start, start + SAMPLE_CHUNK)
            with recording(self.generator) as recorder:
                images.append(self.draw(points[rows], None if labels is None else labels[rows]))
            for side, (name, output) in recorder.maps.items():
                if side == 1:
                    continue
                found.setdefault(side, []).append(summary(output.float()))
                names[side] = name
        return torch.cat(images), {side: torch.cat(pieces) for side, pieces in found.items()}, names


class _fixed:  # noqa: N801 (a context manager)
    """In use, and with weights that need no gradients."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __enter__(self) -> None:
        self.modes = [(module, module.training) for module in self.network.modules()]
        self.wanted = [(weight, weight.requires_grad) for weight in self.network.parameters()]
        self.network.eval().requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for module, training in self.modes:
            module.training = training
        for weight, wanted in self.wanted:
            weight.requires_grad_(wanted)
