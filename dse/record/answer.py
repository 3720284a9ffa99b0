"""The answer: in how little time some recipe reaches the baseline's accuracy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from dse.data.datasets import Protocol
from dse.record.counted import by_recipe
from dse.record.evidence import ShareInterval
from dse.record.noise import standard_error
from dse.record.replicates import Replicates
from dse.record.timing import Timing
from dse.record.trial import Trial
from dse.units import count_text, value_text


@dataclass(frozen=True, slots=True)
class Reached:
    """A recipe, stopped after the epoch in which it reaches an accuracy.

    Attributes:
        trial: Number of the recipe's first trial that judges its last epoch.
        recipe_id: Its id.
        label: The recipe in a few words.
        epoch: The epoch to stop after, counted from 1.
        epochs: Epochs that all its runs trained for.
        seeds: Runs that the values are means over.
        seconds: Train seconds up to the end of that epoch.
        accuracy: Best accuracy up to then.
        test_accuracy: Test accuracy at each run's best epoch up to then.
        fresh: Whether the runs confirm it: none of them helped to choose it.
    """

    trial: int
    recipe_id: str
    label: str
    epoch: int
    epochs: int
    seeds: int
    seconds: float
    accuracy: float
    test_accuracy: float
    fresh: bool = False

    @classmethod
    def after(cls, runs: Replicates, epoch: int) -> Reached:
        """Read what a recipe reached after an epoch."""
        recipe, at = runs.first.recipe, epoch - 1
        return cls(
            trial=runs.first.number,
            recipe_id=recipe.id,
            label=recipe.label,
            epoch=epoch,
            epochs=len(runs.seconds),
            seeds=int(runs.seeds_E[at]),
            seconds=float(runs.seconds[at]),
            accuracy=float(runs.accuracies[at]),
            test_accuracy=float(runs.test_accuracies[at]),
            fresh=bool(runs.fresh_E[at]),
        )

    def __str__(self) -> str:
        accuracy, seconds = value_text(self.accuracy, "share"), value_text(self.seconds, "s")
        return f"{accuracy} after {seconds} in epoch {self.epoch}"


@dataclass(frozen=True)
class Answer:
    """The least train seconds in which a recipe reaches the baseline's best accuracy; prints as a sentence.

    Attributes:
        baseline: The baseline where it first reaches its own best accuracy; None while no run of it is complete.
        fastest: The recipe that reaches this accuracy in the least time, if that is less than the baseline's.
        missing: What there is to say instead while there is no such recipe; else empty.
        caveats: What to keep in mind, a sentence each.
        interval: Between which limits the share lies, as far as judged.

    >>> import dse
    >>> answer = dse.load_study("results/mnist-dimensions").answer
    >>> f"{answer.share:.2f}", answer.fastest.epoch, answer.baseline.epoch
    ('0.06', 1, 10)
    """

    baseline: Reached | None
    fastest: Reached | None
    missing: str = ""
    caveats: tuple[str, ...] = ()
    interval: ShareInterval | None = None

    @property
    def share(self) -> float | None:
        """Seconds of the fastest recipe as a share of the baseline's; None if there is none."""
        if self.baseline is None or self.fastest is None:
            return None
        return self.fastest.seconds / self.baseline.seconds

    def __str__(self) -> str:
        if self.baseline is None or self.fastest is None:
            return self.missing
        limits = "" if self.interval is None else f" ({self.interval})"
        return (
            f"The same accuracy in {self.share:.2f}{limits} of the time: {self.fastest.label} reaches {self.fastest}, "
            f"the baseline its best, {self.baseline}."
        )

    def _repr_html_(self) -> str:
        """Show the answer in a notebook, with its caveats."""
        caveats = "".join(f"<li>{escape(caveat)}</li>" for caveat in self.caveats)
        return f"<p><b>{escape(str(self))}</b></p>" + (f"<ul>{caveats}</ul>" if caveats else "")

    def as_dict(self) -> dict[str, Any]:
        """Give the answer as JSON holds it, its sentence included."""
        return {"sentence": str(self), "share": self.share} | dataclasses.asdict(self)


def complete_runs(trials: Iterable[Trial], recipe_id: str) -> Replicates | None:
    """Put the complete trials of one recipe together; None if there is none."""
    found = by_recipe(trial for trial in trials if trial.complete and trial.recipe.id == recipe_id)
    return found.get(recipe_id)


