"""What a shell offers at the Tab key, asked in real shells."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from dse.cli import commands
from dse.record.tables import write_tables
from dse.space.shipped import shipped_spaces
from tests.cli.command import run
from tests.fakes import small_study


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two studies, and one whose name no shell should be given."""
    for name in ("good", "gone", "x;touch lost"):
        write_tables(small_study(), tmp_path / "results" / name)
    (tmp_path / "bin").mkdir()
    for name in ("dse", "capsnet-dse"):
        script = tmp_path / "bin" / name
        script.write_text(f"#!{sys.executable}\nfrom dse.cli import main\nmain()\n")
        script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")
    return tmp_path


def offered(*words: str) -> list[str]:
    *before, incomplete = words
    items = ShellComplete(commands, {}, "dse", "_DSE_COMPLETE").get_completions(list(before), incomplete)
    return [item.value if item.type == "plain" else f"({item.type})" for item in items]


def test_names_are_offered(here: Path) -> None:
    assert offered("front", "g") == ["gone", "good"]
    assert offered("front", "goo") == ["good"]
    assert offered("front", "nowhere/") == ["(dir)"]
    assert offered("front", "") == ["gone", "good"]
    assert offered("front", "--results", "elsewhere", "g") == ["(dir)"]
    assert offered("explore", "") == [path.stem for path in shipped_spaces()]
    assert offered("explore", "quickstart", "--warm-start", "go") == ["gone", "good"]
    assert offered("explore", "mine.y") == ["(file)"]
    assert offered("spaces", "qui") == ["quickstart"]
    assert offered("recipe", "paper/warm_r") == ["paper/warm_restarts"]
    assert offered("recipe", "g") == ["gone:", "good:"]
    assert "paper/baseline" in offered("train", "")
    assert offered("plan", "good:") == [f"good:{trial}" for trial in range(7)]
    assert offered("plan", "good:4") == ["good:4"]
    assert offered("plan", "../good:") == []
    assert offered("plan", "best.y") == ["(file)"]


def test_commands_and_options_are_offered(here: Path) -> None:
    assert offered("pi") == ["pick"]
    assert "--max-seconds" in offered("pick", "good", "--m")


def test_a_damaged_study_offers_nothing(here: Path) -> None:
    (here / "results" / "good" / "trials.csv").write_bytes(b"trial,label\n\xff\x00,x\n")
    assert offered("plan", "good:") == []


def test_nothing_heavy_is_loaded(here: Path) -> None:
    code = (
        "import sys; from click.shell_completion import ShellComplete; from dse.cli import commands\n"
        "asked = ShellComplete(commands, {}, 'dse', '_DSE_COMPLETE').get_completions\n"
        "for words in (['front'], ['explore'], ['recipe'], ['spaces'], ['pick', 'good']):\n"
        "    asked(words, 'go')\n"
        "heavy = {'torch', 'optuna', 'pandas', 'numpy', 'pydantic', 'yaml', 'rich'} & set(sys.modules)\n"
        "asked(['recipe'], 'pa')\n"
        "heavy |= {'torch', 'optuna', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def in_bash(line: str) -> list[str]:
    """Ask bash what it would offer for a line whose end the cursor is at."""
    script = (
        'eval "$(dse completion bash)"; compopt() { echo "compopt $1 $2"; }\n'
        "COMP_LINE=$1 COMP_POINT=${#1}; complete -p ${1%% *} | grep -q _dse_completion || exit 1\n"
        '_dse_completion ${1%% *}; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    result = subprocess.run(
        ["bash", "-c", script, "bash", line], capture_output=True, text=True, timeout=60, check=True
    )
    assert not result.stderr
    return result.stdout.split("\n")[:-1]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_names_and_trials(here: Path) -> None:
    assert in_bash("dse front g") == in_bash("capsnet-dse front g") == ["gone", "good"]
    # Bash replaces what follows the colon alone.
    assert in_bash("dse plan good:4") == ["4"]
    assert in_bash("dse recipe goo") == ["compopt -o nospace", "good:"]
    assert in_bash("dse train best.y") == ["compopt -o default", ""]
    assert not (here / "lost").exists()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_of_other_shells_are_sound(here: Path, shell: str) -> None:
    script = run("completion", shell)
    assert script.exit_code == 0
    assert f"_DSE_COMPLETE={shell}_complete" in script.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (here / "script").write_text(script.stdout)
    subprocess.run([shell, "-n", "script"], check=True, timeout=60)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_names(here: Path) -> None:
    script = "dse completion fish | source; complete -C 'dse front g'"
    result = subprocess.run(["fish", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.split() == ["gone", "good"]


def test_an_unknown_shell_names_the_known_ones() -> None:
    refused = run("completion", "tcsh")
    assert refused.exit_code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in refused.output
