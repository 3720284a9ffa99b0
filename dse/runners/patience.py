"""How long a worker may be silent before it counts as hanging."""

from __future__ import annotations

from dataclasses import dataclass

from dse.study.runner import Job


@dataclass(slots=True)
class Patience:
    """Learns from the epochs so far how long one may take.

    An epoch takes some time for each step and some for each operation: with the most that either was seen to take, the
    sum of both is more than it should need.

    Attributes:
        least_seconds: What every epoch is granted beside that: other programs, evaluation, a first compilation.
        first_seconds: What it is granted while no epoch was seen, and a worker before it begins its job.
        slack: How many times its share of the others an epoch may take.
    """

    least_seconds: float = 600.0
    first_seconds: float = 3_600.0
    slack: float = 5.0
    _per_step: float = 0.0
    _per_flop: float = 0.0

    def learn(self, job: Job, epoch: int, seconds: float) -> None:
        """Learn what an epoch took, all that was done around it included."""
        steps, flops = _work(job, epoch)
        self._per_step = max(self._per_step, seconds / steps)
        self._per_flop = max(self._per_flop, seconds / flops)

    def limit(self, job: Job, epochs: int) -> float:
        """Give how many seconds the worker may be silent that has trained so many epochs of the job."""
        if not self._per_step:
            return self.first_seconds
        steps, flops = _work(job, min(epochs + 1, len(job.plan.epochs)))
        return self.least_seconds + self.slack * (self._per_step * steps + self._per_flop * flops)


def _work(job: Job, epoch: int) -> tuple[int, float]:
    """Give steps and operations of an epoch, counted from 1."""
    return job.plan.epochs[epoch - 1].steps, max(1.0, (job.plan.train_flops or 0) / len(job.plan.epochs))
