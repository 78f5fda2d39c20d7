"""One adapter for each kind of data: the only place where code may branch on the kind.

A new kind of data is `data/KIND/`, an adapter here, and its metrics.
"""

from collections.abc import Mapping
from typing import Any

from sparring.core.data_spec import Spec
from sparring.modalities.images import Images
from sparring.modalities.modality import Modality
from sparring.modalities.music import Music
from sparring.modalities.orders import Orders
from sparring.modalities.pairs import PairsOfImages
from sparring.modalities.points import PointsInThePlane
from sparring.modalities.records import Records
from sparring.modalities.sequences import Sequences
from sparring.modalities.series import Series
from sparring.modalities.tables import Tables

MODALITIES: Mapping[str, Modality] = {
    each.name: each
    for each in (Images(), Music(), Orders(), PairsOfImages(), PointsInThePlane(), Records(), Sequences(), Series(), Tables())
}
"""The adapters by name."""


def spec_from_json(value: Mapping[str, Any]) -> Spec:
    """The inverse of `Spec.to_json`. KeyError, TypeError or ValueError for what is no spec."""
    return MODALITIES[value["kind"]].spec_from_json(value)
