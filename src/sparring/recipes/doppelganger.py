"""DoppelGANger: series with attributes, which are generated first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.series.series_spec import SeriesSpec
from sparring.games.doppelganger import DoppelGANgerGame, DoppelGANgerRecipe
from sparring.losses.objectives import ObjectiveName
from sparring.nets import doppelganger as nets

PASSES = 50
"""About as many passes of the recurrent network make a window, as the paper advises (section 4.1)."""


@dataclass(frozen=True, kw_only=True)
class DoppelGANger(DoppelGANgerRecipe):
    """Perceptrons make the attributes and the range of a window, and a GRU its steps. Attributes are the columns that --static names; they
    are generated, not asked for.
    """

    title: ClassVar[str] = "DoppelGANger: series with attributes, each window in its own range"
    paper: ClassVar[str] = "Lin et al. 2020: Using GANs for Sharing Networked Time Series Data (arXiv:1909.13403)"
    data: ClassVar[str] = "series with or without attributes (.csv, .parquet and others, or a data frame)"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    ranges: ClassVar[Ranges] = {
        **DoppelGANgerRecipe.ranges,
        "attribute_hidden": {"at least": 1, "at most": 2**14},
        "discriminator_hidden": {"at least": 1, "at most": 2**14},
        "discriminator_layers": {"at least": 1, "at most": 64},
        "steps_at_once": {"at least": 1},
    }
    usual_window: ClassVar[int] = 56

    batch_size: int = 100
    """Number of real windows in each batch."""
    latent_size: int = 5
    """Number of dimensions of the noise of attributes, of the range, and of each pass of the GRU."""
    attribute_hidden: int = 100
    """Number of units in both hidden layers of the networks that make attributes and ranges."""
    hidden: int = 100
    """Number of units of the GRU."""
    steps_at_once: int | None = None
    """Number of steps that the GRU makes in one pass (the paper's S). None: as many as give at most 50 passes a window."""
    discriminator_hidden: int = 200
    """Number of units in each hidden layer of both critics."""
    discriminator_layers: int = 5
    """Number of layers of both critics."""
    objective: ObjectiveName = "wasserstein"
    """Losses of generator and critics. (For the others, see `sparring train dcgan --help`.)"""
    gradient_penalty: float = 10.0
    """Weight of the gradient penalty (gradient norm - 1)^2 of both critics at points between real and generated samples (WGAN-GP, Gulrajani
    2017: 10). 0: no penalty."""
    learning_rate: float = 1e-3
    """Learning rate of all networks, unless discriminator_learning_rate is given."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""

    def incompatibilities(self, spec: SeriesSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.steps_at_once is not None and self.steps_at_once > spec.steps:
            found.append(f"steps_at_once ({self.steps_at_once}) must be at most the {spec.steps} steps of a window. Make it smaller.")
        return found

    def build(self, spec: SeriesSpec) -> DoppelGANgerGame:
        """See Recipe."""
        values, categories = len(spec.values), [len(each.categories) for each in spec.statics]
        together = self.steps_at_once or -(-spec.steps // PASSES)
        generator = nets.AttributesFirstGenerator(
            self.latent_size, values, categories, self.attribute_hidden, self.hidden, spec.steps, together
        )
        discriminator = nets.WindowAndAttributeCritics(
            sum(categories) + 2 * values, values * spec.steps, self.packing, self.discriminator_hidden, self.discriminator_layers
        )
        return DoppelGANgerGame(spec, generator, discriminator, settings=self)


RECIPE = DoppelGANger
