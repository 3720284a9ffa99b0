"""What a study needs of whoever trains its plans."""

from __future__ import annotations

from typing import Protocol

from dse.recipe.plan import Plan
from dse.record.run import OnEpoch, Run


class Trainer(Protocol):
    """Trains plans; ``dse.training.trainer`` has the real one, tests have fakes."""

    @property
    def title(self) -> str:
        """What trains, for the record."""

    def sized(self, plan: Plan) -> Plan:
        """Give a plan that knows the sizes of its network, a network of the user's own included.

        Raises:
            RecipeError: The user's own network cannot be imported or built.
        """

    def train(self, plan: Plan, seed: int, on_epoch: OnEpoch | None = None) -> Run:
        """Train a plan with a seed.

        Args:
            plan: What to train.
            seed: Decides weights, order and shifts.
            on_epoch: Called with each row of the curve; what it returns, unless None, ends the run.
        """
