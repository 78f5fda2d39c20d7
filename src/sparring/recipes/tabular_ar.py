"""An autoregressive model of tables: each column predicted from any set of the others."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.data.tables.table_spec import TableSpec
from sparring.games.autoregressive_table import AutoregressiveRecipe, AutoregressiveTableGame
from sparring.games.resampled_table import ResampledTableGame


@dataclass(frozen=True, kw_only=True)
class TabularAR(AutoregressiveRecipe):
    """A product of conditionals, with a predictor for each column that has learned all orders, so that any cells may be known. No GAN: it
    is what GANs of tables are compared with.
    """

    title: ClassVar[str] = "An autoregressive model for tables, with conditions on any cells"
    paper: ClassVar[str] = "Tiwald et al. 2025: TabularARGN: A Flexible and Efficient Auto-Regressive Framework (arXiv:2501.12012)"
    data: ClassVar[str] = "tables (.csv, .parquet and others, or a data frame)"

    def build(self, spec: TableSpec) -> AutoregressiveTableGame:
        """See Recipe."""
        return ResampledTableGame(spec, self) if self.critic else AutoregressiveTableGame(spec, self)


RECIPE = TabularAR
