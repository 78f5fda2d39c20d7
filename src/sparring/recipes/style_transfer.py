"""Style transfer: a small network that renders any image in the style of one."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparring.core.settings_checks import Ranges
from sparring.data.pairs.pair_spec import PairSpec
from sparring.games.game import Player, Turn
from sparring.games.step_context import StepContext
from sparring.games.translation import TranslationGame, TranslationRecipe, divisor_problems
from sparring.losses.objectives import Losses
from sparring.losses.perceptual import gram_matrices, style_distance, total_variation
from sparring.nets import image_translation as nets
from sparring.nets.feature_extractors.perceptual_networks import PerceptualNetwork, open_perceptual_network

DIVISOR = 16
"""Of the images' sides: published networks halve them four times."""


class StyleTransferGame(TranslationGame):
    """One player: a generator that keeps what an image shows and takes on how the style's image is painted."""

    settings: "StyleTransfer"  # pyright: ignore[reportIncompatibleVariableOverride] (narrower)

    def __init__(self, spec: PairSpec, settings: "StyleTransfer") -> None:
        super().__init__(spec, settings)
        self.generator = nets.ResidualGenerator(
            spec.input_channels, spec.channels, settings.width, settings.blocks, norm=settings.norm, resized=True
        )
        self.players = (Player("generator", ("generator",), settings.optimizer, has_ema=settings.ema_samples > 0),)
        self.turns = (Turn("generator", "generator", self.play_generator),)
        self.translators = {"a2b": "generator"}
        self.sampling_networks = ("generator",)
        self._feature_network: list[PerceptualNetwork] = []  # in a list, so that its tensors are not the game's: no player moves them

    @property
    def feature_network(self) -> PerceptualNetwork:
        """The published network whose feature maps the losses compare. It is opened at first use, because translating needs none."""
        if not self._feature_network:
            self._feature_network.append(open_perceptual_network(self.settings.weights).to(self.device))
        return self._feature_network[0]

    def play_generator(self, context: StepContext) -> Losses:
        """Translate inputs (section 3.2): their content, the style's Gram matrices, and smooth images."""
        inputs, styles = self.augmented_batch(context)
        painted = self.generator(inputs)
        settings, features = self.settings, self.feature_network
        with torch.no_grad():
            input_content = features(inputs)[features.content]
            style_grams = [gram_matrices(maps) for maps in features(styles)]
        painted_maps = features(painted)
        content = (painted_maps[features.content] - input_content).square().flatten(1).mean(dim=1)
        return {
            "content": settings.content * content / input_content.square().mean().clamp_min(1e-8),
            "style": settings.style * style_distance(painted_maps, style_grams),
            "variation": settings.variation * total_variation(painted),
        }


@dataclass(frozen=True, kw_only=True)
class StyleTransfer(TranslationRecipe):
    """A feed-forward network, trained with losses on the feature maps of a pretrained one: `--data photos/ --target style.jpg`.

    Content and style losses are relative to the size of what they compare, so that their weights mean the same for every style and
    feature network. The network is half as wide as the paper's and takes 2 MB. For phones and web pages, use `--width 8 --blocks 3`, which
    takes 0.3 MB and a third of the time.
    """

    title: ClassVar[str] = "Fast style transfer: any image in the style of one image"
    paper: ClassVar[str] = (
        "Johnson, Alahi, Fei-Fei 2016: Perceptual Losses for Real-Time Style Transfer and Super-Resolution (arXiv:1603.08155)"
    )
    data: ClassVar[str] = "images (--data), and one or more images of the style (--target)"
    translates = "style"
    ranges: ClassVar[Ranges] = {
        **TranslationRecipe.ranges,
        "content": {"at least": 0},
        "style": {"at least": 0},
        "variation": {"at least": 0},
    }

    batch_size: int = 4
    """Number of images in each batch."""
    learning_rate: float = 1e-3
    """Learning rate."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    width: int = 16
    """Number of channels of the largest feature maps. (The paper uses 32.)"""
    blocks: int = 5
    """Number of residual blocks."""
    content: float = 1.0
    """Weight of the content loss."""
    style: float = 1.0
    """Weight of the style loss."""
    variation: float = 0.1
    """Weight of total variation, for smooth images."""
    weights: str | None = None
    """A file with the weights of VGG-16, the paper's feature network (torchvision's .pth, with or without the classifier). None:
    EfficientNet-lite0, which comes with Sparring."""

    def incompatibilities(self, spec: PairSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + divisor_problems(spec, DIVISOR)
        if 4 in spec.known_channels:
            found.append("Pretrained feature networks do not support transparency. Use --channels 3.")
        return found

    def refuse_to_begin(self) -> None:
        """See Recipe. The file with the weights is read."""
        open_perceptual_network(self.weights)

    def game(self, spec: PairSpec) -> StyleTransferGame:
        """See TranslationRecipe."""
        return StyleTransferGame(spec, self)


RECIPE = StyleTransfer
