"""Text from files and errors reaches the terminal as it is, harmless; a terminal that is gone stops nobody."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from dse.cli import commands
from dse.cli import terminal as module
from dse.cli.progress import LiveView
from dse.cli.terminal import LastingStream, console, plain_table, print_sentence, say, visible
from dse.recipe.plan import Plan
from dse.record.run import Training
from dse.study.watcher import Standing
from tests.fakes import BASELINE, FakeTrainer, make_space, make_trial, run_study

# What a compiler's error holds, a lying file name, and what would paint the terminal or close it.
HOSTILE = (
    "ld: [/usr/lib/x] [bold]failed[/bold] :smile: \x1b[31mred\x1b]0;title\x07 \x9b5n \u202egnp\u202c \ud800"
)
SHOWN = (
    r"ld: [/usr/lib/x] [bold]failed[/bold] :smile: \x1b[31mred\x1b]0;title\x07 \x9b5n \u202egnp\u202c \ud800"
)


class Raising(FakeTrainer):
    def epochs(self, plan: Plan, seed: int) -> Training:
        if self.trained:
            raise RuntimeError(HOSTILE)
        return (yield from super().epochs(plan, seed))


def test_controls_are_written_out() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("a × b · Grüße\n\t日本") == "a × b · Grüße\n\t日本"


def test_a_reason_with_markup_and_escapes_is_shown_as_it_is(tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), Raising(), trials=3)
    shown = CliRunner().invoke(commands, ["trials", str(tmp_path / "s")])
    assert shown.exit_code == 0, shown.output
    said = "".join(shown.output.split())
    assert "[/usr/lib/x]" in said
    assert "[bold]failed[/bold]:smile:" in said
    assert "\x1b" not in shown.output
    assert "\u202e" not in shown.output
    as_json = CliRunner().invoke(commands, ["trials", str(tmp_path / "s"), "--json"])
    assert json.loads(as_json.output)[1]["reason"] == f"RuntimeError: {HOSTILE}".replace("\ud800", r"\ud800")
    assert not set("\x1b\x9b\u202e") & set(as_json.output)


def test_an_error_with_escapes_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text('name: x\n"\\e]0;title\\a": 1\n')
    result = CliRunner().invoke(commands, ["explore", str(tmp_path / "x.yaml")])
    assert result.exit_code == 2
    assert r"\x1b]0;title\x07: unknown key" in result.output
    assert "\x1b" not in result.output


def test_the_live_view_survives_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr("sys.stdout", output)
    monkeypatch.setenv("FORCE_COLOR", "1")
    watcher = LiveView(console(), "hostile", make_space())
    failed = make_trial(0, BASELINE, [], reason=HOSTILE)
    with watcher:
        watcher.noted(HOSTILE)
        watcher.trial_ended(failed, [failed], Standing(1, 0.0, None))
        watcher.study_ended(HOSTILE)
    assert output.getvalue().count("[/usr/lib/x]") >= 2
    assert "\x1b]0;" not in output.getvalue()


class Lost(io.StringIO):
    """A terminal that is gone."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")

    flush = write  # type: ignore[assignment]


def test_a_terminal_that_is_gone_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Lost())
    monkeypatch.setattr("sys.stderr", Lost())
    say("nobody reads this")
    say("nor this", err=True)
    table = plain_table("trial", "recipe")
    table.add_row("1", "x")
    console().print(table)
    console().print("lost")


def test_a_pipe_that_is_closed_stops_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as pipe:
        stream = LastingStream(pipe)
        stream.write("lost\n")
        stream.write("lost again\n")
        stream.flush()


def test_an_output_of_another_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(module.sys, "stdout", output)
    say("batch 16 ×2")
    assert output.buffer.getvalue() == b"batch 16 \\xd72\n"  # type: ignore[attr-defined]


def test_a_sentence_is_wrapped_between_words_on_a_terminal_and_one_line_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "The front of mnist-dimensions is better: " + "it covers more. " * 20
    print_sentence(console(), sentence, indent=2)
    assert capsys.readouterr().out == f"  {sentence}\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    print_sentence(console(), sentence, indent=2)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 30 and line.startswith("  ") for line in lines)
    assert " ".join(lines).split() == sentence.split()