def find_answer(
    recipes: Mapping[str, Replicates],
    baseline: Replicates | None,
    *,
    images: int | None = None,
    protocol: str = Protocol.HOLDOUT,
    workers: int = 1,
    clock: Timing = Timing.MEASURED,
    noise_floor: float | None = None,
) -> Answer:
    """Find the recipe that reaches the baseline's best accuracy in the least train seconds.

    Accuracies and seconds are means over each recipe's seeds, and accuracies the best so far. What the baseline begins,
    or what begins it, is the baseline itself.

    Args:
        recipes: Every recipe's runs, by its id.
        baseline: The complete runs of the baseline.
        images: Images that the accuracies are measured on, if known.
        protocol: Which images choose.
        workers: How many runs were trained at once, at most.
        clock: What the seconds are measured by.
        noise_floor: Share by which calibrated seconds must differ to mean anything, if known.
    """
    if baseline is None:
        return Answer(None, None, _no_baseline(recipes))
    reference = Reached.after(baseline, _best_epoch(baseline))
    others = [runs for runs in recipes.values() if reference.recipe_id not in runs.recipes]
    reaching = [
        (runs, epoch) for runs in others if (epoch := runs.epoch_reaching(reference.accuracy)) is not None
    ]
    runs, epoch = min(reaching, key=lambda each: _soonest(*each), default=(baseline, reference.epoch))
    faster = float(runs.seconds[epoch - 1]) < reference.seconds
    fastest = Reached.after(runs, epoch) if faster else None
    missing = "" if faster else _nobody(reference, others=len(others), reaching=len(reaching))
    caveats = (
        *caveats_of_clock(clock, workers, noise_floor),
        *_caveats(reference, images, protocol),
        *_caveats_of(fastest, reference, len(recipes), protocol),
    )
    return Answer(reference, fastest, missing, caveats)


def _soonest(runs: Replicates, epoch: int) -> tuple[float, float, int]:
    """Order what reaches an accuracy as ``dse pick`` does: recipes of the same steps have equal calibrated seconds."""
    return float(runs.seconds[epoch - 1]), -round(float(runs.accuracies[epoch - 1]), 9), runs.first.number


def caveats_of_clock(clock: Timing, workers: int, noise_floor: float | None = None) -> list[str]:
    """Say what seconds are worth: calibrated ones, or those that were measured beside other runs."""
    if clock is Timing.CALIBRATED:
        said = (
            "" if noise_floor is None else f"; differences below {100 * noise_floor:.1f} % are within noise"
        )
        return [f"Seconds are calibrated: what a run's steps take by themselves{said}."]
    if workers == 1:
        return []
    return [
        f"Up to {workers} runs are trained at once, and runs that share a machine hold each other up: their seconds "
        "compare less well than those of one run after the other. Train what matters again with one worker, or have "
        "the study timed by calibrated seconds (--timing calibrated)."
    ]


def _best_epoch(runs: Replicates) -> int:
    epoch = runs.epoch_reaching(float(runs.accuracies[-1]))
    assert epoch is not None  # the last epoch reaches its own accuracy
    return epoch


def _no_baseline(recipes: Mapping[str, Replicates]) -> str:
    if not recipes:
        return "No answer yet: no epoch of any trial is trained."
    return "No answer yet: no trial of the baseline is complete, and every recipe is compared with it."


def _nobody(baseline: Reached, *, others: int, reaching: int) -> str:
    best = f"the baseline's best accuracy ({baseline})"
    if not others:
        return f"Only the baseline is trained so far, so nothing is compared with {best}."
    return f"No other recipe reaches {best}" + (" in less time." if reaching else ".")


def _caveats(baseline: Reached, images: int | None, protocol: str) -> list[str]:
    said = []
    if baseline.epoch == baseline.epochs:
        said.append(
            f"The baseline's best epoch is its last ({baseline.epoch} of {baseline.epochs}): it may still have been "
            "rising. Train it longer."
        )
    if images is None:
        said.append(
            "How many images the accuracies were measured on is not recorded, so their noise is unknown."
        )
    else:
        error = 100 * standard_error(baseline.accuracy, images)
        said.append(
            f"An accuracy of {value_text(baseline.accuracy, 'share')} on {images:,} images has a standard error of "
            f"{error:.2f} points; smaller differences are within noise."
        )
    if protocol == Protocol.PAPER:
        said.append("The test set chose each best epoch (protocol paper), so accuracies are optimistic.")
    return said


def _caveats_of(fastest: Reached | None, baseline: Reached, recipes: int, protocol: str) -> list[str]:
    if fastest is None:
        return []
    single = fastest.seeds == baseline.seeds == 1
    said = [
        "Recipe and baseline were trained with a single seed each; another seed gives another curve."
        if single
        else f"Means over {count_text(fastest.seeds, 'seed')} of the recipe and "
        f"{count_text(baseline.seeds, 'seed')} of the baseline."
    ]
    if protocol != Protocol.PAPER:
        said.append(
            f"It was picked from {count_text(recipes, 'recipe')} by validation accuracy"
            f"{', and is judged by fresh seeds' if fastest.fresh else ''}; on the test set, which chose nothing, it "
            f"has {value_text(fastest.test_accuracy, 'share')}, the baseline "
            f"{value_text(baseline.test_accuracy, 'share')}."
        )
    return said
