"""What a search was worth: its share of the table's volume against the seconds that it spent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dse.replay.simulate import Replay
from dse.replay.table import RecordedTable
from dse.search.progress import Floats
from dse.search.volume import curve_volume

SHARES = (0.90, 0.95, 0.99)


@dataclass(frozen=True)
class Score:
    """One search of a table.

    Every epoch that it ran counts with its row's mean over all recorded seeds, which no search sees, so a lucky
    run is worth no more than another.

    Attributes:
        seconds_to: Train seconds to 90, 95 and 99 % of the volume of the whole table; infinite where not reached.
        final_share: Share of that volume at the end.
        seconds_spent: Train seconds in all.
        front_points_lost: Points of the table's front that it did not run.
    """

    seconds_to: dict[float, float]
    final_share: float
    seconds_spent: float
    front_points_lost: int


def score(table: RecordedTable, replay: Replay) -> Score:
    """Compare what a search found with what the whole table holds."""
    shares = _Shares(table, replay)
    seen = set(zip(replay.rows.tolist(), replay.epochs.tolist(), strict=True))
    return Score(
        seconds_to={share: shares.seconds_to(share) for share in SHARES},
        final_share=shares.after(len(replay.clock)),
        seconds_spent=float(replay.clock[-1]) if len(replay.clock) else 0.0,
        front_points_lost=len(table.front - seen),
    )


def share_at(table: RecordedTable, replay: Replay, seconds: Floats) -> Floats:
    """Give the share of the table's volume that a search had after each number of train seconds."""
    shares = _Shares(table, replay)
    return np.array([shares.after(int(n)) for n in np.searchsorted(replay.clock, seconds, side="right")])


class _Shares:
    """Shares of the table's volume after the first n epochs of a search; they never fall with n."""

    def __init__(self, table: RecordedTable, replay: Replay) -> None:
        self._table, self._clock = table, replay.clock
        self._points = np.array(
            [table.points[row][epoch - 1] for row, epoch in zip(replay.rows, replay.epochs, strict=True)]
        ).reshape(-1, 3)
        self._known: dict[int, float] = {}

    def after(self, n: int) -> float:
        if n not in self._known:
            volume = curve_volume(self._points[:n], self._table.reference)
            self._known[n] = volume / self._table.volume
        return self._known[n]

    def seconds_to(self, share: float) -> float:
        low, high = 0, len(self._clock)
        # The whole table has a share of 1 up to rounding.
        if self.after(high) < share - 1e-12:
            return math.inf
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.after(middle) >= share - 1e-12 else (middle + 1, high)
        return float(self._clock[low - 1]) if low else 0.0
