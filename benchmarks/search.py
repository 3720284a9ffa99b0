"""Compare search strategies on recorded tables: dse, Optuna's samplers, the paper's flow, MO-ASHA of Syne Tune.

    python3 -m venv /tmp/syne && /tmp/syne/bin/pip install syne-tune
    python benchmarks/search.py --syne-tune /tmp/syne/bin/python --out results/search

Every strategy may spend what one run of every recipe takes, and is judged as `dse replay` judges. Writes search.json,
search.md and, for each table, the files of `dse replay`. docs/search.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import dse
from dse.replay.compare import Setting, compare_strategies, searches_frame, summary
from dse.replay.score import score, share_at
from dse.replay.simulate import Replay
from dse.replay.strategies import Strategy, parse_strategies
from dse.replay.table import RecordedTable, record_table

ROOT = Path(__file__).resolve().parents[1]
TABLES = [ROOT / "results" / "digits-table", ROOT / "results" / "mnist-table"]
OURS = ["dse", "expected_gain"]
# Those that run every trial to its end; the best of them is what dse is measured by.
WHOLE_RUNS = ["grid", "random", "tpe", "nsga2", "optuna-default", "three-step"]
RESAMPLES = 2_000
FIGURES = ("seconds_to_90", "seconds_to_95", "seconds_to_99")


def mo_asha(table: RecordedTable, python: Path, repeats: int, processes: int) -> list[Replay]:
    """Let the real library search the table, in its own environment."""
    runs = [
        [[[second, 1 - accuracy] for second, accuracy in zip(run[-1].seconds, run[-1].accuracies, strict=True)]
         for run in seeds]
        for seeds in table.runs
    ]  # fmt: skip
    script = Path(__file__).with_name("search_mo_asha.py")

    def run_part(seeds: list[int]) -> list[list[list[int]]]:
        task = json.dumps({"runs": runs, "budget_seconds": table.seconds, "seeds": seeds})
        done = subprocess.run(
            [str(python), str(script)], input=task, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(
                f"{python} {script} failed:\n{done.stderr}\nIt needs syne-tune: {python} -m pip install syne-tune"
            )
        found: list[list[list[int]]] = json.loads(done.stdout)
        return found

    parts = [part.tolist() for part in np.array_split(np.arange(repeats), processes)]
    with ThreadPoolExecutor(processes) as pool:
        return [_replay(table, trials) for part in pool.map(run_part, parts) for trials in part]


def _replay(table: RecordedTable, trials: list[list[int]]) -> Replay:
    events: list[tuple[int, int, float]] = []
    clock = 0.0
    for row, which, epochs in trials:
        seconds = table.runs[row][which][-1].seconds[:epochs]
        events += [(row, epoch, clock + second) for epoch, second in enumerate(seconds, 1)]
        clock += seconds[-1]
    rows, numbers, ends = (np.array(column) for column in zip(*events, strict=True))
    inside = ends <= table.seconds
    return Replay(rows[inside], numbers[inside], ends[inside])


def ratio_of_medians(ours: pd.Series, theirs: pd.Series) -> dict[str, float]:
    """Give the ratio of two medians with a 95 % interval: both resampled, one by one."""
    rng = np.random.default_rng(0)

    def medians(values: np.ndarray) -> np.ndarray:
        drawn = values[rng.integers(len(values), size=(RESAMPLES, len(values)))]
        return np.asarray(np.quantile(drawn, 0.5, axis=1, method="inverted_cdf"))

    a, b = (each.to_numpy(dtype=float) for each in (ours, theirs))
    ratios = medians(a) / medians(b)
    middle = np.quantile(a, 0.5, method="inverted_cdf") / np.quantile(b, 0.5, method="inverted_cdf")
    low, high = np.nanquantile(ratios, [0.025, 0.975], method="inverted_cdf")
    return {"ratio": float(middle), "low": float(low), "high": float(high)}


def measure(folder: Path, repeats: int, python: Path | None, processes: int, out: Path) -> dict[str, Any]:
    """Compare the strategies on one table."""
    from dse.report.figures.replay import write_comparison

    table = record_table(dse.load_study(folder))
    # Stopping is shown with each of them, to tell what it is worth by itself.
    strategies = [*parse_strategies(OURS, ["none"]), *parse_strategies(WHOLE_RUNS, ["none", "dominated"])]

    def say(strategy: Strategy) -> None:
        print(f"{folder.name}: {strategy.name}", flush=True)

    found = compare_strategies(table, strategies, Setting(repeats=repeats, processes=processes), say)
    searches, growth = found.searches, found.growth
    if python is not None:
        replays = mo_asha(table, python, repeats, processes)
        searches = pd.concat([searches, searches_frame("mo-asha", [score(table, each) for each in replays])])
        instants = growth["seconds"].unique()
        shares = np.array([share_at(table, each, instants) for each in replays])
        low, middle, high = np.quantile(shares, [0.05, 0.5, 0.95], axis=0, method="inverted_cdf")
        columns = {"hypervolume_share": middle, "hypervolume_share_p05": low, "hypervolume_share_p95": high}
        growth = pd.concat([growth, pd.DataFrame({"name": "mo-asha", "seconds": instants, **columns})])
    all_of_them = dataclasses.replace(found, strategies=summary(searches), growth=growth, searches=searches)
    write_comparison(all_of_them, out / folder.name)
    return judge(table, searches)


def judge(table: RecordedTable, searches: pd.DataFrame) -> dict[str, Any]:
    """Summarise the searches of one table, and compare dse with the best that runs every trial to its end."""
    strategies = summary(searches)
    medians = strategies.set_index("name")
    by_name = dict(list(searches.groupby("name")))
    against = {}
    for figure in FIGURES:
        best = str(medians.loc[WHOLE_RUNS, figure].astype(float).idxmin())
        against[figure] = {"best": best, **ratio_of_medians(by_name["dse"][figure], by_name[best][figure])}
    alone = medians.loc["grid+dominated"]
    return {
        "table": table.name,
        "recipes": len(table.candidates),
        "seconds": table.seconds,
        "strategies": strategies.to_dict("records"),
        "dse_over_best_whole": against,
        "stopping_alone": {
            "saved": 1 - float(alone["seconds_spent"]) / table.seconds,
            "lost": 1 - float(alone["final_hypervolume_share"]),
            "lost_p95": 1 - float(alone["final_hypervolume_share_p05"]),
        },
    }


def markdown(result: dict[str, Any]) -> str:
    """Write one table's figures; times as shares of what one run of every recipe takes."""

    def share(value: float, digits: int = 1) -> str:
        return f"{100 * value / result['seconds']:.{digits}f}" if np.isfinite(value) else "never"

    lines = [
        f"### {result['table']}: {result['recipes']} recipes",
        "",
        "| strategy | to 90 % | to 95 % | to 99 % | share at the end | spent | front points lost |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["strategies"]:
        cells = [f"{share(row[f])} ({share(row[f + '_p05'])} to {share(row[f + '_p95'])})" for f in FIGURES]
        end = " to ".join(f"{100 * row['final_hypervolume_share' + q]:.1f}" for q in ("_p05", "_p95"))
        cells.append(f"{100 * row['final_hypervolume_share']:.1f} ({end})")
        cells += [share(row["seconds_spent"], 0), f"{row['front_points_lost']:.0f}"]
        lines.append(f"| `{row['name']}` | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| `dse` over the best that runs every trial to its end | ratio (95 % interval) |",
        "|---|---|",
    ]
    for figure, said in result["dse_over_best_whole"].items():
        lines.append(
            f"| {figure.replace('_', ' ')} %, against `{said['best']}` | "
            f"{said['ratio']:.2f} ({said['low']:.2f} to {said['high']:.2f}) |"
        )
    alone = result["stopping_alone"]
    lines += [
        "",
        f"Stopping alone (`grid+dominated`): {100 * alone['saved']:.0f} % of the seconds saved, "
        f"{100 * alone['lost']:.1f} % of the volume lost (95th percentile {100 * alone['lost_p95']:.1f} %).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=Path, nargs="+", default=TABLES, help="folders of recorded studies")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--syne-tune", type=Path, help="a Python that has syne-tune; MO-ASHA is left out without one"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "search")
    chosen = parser.parse_args()
    results = [
        measure(folder, chosen.repeats, chosen.syne_tune, chosen.processes, chosen.out)
        for folder in chosen.tables
    ]
    versions = {package: version(package) for package in ("numpy", "optuna", "moocore")}
    content = {"repeats": chosen.repeats, "versions": versions, "results": results}
    (chosen.out / "search.json").write_text(json.dumps(content, indent=1) + "\n")
    (chosen.out / "search.md").write_text("\n".join(markdown(result) for result in results))
    print((chosen.out / "search.md").read_text())
