"""The front as text for papers and pages: whole, escaped, the answer in bold."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.record.run import Outcome
from dse.record.tables import write_tables
from dse.report.front_text import FrontText, front_text
from dse.study.load import load_study
from tests.cli.command import run
from tests.fakes import BASELINE, make_study, make_trial, small_study

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = FrontText(
    ("trial", "saved", "recipe"),
    (("0", "1.5\u00a0%", "a_b & 50 % of $x$ #1 {y} ~ ^ \\ | <b>*c*</b>\nnext"), ("1", "", "×±→·")),
    answer=0,
)


def test_the_answer_is_bold_and_columns_that_say_nothing_are_left_out() -> None:
    text = front_text(small_study())
    assert text.answer is not None
    lines = text.markdown().splitlines()
    assert lines[2 + text.answer].startswith("| **2** | **")
    assert len(lines) == 2 + len(small_study().front)
    assert sum(line.startswith("| **") for line in lines) == 1
    blank = replace(HOSTILE, rows=(("0", "", "x"),))
    assert blank.markdown().splitlines()[0] == "| trial | recipe |"
    assert blank.latex().splitlines()[0] == r"\begin{tabular}{rp{0.4\linewidth}}"


def test_latex_is_escaped() -> None:
    assert HOSTILE.latex().splitlines()[4] == (
        r"\textbf{0} & \textbf{1.5~\%} & \textbf{a\_b \& 50 \% of \$x\$ \#1 \{y\} \textasciitilde{} "
        r"\textasciicircum{} \textbackslash{} | <b>*c*</b> next} \\"
    )
    assert HOSTILE.latex().splitlines()[5] == r"1 &  & $\times$$\pm$$\rightarrow$$\cdot$ \\"


def test_markdown_is_escaped() -> None:
    row = HOSTILE.markdown().splitlines()[2]
    assert r"\| &lt;b&gt;\*c\*&lt;/b&gt; next" in row
    assert len(re.findall(r"(?<!\\)\|", row)) == 4


@given(st.text(max_size=40))
def test_whatever_a_label_holds_a_row_is_a_line(label: str) -> None:
    text = FrontText(("trial", "recipe"), (("0", label),), None)
    assert len(text.markdown().split("\n")) == 4
    assert len(re.findall(r"(?<!\\)\|", text.markdown().split("\n")[2])) in (2, 3)
    assert not re.search(
        r"(?<!\\)[%#&_]", text.latex().split("\n")[4].split(" & ", 1)[-1].removesuffix(r" \\")
    )


@pytest.mark.parametrize("name", ["mnist-dimensions", "digits-table"])
def test_real_fronts_have_a_row_for_each_point(name: str) -> None:
    study = load_study(ROOT / "results" / name)
    shown = run("front", ROOT / "results" / name, "--latex")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.count(r" \\") == 1 + len(study.front)
    epochs = study.trials.set_index("trial")["epochs"][study.front["trial"]]
    cells = [line.split(" & ")[1] for line in shown.stdout.splitlines() if re.match(r"(\\textbf{)?\d", line)]
    ends = [f"{epoch}/{of}" for epoch, of in zip(study.front["epoch"], epochs, strict=True)]
    assert [re.sub(r"\\textbf{(.*)}", r"\1", cell) for cell in cells] == ends
    csv = pd.read_csv(io.StringIO(run("front", ROOT / "results" / name, "--csv").stdout))
    assert csv["trial"].tolist() == study.front["trial"].tolist()
    assert csv.columns.tolist() == study.front.columns.tolist()


def test_a_front_without_points_is_a_table_without_rows(tmp_path: Path) -> None:
    failed = make_study([make_trial(0, BASELINE, [], state=Outcome.FAILED, reason="no memory")])
    assert front_text(failed).markdown().count("\n") == 2
    write_tables(failed, tmp_path / "failed")
    shown = run("front", tmp_path / "failed", "--markdown")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("| trial | epoch | train seconds | accuracy |")


def test_two_forms_at_once_are_refused(tmp_path: Path) -> None:
    refused = run("front", "x", "--json", "--latex")
    assert refused.exit_code == 2
    assert "--json with --latex: one form at a time." in refused.output
