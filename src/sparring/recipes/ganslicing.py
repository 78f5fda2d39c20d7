"""GANSlicing: the demand of the next steps as a sample of futures, by which a network's resources are given to its slices."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.recipes.cgan_series import CGANSeries


@dataclass(frozen=True, kw_only=True)
class GANSlicing(CGANSeries):
    """The networks of `cgan-series`, without regimes, and an energy score beside the adversarial loss: a forecast has to be right in each
    step, for capacity is given by its quantiles. (Only the paper's abstract is public: networks and losses are ours.)
    """

    title: ClassVar[str] = "Network demand: futures of the next steps, for forecasts and the allocation of capacity"
    paper: ClassVar[str] = (
        "Gu, Zhang 2019: GANSlicing: A GAN-Based Software Defined Mobile Network Slicing Scheme for IoT Applications (ICC)"
    )
    data: ClassVar[str] = "series of demand (.csv, .parquet and others, or a data frame)"
    usual_window: ClassVar[int] = 96
    usual_past: ClassVar[int] = 72
    known: ClassVar[tuple[str, ...]] = ("calendar", "statics")

    learning_rate: float = 1e-3
    """Learning rate of the generator, which the energy score keeps on its way."""
    energy: float = 10.0
    """Weight of the energy score of two futures of each past (Gneiting and Raftery 2007), which draws forecasts towards the real
    distribution of each step. 0: none."""


RECIPE = GANSlicing
