"""Studies whose files are spoilt in any way are read, or refused in a sentence; what is read makes a report."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from dse.errors import InputError, RunError
from dse.record.tables import write_tables
from dse.report.figures.figures import make_figures
from dse.report.page.page import page_html
from dse.report.shown import Shown
from dse.study.load import front_recipes, load_study
from tests.fakes import make_space, realistic_study, run_study, small_study
from tests.fuzz.limits import check_door, fuzzed
from tests.fuzz.mutations import ODD_TEXTS, ODD_VALUES, spoilt_bytes, spoilt_tree

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("trials.csv", "curves.csv")
Files = dict[str, bytes]


def files_of(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# Fixtures are paths: of a failure Hypothesis prints every argument, and gives up where that is long.
@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Studies of every outcome, of several objectives, and one of real runs."""
    found = [ROOT / "results" / "per-type-start"]
    objectives = ["train_seconds", "final_accuracy"]
    for tables in (small_study(), realistic_study(8, objectives=objectives), realistic_study(6, target=0.9)):
        folder = tmp_path_factory.mktemp("published")
        write_tables(tables, folder)
        (folder / "space.yaml").write_text(make_space(objectives=list(tables.objectives)).to_yaml())
        found.append(folder)
    return found


@st.composite
def spoilt_table(draw: st.DrawFn, content: bytes) -> bytes:
    """Cells, rows and columns that are odd, gone, there twice, or in each other's place."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    for _ in range(draw(st.integers(1, 3))):
        row, other = (draw(st.integers(0, len(rows) - 1)) for _ in range(2))
        column, next_column = (draw(st.integers(0, len(rows[0]) - 1)) for _ in range(2))
        assume(all(len(each) == len(rows[0]) for each in rows))
        match draw(
            st.sampled_from(["cell", "cell", "cell", "copy", "row", "twice", "column", "recipe", "all"])
        ):
            case "cell":
                rows[row][column] = draw(st.sampled_from(ODD_TEXTS))
            case "copy":
                rows[row][column] = rows[other][next_column]
            case "row" if len(rows) > 2:
                del rows[row]
            case "twice":
                rows.append(list(rows[row]))
            case "column":
                for each in rows:
                    each[column], each[next_column] = each[next_column], each[column]
            case "recipe" if "recipe" in rows[0] and row > 0:
                at = rows[0].index("recipe")
                spoilt = draw(spoilt_tree(json.loads(rows[row][at] or "{}")))
                rows[row][at] = json.dumps(spoilt)
            case "all":
                value = draw(st.sampled_from(ODD_TEXTS))
                for each in rows[1:]:
                    each[column] = value
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode()


@st.composite
def spoilt_folder(draw: st.DrawFn, files: Mapping[str, bytes]) -> Files:
    spoilt = dict(files)
    name = draw(st.sampled_from([*TABLES, *TABLES, "environment.json", "space.yaml"]))
    content = spoilt[name]
    if name in TABLES and draw(st.booleans()):
        spoilt[name] = draw(spoilt_table(content))
    elif name == "environment.json" and draw(st.booleans()):
        spoilt[name] = json.dumps(draw(spoilt_tree(json.loads(content)))).encode()
    elif name == "space.yaml" and draw(st.booleans()):
        spoilt[name] = yaml.safe_dump(draw(spoilt_tree(yaml.safe_load(content)))).encode()
    else:
        spoilt[name] = draw(spoilt_bytes(content))
    return spoilt


def write_folder(folder: Path, files: Files) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@fuzzed()
@given(data=st.data())
def test_a_published_study(data: st.DataObject, published: list[Path], tmp_path_factory) -> None:
    files = data.draw(spoilt_folder(files_of(data.draw(st.sampled_from(published)))))
    folder = write_folder(tmp_path_factory.getbasetemp() / "spoilt", files)

    def read() -> None:
        front_recipes(load_study(folder))

    check_door(read, folder)


@fuzzed(one_in=10)
@given(data=st.data())
def test_the_report_of_a_published_study(
    data: st.DataObject, published: list[Path], tmp_path_factory
) -> None:
    files = data.draw(spoilt_folder(files_of(data.draw(st.sampled_from(published)))))
    folder = write_folder(tmp_path_factory.getbasetemp() / "reported", files)

    def read() -> None:
        tables = load_study(folder)
        write_tables(tables, tmp_path_factory.getbasetemp())
        page_html(Shown(tables), "").encode()
        for figure in make_figures(Shown(tables)).values():
            figure.savefig(io.BytesIO(), format="svg")

    check_door(read, folder)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    run_study(folder, make_space(), trials=5)
    with closing(sqlite3.connect(folder / "s" / "study.db")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return folder / "s" / "study.db"


@fuzzed()
@given(data=st.data())
def test_a_database(data: st.DataObject, database: Path, tmp_path_factory) -> None:
    folder = tmp_path_factory.getbasetemp() / "database"
    shutil.rmtree(folder, ignore_errors=True)
    if data.draw(st.booleans(), label="bytes"):
        write_folder(folder, {"study.db": data.draw(spoilt_bytes(database.read_bytes()))})
    else:
        write_folder(folder, {"study.db": database.read_bytes()})
        with closing(sqlite3.connect(folder / "study.db", isolation_level=None)) as connection:
            spoil_rows(data.draw, connection)
    check_door(lambda: front_recipes(load_study(folder)), folder / "study.db", (InputError, RunError))


TABLES_OF_OPTUNA = ("studies", "study_directions", "study_user_attributes", "study_system_attributes", "trials",
                    "trial_user_attributes", "trial_system_attributes", "trial_params", "trial_values",
                    "version_info", "alembic_version")  # fmt: skip


def spoil_rows(draw: Any, connection: sqlite3.Connection) -> None:
    """Change what a sound database says: cells, rows and whole tables, and the JSON in cells."""
    connection.execute("PRAGMA foreign_keys = OFF")
    for _ in range(draw(st.integers(1, 3))):
        table = draw(st.sampled_from(TABLES_OF_OPTUNA))
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        rows = [row for (row,) in connection.execute(f"SELECT rowid FROM {table}")] if columns else []
        if not rows:
            continue
        row, column = draw(st.sampled_from(rows)), draw(st.sampled_from(columns))
        (before,) = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", [row]).fetchone()
        value: Any = draw(
            st.one_of(st.sampled_from(ODD_TEXTS), st.sampled_from([None, -1, 0, 1e308, b"\xff", 2**62]))
        )
        if column.endswith("_json") and draw(st.booleans()):
            value = json.dumps(draw(st.sampled_from(ODD_VALUES)), default=str)
            if isinstance(before, str) and draw(st.booleans()):
                spoilt = draw(spoilt_tree([json.loads(before)])) or [None]
                value = json.dumps(spoilt[0], default=str)
        statement = draw(st.sampled_from(["set", "set", "set", "delete", "drop", "rename"]))
        try:
            match statement:
                case "set":
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [value, row])
                case "delete":
                    connection.execute(f"DELETE FROM {table} WHERE rowid = ?", [row])
                case "drop":
                    connection.execute(f"DROP TABLE {table}")
                case "rename":
                    connection.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO other")
        except (sqlite3.Error, OverflowError, ValueError):  # a constraint of the table
            continue
