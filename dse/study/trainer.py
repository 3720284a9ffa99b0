"""What a study needs of whoever trains its plans."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from dse.recipe.plan import Plan
from dse.record.calibration import Measured, Wanted
from dse.record.epoch import EpochRow
from dse.record.run import Training


class Trainer(Protocol):
    """Trains plans; ``dse.training.trainer`` has the real one.

    One that is derived from this class has only its ``title`` and ``epochs`` to give: it keeps nothing of a run. One
    that is to work in other processes can be pickled.
    """

    @property
    def title(self) -> str:
        """What trains, for the record."""

    def sized(self, plan: Plan) -> Plan:
        """Give a plan that knows the sizes of its network, a network of the user's own included.

        Raises:
            RecipeError: The user's own network cannot be imported or built.
        """
        return plan

    def kept(self, plan: Plan, seed: int) -> tuple[EpochRow, ...]:
        """Give the rows of the epochs that ``epochs`` would not train again: it resumes after them."""
        return ()

    def forget(self, plan: Plan, seed: int) -> None:
        """Called when a run has ended for good: nothing of it need be kept."""

    def forget_others(self, runs: Collection[tuple[str, int]]) -> None:
        """Called with the runs that may be resumed, by id of their recipe and seed: nothing else need be kept."""

    def checkpoint(self, plan: Plan, seed: int) -> bytes | None:
        """Give what is kept of a run, so that another copy of this trainer can resume it; None if nothing is."""
        return None

    def take_checkpoint(self, plan: Plan, seed: int, content: bytes) -> None:
        """Keep what ``checkpoint`` of another copy gave, in place of what is kept of the run.

        Raises:
            CheckpointError: It cannot be written.
        """

    def portable(self) -> Trainer:
        """Give a copy that brings its data along, for a machine that has none of it."""
        return self

    def keeping_in(self, folder: Path) -> Trainer:
        """Give a copy that keeps in another folder what it keeps of its runs."""
        return self

    def calibrate(self, wanted: Wanted) -> Measured | None:
        """Time steps, apart from any run; None if that is not done here: runs are then timed by the stopwatch."""
        return None

    def epochs(self, plan: Plan, seed: int) -> Training:
        """Train a plan with a seed, an epoch each time that the generator is resumed.

        Args:
            plan: What to train.
            seed: Decides weights, order and shifts.

        Yields:
            Each new row of the curve; if a reason is sent, the run ends there.

        Returns:
            The run.
        """
