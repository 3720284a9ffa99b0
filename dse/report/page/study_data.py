"""A study as the page's script reads it: every recipe's curve, content and runs, and what its figures start with."""

from __future__ import annotations

import json
import shlex
from typing import Any

import numpy as np
import pandas as pd

from dse.evidence.reproduction import scaled_rows
from dse.recipe.recipe import Recipe
from dse.record.clock import clock_of
from dse.record.objectives import OBJECTIVES
from dse.record.tables import StudyTables
from dse.report.dimensions import dimension_title
from dse.report.encoding import Encoding, looks
from dse.report.figure_data import CurveData, FrontData
from dse.report.page.packing import coded, coded_contents, coded_labels, packed
from dse.report.ranks import recipe_ranks
from dse.report.recipes import recipe_rows
from dse.report.span import Span
from dse.report.wording import PAPER, accuracy_title, axis_title, chosen_on, is_share, value_text
from dse.search.volume import objective_corner
from dse.units import words

AXES = ("train_seconds", "accuracy", "parameters", "train_flops")
BYTE = 255


def study_data(
    tables: StudyTables, encoding: Encoding, front: FrontData, curves: CurveData
) -> dict[str, Any]:
    """Collect what the page's script draws, chooses from and shows on a recipe's card.

    Recipes without a trained epoch are left out: they have no place in a figure. Numbers of curves are of single
    precision, packed one recipe after the other in the order of ``recipes``.
    """
    points = tables.points
    firsts = points.drop_duplicates("recipe_id")
    lengths = points.groupby("recipe_id", sort=False).size().to_numpy()
    places = {str(name): place for place, name in enumerate(firsts["recipe_id"])}
    several = points[points["seeds"] > 1]
    content = coded_contents(_contents(tables, places))
    ranks = recipe_ranks(tables).reindex(list(places))
    axes = dict.fromkeys((*AXES, *(() if tables.front_of_curves else tables.objectives)))
    return {
        "name": tables.name,
        "paper": tables.protocol == PAPER,
        "images": chosen_on(tables.protocol),
        "ofCurves": tables.front_of_curves,
        "axes": {name: _axis(name, tables) for name in axes},
        "plane": [front.x, front.y],
        "spans": {"front": _span(front.span), "curves": _span(curves.span)},
        "answer": _answer(tables, places),
        "train": _train_options(tables),
        "recipes": {
            "trial": firsts["trial"].tolist(),
            "label": coded_labels(firsts["label"]),
            "look": coded(_looks(firsts, encoding)),
            "seeds": firsts["seeds"].tolist(),
            "epochs": lengths.tolist(),
            "parameters": _numbers(firsts["parameters"]),
            "epochFlops": _numbers(points.groupby("recipe_id", sort=False)["train_flops"].first()),
            "rank": [None if pd.isna(rank) else int(rank) for rank in ranks],
            "content": content,
        },
        "dimensions": _dimensions(content),
        "baseline": _baseline(tables, places),
        "corner": _corner(tables),
        "front": _front(tables, places),
        "band": {name: front.band[name].tolist() for name in front.band} if len(front.band) else None,
        "published": _published(tables),
        "judged": _judged(tables),
        "curves": {
            "seconds": packed(points["train_seconds"], "f4"),
            "accuracy": packed(points["final_accuracy"], "f4"),
            "test": packed((points["test_accuracy"].fillna(0) * 65535).round(), "u2"),
            # Of one seed the best so far follows from its accuracies, and nothing spreads.
            "best": packed(several["accuracy"], "f4"),
            "secondsSd": packed(several["train_seconds_sd"], "f4"),
            "accuracySd": packed(several["accuracy_sd"], "f4"),
        },
        "whole": {} if tables.front_of_curves else _whole_runs(tables, places),
        "plans": _plans(tables, points),
        "runs": _runs(tables, places),
    }


def _axis(name: str, tables: StudyTables) -> dict[str, Any]:
    objective = OBJECTIVES[name]
    clock = clock_of(tables.environment)
    title = accuracy_title(name, tables.protocol) if is_share(name) else axis_title(name, clock)
    return {"title": title, "words": words(name), "unit": objective.unit, "maximise": objective.maximise}


def _span(span: Span) -> list[float]:
    return [span.low, span.high]


def _looks(firsts: pd.DataFrame, encoding: Encoding) -> list[tuple[str, str]]:
    look = looks(firsts, encoding)
    shapes = [
        shape if filled else f"{shape}-open"
        for shape, filled in zip(look["shape"], look["filled"], strict=True)
    ]
    return list(zip(look["colour"], shapes, strict=True))


def _numbers(values: pd.Series) -> list[float | None]:
    return [
        None if pd.isna(value) else float(f"{value:.6g}") if value % 1 else int(value) for value in values
    ]


def _contents(tables: StudyTables, places: dict[str, int]) -> list[dict[str, Any]]:
    texts = tables.trials.drop_duplicates("recipe_id").set_index("recipe_id")["recipe"]
    return [json.loads(text) for text in texts.loc[list(places)]]


