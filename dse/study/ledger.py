"""What the trials of a study have come to, one after the other, and whether that is enough."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from dse.errors import TrialsFailedError
from dse.record.answer import complete_runs, find_answer
from dse.record.counted import CUT_OFF
from dse.record.courses import Courses
from dse.record.noise import choosing_images
from dse.record.run import Outcome
from dse.record.timing import Timing
from dse.record.trial import Trial
from dse.search.history import History
from dse.search.progress import Floats, Progress
from dse.space.search_space import SearchSpace
from dse.study.agenda import Agenda
from dse.study.sampling import next_seed
from dse.study.watcher import Standing

# A cause of the surroundings (a full disk, a missing library, a sick device) fails them all; recipes seldom do.
FAILURES_IN_A_ROW = 5
CURE = "Mend the cause, then resume with --retry-failed, which trains what failed again"


class Ledger:
    """Every trial that has ended.

    Args:
        space: What is explored.
        history: Knows the epochs of all trials.
        agenda: What is trained next, which learns from each trial; None where a sampler draws.
        redone: Numbers of the trials that others do again: they no longer count.

    Attributes:
        trials: All of them, in the order in which they ended.
        spent_seconds: Measured seconds of all of them, each epoch once.
        counted: How many count: neither interrupted nor done again by another.
    """

    def __init__(
        self, space: SearchSpace, history: History, agenda: Agenda | None, redone: frozenset[int]
    ) -> None:
        self._space = space
        self._history = history
        self._agenda = agenda
        self._redone = redone
        self._baseline_id = space.baseline_recipe.id
        self._images = choosing_images(space.dump(), space.protocol)
        self._recipes: dict[str, list[Trial]] = {}
        self._courses = Courses(space.objectives)
        # As many as are compared: that of a while ago, that of now, and those in between.
        self._fronts: deque[Floats] = deque(
            maxlen=0 if space.until_stable is None else space.until_stable + 1
        )
        self._failures = 0
        self.trials: list[Trial] = []
        self.spent_seconds = 0.0
        self.counted = 0

    def add_earlier(self, trials: Sequence[tuple[Trial, Progress]]) -> None:
        """Add the trials of earlier calls."""
        counting = [trial.number for trial, _ in trials if self._counts(trial)]
        # To look for the front after each of them would take as long as all the rest.
        compared = {*counting[max(0, len(counting) - (self._fronts.maxlen or 0)) :]}
        for trial, run in trials:
            self._history.record(run, trial.recipe.id, counts=trial.state not in CUT_OFF)
            self._add(trial, run)
            if trial.number in compared:
                self._fronts.append(self._history.front)
        self._courses.add(self.trials)

    def add(self, trial: Trial, run: Progress) -> None:
        """Add a trial whose epochs the history has seen."""
        self._history.record_end(run, trial.recipe.id, counts=trial.state not in CUT_OFF)
        self._add(trial, run)
        self._courses.add([trial])
        if self._counts(trial) and self._fronts.maxlen:
            self._fronts.append(self._history.front)
        if trial.state is not Outcome.INTERRUPTED:
            self._failures = self._failures + 1 if trial.state is Outcome.FAILED else 0

    def _counts(self, trial: Trial) -> bool:
        return trial.state is not Outcome.INTERRUPTED and trial.number not in self._redone

    def _add(self, trial: Trial, run: Progress) -> None:
        self.trials.append(trial)
        self.spent_seconds += trial.run.own_seconds
        self._recipes.setdefault(trial.recipe.id, []).append(trial)
        if trial.complete and trial.recipe.id == self._baseline_id:
            self._history.refer_to(run)
        if self._agenda is not None:
            self._agenda.ended(trial, run, counts=self._counts(trial))
        self.counted += self._counts(trial)

    def next_seed(self, recipe_id: str, at_work: list[Trial]) -> int:
        """Give the first seed that a recipe was not trained with, nor is."""
        return next_seed([*self._recipes.get(recipe_id, []), *at_work], self._space.seed)

    def is_stable(self) -> bool:
        """Tell whether the last trials raised the front's volume by too little to go on."""
        if self._space.until_stable is None or self.counted <= self._space.until_stable:
            return False
        before, now = (self._history.volume_of(self._fronts[at]) for at in (0, -1))
        return before is not None and now is not None and now - before <= self._space.stable_growth * now

    def check_failures(self, *, baseline_to_come: bool) -> None:
        """Refuse to spend more where trials fail for no reason of their own.

        Args:
            baseline_to_come: Whether a run of the baseline is queued or at work.

        Raises:
            TrialsFailedError: The last trials of this call all failed, or the baseline did with every seed.
        """
        if self._failures >= FAILURES_IN_A_ROW:
            raise TrialsFailedError(
                f"the last {self._failures} trials failed, the latest with: {self.trials[-1].run.reason}. {CURE}."
            )
        baselines = [
            trial
            for trial in self._recipes.get(self._baseline_id, [])
            if trial.number not in self._redone and trial.state is not Outcome.INTERRUPTED
        ]
        if baselines and not baseline_to_come and all(each.state is Outcome.FAILED for each in baselines):
            raise TrialsFailedError(
                f"the baseline failed, and every recipe is compared with it: {baselines[-1].run.reason}. {CURE}."
            )

    def standing(self, workers: int, clock: Timing) -> Standing:
        """Say where the study stands.

        Args:
            workers: How many runs are trained at once.
            clock: Of the study.
        """
        answer = find_answer(
            self._courses.recipes,
            complete_runs(self._recipes.get(self._baseline_id, []), self._baseline_id),
            images=self._images,
            protocol=self._space.protocol,
            workers=workers,
            clock=clock,
        )
        gain = None if self._agenda is None else self._agenda.remaining_gain()
        return Standing(self.counted, self.spent_seconds, gain, answer)
