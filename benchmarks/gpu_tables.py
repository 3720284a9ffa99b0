"""The results of ``gpu.py`` as Markdown: tables of medians with their spread and number."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from gpu_kernels import kind_of, short_name

Measured = dict[str, Any]
Row = tuple[str, ...]

CORNER = ("sharing", "batch", "precision")
ROWS_OF_A_PROFILE = 20


def markdown(sections: Sequence[Measured]) -> str:
    """Write all sections, the newest first."""
    parts = ["# Measured by benchmarks/gpu.py", "Median (lowest to highest), with the number n it is over."]
    for section in reversed(sections):
        parts += _section(section)
    return "\n\n".join(parts) + "\n"


def _section(section: Measured) -> list[str]:
    machine, pieces = section["machine"], list(section["pieces"].values())
    name = machine["commit"] or machine["code"]
    parts = [f"## {machine['device']}, {name}", _table(("what", "value"), _facts(machine))]
    tables: dict[str, Callable[[list[Measured]], str]] = {
        "smoke": _smoke,
        "profile": _profiles,
        "alternatives": _alternatives,
        "bench": _bench,
        "epoch": _epochs,
        "target": _targets,
        "accuracy": _accuracies,
        "tests": _tests,
    }
    titles = {
        "smoke": "Twins: how far the losses lie from the reference's",
        "profile": "Kernels of a step",
        "alternatives": "Ways to run a step, in turns: speed over fast",
        "bench": "Training images/s, in turns",
        "epoch": "Train seconds of an epoch",
        "target": "Train seconds to the target",
        "accuracy": "Test accuracy of whole runs",
        "tests": "Tests that need a GPU",
    }
    for part, table in tables.items():
        found = [piece for piece in pieces if piece["part"] == part and piece["measured"]]
        if found:
            parts += [f"### {titles[part]}", table(found)]
    if troubles := [piece for piece in pieces if piece["status"] != "done"]:
        rows = [(_name(piece), piece["status"], _last_line(piece["message"])) for piece in troubles]
        parts += ["### Failed or cut short", _table(("piece", "status", "message"), rows)]
    return parts


def _facts(machine: Measured) -> list[Row]:
    facts = {name: value for name, value in machine.items() if name != "versions" and value is not None}
    facts |= {name: value for name, value in machine["versions"].items() if value is not None}
    return [(name, str(value)) for name, value in facts.items()]


def _tests(pieces: list[Measured]) -> str:
    counts = pieces[0]["measured"]["counts"]
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _smoke(pieces: list[Measured]) -> str:
    rows = [
        (
            *_corner(piece),
            name,
            f"{found['difference']:.1e}",
            f"{piece['measured']['tolerance']:.0e}",
            f"{found['setup_seconds']:.1f}",
        )
        for piece in pieces
        for name, found in piece["measured"]["engines"].items()
    ]
    return _table((*CORNER, "engine", "apart", "allowed", "setup s"), rows)


def _profiles(pieces: list[Measured]) -> str:
    head = (*CORNER, "us a step", "us busy", "% idle", "kernels", "peak GiB")
    summary, parts = [], []
    for piece in pieces:
        measured, corner = piece["measured"], _corner(piece)
        step, busy = measured["step_microseconds"], measured["busy_microseconds"]
        idle = 100 * max(0.0, 1 - busy / step)
        cells = f"{step:.0f}", f"{busy:.0f}", f"{idle:.0f}", f"{measured['kernels']:.0f}", _memory(measured)
        summary.append((*corner, *cells))
        parts += [f"#### {', '.join(corner)}", _kinds(measured["rows"], busy)]
        shown = [
            (f"`{short_name(row['name'])}`", *_figures([row], busy))
            for row in measured["rows"][:ROWS_OF_A_PROFILE]
        ]
        parts.append(_table(("kernel", "a step", "us a step", "% of busy"), shown))
    return "\n\n".join([_table(head, summary), *parts])


def _kinds(rows: list[Measured], busy: float) -> str:
    """Add kernels up by what they are for, the longest first."""
    found: dict[str, list[Measured]] = {}
    for row in sorted(rows, key=lambda row: -row["microseconds"]):
        found.setdefault(kind_of(row["name"]), []).append(row)
    kinds = sorted(found, key=lambda kind: -sum(row["microseconds"] for row in found[kind]))
    head = ("what for", "a step", "us a step", "% of busy")
    return _table(head, [(kind, *_figures(found[kind], busy)) for kind in kinds])


def _figures(rows: list[Measured], busy: float) -> Row:
    calls, taken = (sum(row[name] for row in rows) for name in ("calls", "microseconds"))
    return f"{calls:.1f}", f"{taken:.1f}", f"{100 * taken / busy:.1f}"


def _alternatives(pieces: list[Measured]) -> str:
    rows, winners = [], []
    for piece in pieces:
        measured = piece["measured"]
        winners.append((*_corner(piece), _faster(measured["speed_over_fast"])))
        for name, speed in measured["speed_over_fast"].items():
            times, engine = measured["microseconds"][name], measured["engines"][name]
            rows.append(
                (
                    *_corner(piece),
                    name,
                    f"{speed['median']:.2f} ({speed['low']:.2f} to {speed['high']:.2f})",
                    f"{times['median']:.0f} ({times['low']:.0f} to {times['high']:.0f})",
                    f"{engine['setup_seconds']:.1f}",
                    _memory(engine),
                    str(measured["repeats"]),
                )
            )
        rows += [
            (*_corner(piece), name, "failed", _last_line(why), "-", "-", "-")
            for name, why in measured["failures"].items()
        ]
    every = _table((*CORNER, "way", "speed", "us a step", "setup s", "peak GiB", "n"), rows)
    return "\n\n".join([_table((*CORNER, "faster than fast in every turn"), winners), every])


def _faster(speeds: dict[str, Measured]) -> str:
    """Name the ways that were faster in each turn, the fastest first."""
    found = sorted(
        (name for name in speeds if speeds[name]["low"] > 1), key=lambda name: -speeds[name]["median"]
    )
    return ", ".join(f"{name} {speeds[name]['median']:.2f}" for name in found) or "none"


def _bench(pieces: list[Measured]) -> str:
    rates = ("reference", "fast", "peer", "peer_without_loader", "limit")
    ratios = ("fast_over_reference", "fast_over_peer", "fast_over_peer_without_loader", "fast_over_limit")
    rows = []
    for piece in pieces:
        measured, spread = piece["measured"], piece["measured"]["spread"]
        cells = [
            f"{measured[name]:.{digits}f} ({spread[name][0]:.{digits}f} to {spread[name][1]:.{digits}f})"
            if name in spread
            else "-"
            for names, digits in ((rates, 0), (ratios, 2))
            for name in names
        ]
        fast = measured["engine"].get("fast")
        name, setup = (fast["name"], f"{fast['setup_seconds']:.1f}") if fast else ("failed", "-")
        fast = fast or {}
        rows.append((*_corner(piece), *cells, name, setup, _memory(fast), str(measured["repeats"])))
    head = ("sharing", "batch", "precision", *rates, *ratios, "engine", "setup s", "peak GiB", "n")
    return _table(tuple(name.replace("_", " ") for name in head), rows)


def _epochs(pieces: list[Measured]) -> str:
    rows = []
    for piece in pieces:
        measured = piece["measured"]
        share = measured["images_measured"] / len(measured["epoch_seconds"]) / measured["images_of_an_epoch"]
        rows.append(
            (
                *_corner(piece),
                _spread(measured["epoch_seconds"], 2),
                f"extrapolated from {100 * share:.1f} % of an epoch"
                if measured["extrapolated"]
                else "whole epochs",
                measured["engine"],
                f"{measured['setup_seconds']:.1f}",
                _memory(measured),
                str(len(measured["epoch_seconds"])),
            )
        )
    return _table(
        ("sharing", "batch", "precision", "s/epoch", "measured", "engine", "setup s", "peak GiB", "n"), rows
    )


def _targets(pieces: list[Measured]) -> str:
    rows = []
    for (recipe, precision), runs in _grouped(pieces):
        reached = [run["measured"] for run in runs if run["measured"]["outcome"] == "target reached"]
        ends = [run["curve"][-1] for run in reached]
        rows.append(
            (
                recipe,
                precision,
                f"{len(reached)} of {len(runs)}",
                str(sum(run["status"] == "partial" for run in runs)),
                _spread([row["train_seconds"] for row in ends], 1),
                _spread([row["epoch"] for row in ends], 0),
                _spread([100 * best for best in _bests(runs)], 2),
                _spread([run["measured"]["setup_seconds"] for run in runs], 1),
                _memory(runs[0]["measured"]),
            )
        )
    head = (
        "recipe",
        "precision",
        "reached",
        "cut short",
        "train s",
        "epoch",
        "best % so far",
        "setup s",
        "peak GiB",
    )
    target = pieces[0]["parameters"]["target"]
    return f"Target: {100 * target:.2f} % of the test images.\n\n" + _table(head, rows)


def _accuracies(pieces: list[Measured]) -> str:
    rows = []
    for (recipe, precision), runs in _grouped(pieces):
        complete = [
            run for run in runs if run["status"] == "done" and run["measured"]["outcome"] == "complete"
        ]
        last = [run["measured"]["curve"][-1] for run in complete]
        rows.append(
            (
                recipe,
                precision,
                f"{len(complete)} of {len(runs)}",
                _spread([100 * best for best in _bests(complete)], 2),
                _spread([100 * row["test_accuracy"] for row in last], 2),
                _spread([row["train_seconds"] for row in last], 1),
                _memory(runs[0]["measured"]),
            )
        )
    return _table(("recipe", "precision", "complete", "best %", "last %", "train s", "peak GiB"), rows)


def _bests(runs: list[Measured]) -> list[float]:
    curves = [run["measured"]["curve"] for run in runs]
    return [max(row["test_accuracy"] for row in curve) for curve in curves if curve]


def _grouped(pieces: list[Measured]) -> list[tuple[tuple[str, str], list[Measured]]]:
    groups: dict[tuple[str, str], list[Measured]] = {}
    for piece in pieces:
        parameters = piece["parameters"]
        groups.setdefault((parameters["recipe"], parameters["precision"]), []).append(piece)
    return list(groups.items())


def _corner(piece: Measured) -> Row:
    return tuple(str(piece["parameters"][name]) for name in ("sharing", "batch_size", "precision"))


def _name(piece: Measured) -> str:
    return " ".join([piece["part"], *(f"{name}={value}" for name, value in piece["parameters"].items())])


def _memory(measured: Measured) -> str:
    if "peak_allocated_bytes" not in measured:
        return "-"
    allocated, reserved = measured["peak_allocated_bytes"] / 2**30, measured["peak_reserved_bytes"] / 2**30
    return f"{allocated:.2f} ({reserved:.2f} reserved)"


def _spread(values: Sequence[float], digits: int) -> str:
    """Write median, lowest and highest.

    >>> _spread([3.0, 1.0, 2.0], 1)
    '2.0 (1.0 to 3.0)'
    >>> _spread([], 1)
    '-'
    """
    if not values:
        return "-"
    median, low, high = statistics.median(values), min(values), max(values)
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _last_line(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[-1].replace("|", "\\|") if lines else ""


def _table(head: Row, rows: Sequence[Row]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows))
