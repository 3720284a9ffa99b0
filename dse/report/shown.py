"""What the views of a study show, each part worked out once however many views ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dse.record.tables import StudyTables
from dse.report.encoding import Encoding, choose_encoding
from dse.report.figure_data import BestData, CurveData, FrontData, best_data, curve_data, front_data
from dse.report.growth import Growth, spent_seconds, volume_growth


@dataclass(frozen=True)
class Shown:
    """A study as its page and its figures show it.

    Attributes:
        tables: The study.
    """

    tables: StudyTables

    @cached_property
    def encoding(self) -> Encoding:
        """How recipes look."""
        return choose_encoding(self.tables)

    @cached_property
    def front(self) -> FrontData:
        """The front and the other recipes."""
        return front_data(self.tables)

    @cached_property
    def curves(self) -> CurveData:
        """The recipes' curves."""
        return curve_data(self.tables)

    @cached_property
    def best(self) -> BestData:
        """The recipes' best epochs."""
        return best_data(self.tables)

    @cached_property
    def growth(self) -> Growth:
        """How the front grew."""
        return volume_growth(self.tables)

    @cached_property
    def spent_seconds(self) -> list[float]:
        """Train seconds that had been spent after each trial."""
        return spent_seconds(self.tables)