def _dimensions(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name what recipes differ in and where in the content it stands, in the order of a recipe's keys.

    Of what tells the same recipes apart the first is named, and nothing is that only some kinds have and all alike.
    """
    order = list(Recipe.model_fields)
    told: dict[tuple[int, ...], dict[str, Any]] = {}
    columns = sorted(enumerate(content), key=lambda each: order.index(each[1]["path"][0]))
    for place, column in columns:
        if len(column["values"]) > 1:
            name, *inner = column["path"]
            title = dimension_title(name, ".".join(inner))
            told.setdefault(_partition(column["of"]), {"title": title, "column": place})
    return list(told.values())


def _partition(of: list[int]) -> tuple[int, ...]:
    """Number places by their first appearance, so that what tells the same recipes apart is equal."""
    return tuple(pd.factorize(np.asarray(of))[0].tolist())


def _published(tables: StudyTables) -> dict[str, Any] | None:
    """Give the paper's rows as shares of its baseline's seconds and gains over its accuracy."""
    scaled = scaled_rows(tables)
    if scaled is None or not tables.front_of_curves:
        return None
    baseline = scaled.published["baseline"]
    rows = {words(row): each.beside(baseline) for row, each in scaled.published.items() if row != "baseline"}
    return {"rows": rows, "scale": scaled.scale}


def _front(tables: StudyTables, places: dict[str, int]) -> list[list[int]]:
    """Give place of recipe and epoch, 0 for a whole run, of each point of the front."""
    recipes = [places[recipe_id] for recipe_id in tables.front["recipe_id"]]
    epochs = (
        tables.front["epoch"].fillna(0).astype(int) if tables.front_of_curves else np.zeros(len(recipes), int)
    )
    return [[recipe, int(epoch)] for recipe, epoch in zip(recipes, epochs, strict=True)]


def _answer(tables: StudyTables, places: dict[str, int]) -> list[int] | None:
    fastest = tables.answer.fastest
    if fastest is None or not tables.front_of_curves:
        return None
    return [places[fastest.recipe_id], fastest.epoch]


def _judged(tables: StudyTables) -> list[str]:
    """Say how sure each point of the front is to be on it; empty where nothing is judged."""
    if tables.evidence is None:
        return []
    confidence = f"with a confidence of {100 * tables.evidence.confidence:g} %"
    found = []
    for row in tables.front.to_dict("records"):
        low, high = (value_text("accuracy", row[f"accuracy_{end}"]) for end in ("low", "high"))
        limits = f"; accuracy {low} to {high} {confidence}" if low and high else ""
        sure = f"{row['verdict']}, probability {row['p_front']:.2f}{limits}"
        found.append("" if pd.isna(row["p_front"]) else sure)
    return found


def _baseline(tables: StudyTables, places: dict[str, int]) -> dict[str, Any] | None:
    reached = tables.answer.baseline
    if reached is None:
        return None
    return {
        "recipe": places[tables.judged_as[reached.recipe_id]],
        "epoch": reached.epoch,
        "seconds": reached.seconds,
        "accuracy": reached.accuracy,
    }


def _corner(tables: StudyTables) -> list[float] | None:
    """Give seconds and accuracy beyond which a point counts as nothing, and the knee is not looked for."""
    reached = tables.answer.baseline
    if reached is None:
        return None
    return list(objective_corner([reached.seconds, reached.accuracy], ("train_seconds", "accuracy")))


def _train_options(tables: StudyTables) -> str:
    """Write the options of ``dse train`` that ask for the study's images and protocol."""
    section = tables.space.get("data")
    data = section if isinstance(section, dict) else {}
    given = [
        ("dataset", data.get("path") or data.get("name")),
        ("images", data.get("images")),
        ("test-share", data.get("test_share")),
        ("protocol", tables.protocol if tables.protocol == PAPER else None),
    ]
    return "".join(f" --{name} {shlex.quote(str(value))}" for name, value in given if value is not None)


def _whole_runs(tables: StudyTables, places: dict[str, int]) -> dict[str, list[float | None]]:
    rows = recipe_rows(tables).set_index("recipe_id").reindex(list(places))
    rows = rows.where(rows["complete"] > 0)
    names = dict.fromkeys((*AXES, *tables.objectives))
    spreads = [f"{name}_sd" for name in names if (rows[f"{name}_sd"] > 0).any()]
    return {name: _numbers(rows[name]) for name in (*names, *spreads)}


def _plans(tables: StudyTables, points: pd.DataFrame) -> dict[str, Any]:
    """Give batch sizes and rates of each epoch, the rates as shares of the recipe's highest."""
    columns = ["trial", "epoch", "batch_size", "first_rate", "last_rate"]
    rows = points[["recipe_id", "trial", "epoch"]].merge(
        tables.curves[columns], on=["trial", "epoch"], how="left"
    )
    rates = rows[["first_rate", "last_rate"]].to_numpy(dtype=float)
    highest = pd.Series(rates.max(axis=1)).groupby(rows["recipe_id"], sort=False).transform("max").to_numpy()
    shares = np.nan_to_num(rates / np.where(highest > 0, highest, 1.0)[:, None])
    peaks = pd.Series(highest).groupby(rows["recipe_id"], sort=False).first()
    sizes = rows["batch_size"].fillna(0).astype(int).groupby(rows["recipe_id"], sort=False)
    return {
        "batches": coded(tuple(each.tolist()) for _, each in sizes),
        "peak": [None if pd.isna(peak) else float(f"{peak:.4g}") for peak in peaks],
        "rates": packed((BYTE * shares).round().clip(0, BYTE), "u1"),
    }


def _runs(tables: StudyTables, places: dict[str, int]) -> dict[str, Any]:
    """Give every run with an epoch: of which recipe, and where it was best."""
    rows = tables.trials[
        tables.trials["recipe_id"].isin([*tables.judged_as]) & tables.trials["accuracy"].notna()
    ]
    return {
        "trial": rows["trial"].tolist(),
        "recipe": [places[tables.judged_as[recipe_id]] for recipe_id in rows["recipe_id"]],
        "seed": rows["seed"].tolist(),
        "state": coded(words(str(state)) for state in rows["state"]),
        "epoch": rows["best_epoch"].astype(int).tolist(),
        "seconds": packed(rows["seconds_to_best"].astype(float), "f4"),
        "accuracy": packed(rows["accuracy"].astype(float), "f4"),
    }
