"""How certain a picked point is: what its seeds, its images and its choice leave open."""

from __future__ import annotations

import math

from dse.data.datasets import Protocol
from dse.decision.point import Point
from dse.record.noise import choosing_images, standard_error
from dse.record.tables import StudyTables
from dse.units import count_text, points_text, value_text

# Differences of less than this many standard errors are not told apart.
CLEAR = 2.0


def certainty(
    tables: StudyTables,
    choice: Point,
    runner_up: Point | None,
    bound: float | None,
    max_seconds: float | None,
) -> tuple[str, ...]:
    """Say how certain a choice is, a sentence each.

    Args:
        tables: The study.
        choice: The point that was picked.
        runner_up: The best of another recipe, if there is one.
        bound: The accuracy that was asked for, if any.
        max_seconds: The seconds that were allowed, if they are limited.
    """
    images = choosing_images(tables.space, tables.protocol)
    return tuple(
        note
        for note in (
            _seeds(choice),
            _judged(tables, choice),
            _close_to_bound(choice, bound, images),
            _close_to_limit(choice, max_seconds),
            _close_to_runner_up(choice, runner_up, images),
            _optimism(tables, choice),
        )
        if note
    )


def error_of(point: Point, images: int | None) -> float | None:
    """Give the standard error of a point's accuracy, by its images and, as far as known, its seeds; None if unknown.

    All seeds are judged on the same images, so more of them do not make the images' part smaller.
    """
    if images is None:
        return None
    spread = 0.0 if point.accuracy_sd is None else point.accuracy_sd**2 / point.seeds
    return math.sqrt(standard_error(point.accuracy, images) ** 2 + spread)


def _seeds(choice: Point) -> str:
    if choice.accuracy_sd is None or choice.seconds_sd is None:
        return "It has one seed, so nothing is known of its spread; `dse confirm` trains again what decides."
    return (
        f"Means over {count_text(choice.seeds, 'seed')}, with standard deviations of {100 * choice.accuracy_sd:.2f} "
        f"points and {value_text(choice.seconds_sd, 's')}."
    )


def _judged(tables: StudyTables, choice: Point) -> str:
    """Say what the joint bootstrap over images, seeds and clock found of the point, where the study is judged by it."""
    evidence = tables.evidence
    if evidence is None or not len(evidence.points):
        return ""
    confidence = f"{100 * evidence.confidence:g} %"
    points = evidence.points
    found = points[(points["recipe_id"] == choice.recipe_id) & (points["epoch"] == choice.epoch)]
    if not len(found):
        return "It is not among the points that may be on the front of seconds and accuracy."
    row = found.iloc[0]
    said = (
        f"The probability that no other point beats it is {row['p_front']:.2f} ({row['verdict']}, at {confidence}); "
        f"its accuracy lies between {value_text(row['accuracy_low'], 'share')} and "
        f"{value_text(row['accuracy_high'], 'share')} with {confidence}."
    )
    fastest = tables.answer.fastest
    is_answer = fastest is not None and (fastest.recipe_id, fastest.epoch) == (choice.recipe_id, choice.epoch)
    if is_answer and tables.answer.interval is not None:
        said += f" Its share of the baseline's time is {tables.answer.share:.2f} ({tables.answer.interval})."
    return said


def _close_to_bound(choice: Point, bound: float | None, images: int | None) -> str:
    error = error_of(choice, images)
    if bound is None:
        return "" if error is None else f"Its accuracy has a standard error of {100 * error:.2f} points."
    margin = points_text(choice.accuracy - bound)
    if error is None:
        return f"It is {margin} from the limit; how many images that was measured on is not recorded."
    clear = "clear of" if choice.accuracy - bound >= CLEAR * error else "within"
    return f"It is {margin} from the limit, {clear} two standard errors (of {100 * error:.2f} points each)."


def _close_to_limit(choice: Point, max_seconds: float | None) -> str:
    if max_seconds is None or choice.seconds_sd is None:
        return ""
    if choice.seconds + CLEAR * choice.seconds_sd <= max_seconds:
        return ""
    spread = value_text(CLEAR * choice.seconds_sd, "s")
    return f"Its runs differ by {spread} (two standard deviations), so one of them may take longer than the limit."


def _close_to_runner_up(choice: Point, runner_up: Point | None, images: int | None) -> str:
    if runner_up is None:
        return ""
    of_choice, of_other = error_of(choice, images), error_of(runner_up, images)
    if of_choice is None or of_other is None:
        return ""
    difference, error = choice.accuracy - runner_up.accuracy, math.hypot(of_choice, of_other)
    told = "are told apart by" if abs(difference) >= CLEAR * error else "are not told apart by"
    return (
        f"It and the runner-up {told} their accuracies, which differ by {points_text(difference)} with a standard "
        f"error of {100 * error:.2f}."
    )


def _optimism(tables: StudyTables, choice: Point) -> str:
    recipes = count_text(tables.points["recipe_id"].nunique(), "recipe")
    if tables.protocol == Protocol.PAPER:
        return f"The test set chose it from {recipes} and chose each epoch, so its accuracy is optimistic."
    return (
        f"It was picked from {recipes} by validation accuracy, which is optimistic for whatever is picked; on the test "
        f"set, which chose nothing, it has {value_text(choice.test_accuracy, 'share')}."
    )
