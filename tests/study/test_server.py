"""Studies on a real PostgreSQL server: shared, locked, restarted in mid-study, and without a password anywhere."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
from click.testing import CliRunner

import dse
from dse.api import Start
from dse.cli import commands
from dse.errors import RunError, StudyError
from dse.recipe.plan import Plan
from dse.record.run import EpochRow, Outcome
from dse.record.trial import Trial
from dse.space.load import parse_space
from dse.study import server
from dse.study import trials as trials_module
from dse.study.address import parse_address
from dse.study.database import open_database
from dse.study.folders import STORAGE_FILE, find_study
from dse.study.load import load_study
from dse.study.server import TakenError, driver_storage, reader_storage
from dse.study.shared import open_study
from dse.study.trainer import Training
from dse.study.trials import read_trials
from dse.training.machine import Machine
from dse.units import without_passwords
from tests.fakes import ENVIRONMENT, SMALL_SPACE, FakeTrainer, Quiet, make_space, run_study
from tests.runners.test_studies import TINY, children, curves

PASSWORD = "s3cr3t+Kennwort"
PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
USER = "postgres" if os.getuid() == 0 else None  # the server refuses to be root


@dataclass
class Server:
    """A server of the tests' own, with its data below /tmp."""

    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://dse@127.0.0.1:{self.port}/postgres"

    @property
    def with_password(self) -> str:
        return self.url.replace("dse@", f"dse:{PASSWORD}@")

    def call(self, program: str, *arguments: str) -> None:
        assert PROGRAMS is not None
        command = [str(PROGRAMS / program), "-D", str(self.data), *arguments]
        subprocess.run(command, user=USER, cwd="/", check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        how = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories={self.data}"
        self.call("pg_ctl", "-w", "-l", str(self.data / "log"), "-o", how, "start")

    def stop(self) -> None:
        self.call("pg_ctl", "-w", "-m", "fast", "stop")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'capsnet-dse[postgresql]'")
    if PROGRAMS is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="dse-postgres-"))
    (folder / "password").write_text(PASSWORD)
    if USER is not None:
        for path in (folder, folder / "password"):
            shutil.chown(path, USER)
    running = Server(folder / "data", port)
    try:
        running.call("initdb", "-N", "-U", "dse", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}")
        running.start()
        yield running
        running.call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return request.node.name.replace("[", "-").replace("]", "")


def no_file_holds(password: str, folder: Path) -> bool:
    return not any(password.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_study_on_a_server_is_that_of_a_file(
    postgres: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = make_space(stopping="dominated")
    of_file = run_study(tmp_path / "file", space, name=name, trials=5)
    on_server = run_study(tmp_path / "server", space, name=name, trials=3, storage=postgres.with_password)
    on_server = run_study(tmp_path / "server", space, name=name, trials=5, storage=postgres.with_password)
    assert [(t.recipe.id, t.seed, t.run) for t in on_server] == [
        (t.recipe.id, t.seed, t.run) for t in of_file
    ]
    folder = find_study(name, tmp_path / "server")
    assert (folder / STORAGE_FILE).read_text() == f"url: {postgres.url}\nstudy: {name}\n"
    assert no_file_holds(PASSWORD, tmp_path)
    with pytest.raises(StudyError, match="cannot be used .*no password supplied.*PGPASSWORD or ~/.pgpass"):
        load_study(folder)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert len(load_study(folder).trials) == 5
    assert len(run_study(tmp_path / "server", space, name=name, trials=6)) == 6, (
        "its folder remembers where it is"
    )
    (other,) = run_study(tmp_path / "server", space, name=f"{name}-2", trials=1, storage=postgres.url)
    assert other.number == 0, "one storage holds many studies"


def test_one_driver_a_study_whatever_its_folder(postgres: Server, name: str, tmp_path: Path) -> None:
    run_study(tmp_path / "a", make_space(), name=name, trials=1, storage=postgres.with_password)
    with (
        driver_storage(parse_address(postgres.with_password, name)),
        pytest.raises(TakenError, match="another dse explore is writing to this study"),
    ):
        run_study(tmp_path / "b", make_space(), name=name, trials=2, storage=postgres.with_password)
    assert (
        len(run_study(tmp_path / "b", make_space(), name=name, trials=2, storage=postgres.with_password)) == 2
    )


def test_a_reader_writes_nothing(postgres: Server, name: str, tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), name=name, trials=1, storage=postgres.with_password)
    storage = reader_storage(parse_address(postgres.with_password, name))
    with pytest.raises(optuna.exceptions.StorageInternalError) as raised:
        storage.set_study_user_attr(storage.get_study_id_from_name(name), "x", 1)
    assert "read-only transaction" in str(raised.value.__cause__)


def test_widening(postgres: Server, name: str, tmp_path: Path) -> None:
    narrow = make_space(objectives=["train_seconds", "accuracy"], sampler="tpe")
    before = run_study(tmp_path, narrow, name=name, trials=3, storage=postgres.with_password)
    content = narrow.dump()
    content["recipe"]["learning_rate"][0]["base_rate"]["choices"].append(0.01)
    wide = parse_space(content, "test")
    after = run_study(
        tmp_path, wide, name=name, trials=20, sampler="random", widen=True, storage=postgres.with_password
    )
    assert [(t.recipe, t.seed, t.run) for t in after[:3]] == [(t.recipe, t.seed, t.run) for t in before]
    assert 0.01 in {trial.recipe.learning_rate.base_rate for trial in after}
    assert load_study(tmp_path / name, postgres.with_password).space["recipe"] == wide.dump()["recipe"]


class Restarting(FakeTrainer):
    """Stops the server in its second training, after an epoch, and starts it again if asked to."""

    def __init__(self, running: Server, *, back: bool) -> None:
        super().__init__()
        self.running, self.back = running, back

    def epochs(self, plan: Plan, seed: int) -> Training:
        training, said = super().epochs(plan, seed), None
        while True:
            try:
                row = training.send(said)
            except StopIteration as end:
                return end.value
            if len(self.trained) == 2 and row.epoch == 1:
                self.running.stop()
                if self.back:
                    self.running.start()
            said = yield row


def test_a_server_that_is_restarted_costs_nothing(postgres: Server, name: str, tmp_path: Path) -> None:
    space = make_space()
    undisturbed = run_study(tmp_path / "file", space, name=name, trials=4)
    with pytest.warns(UserWarning, match=f"study {name}: does not answer; waiting up to 300 s"):
        trials = run_study(
            tmp_path,
            space,
            Restarting(postgres, back=True),
            name=name,
            trials=4,
            storage=postgres.with_password,
        )
    assert [(t.recipe.id, t.run) for t in trials] == [(t.recipe.id, t.run) for t in undisturbed]


@pytest.mark.filterwarnings("ignore:.*does not answer")
def test_a_server_that_stays_away_ends_the_study_until_it_is_back(
    postgres: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "WAIT_SECONDS", 0.2)
    space = make_space()
    address = f"{postgres.url}, study {name}"
    with pytest.raises(RunError) as raised:
        run_study(
            tmp_path,
            space,
            Restarting(postgres, back=False),
            name=name,
            trials=4,
            storage=postgres.with_password,
        )
    assert str(raised.value).startswith(f"{address}: cannot be written (")
    assert "the same command resumes the study" in str(raised.value)
    assert PASSWORD not in str(raised.value)
    with pytest.raises(StudyError, match="cannot be used .*Check the address"):
        load_study(tmp_path / name, postgres.with_password)
    postgres.start()
    trials = run_study(tmp_path, space, name=name, trials=4, storage=postgres.with_password)
    done = [(trial.recipe.id, trial.seed) for trial in trials if trial.state != "interrupted"]
    assert len(done) == len(set(done)) == 4
    assert [str(trial.state) for trial in trials[:2]] == ["complete", "interrupted"]
    assert no_file_holds(PASSWORD, tmp_path)


@pytest.mark.parametrize("password", ["plain", "with@at", "a/b", "p:w", "x?y=z"])
def test_a_password_is_shown_nowhere(password: str) -> None:
    url = f"postgresql://me:{password}@localhost/db"
    assert password not in without_passwords(f"dse explore x --storage {url}")
    if "@" in password:
        with pytest.raises(StudyError, match="more than one @") as raised:
            parse_address(url, "s")
        assert password not in str(raised.value)
        return
    address = parse_address(url, "s")
    assert address.secrets == {"password": password}
    assert not any(password in text for text in (str(address), repr(address), repr(Start(storage=url))))


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    for text, message in {
        "nonsense": "--storage nonsense: is no URL of an Optuna storage",
        "mysql://me:pw@host/db": "--storage mysql://me@host/db: studies are kept on PostgreSQL",
        "postgresql://u:a b@h/db": "more than one @",
    }.items():
        with pytest.raises(StudyError, match=message):
            parse_address(text, "s")
    run_study(tmp_path, make_space(), trials=1)
    with pytest.raises(StudyError, match="has a study of its own in study.db"):
        run_study(tmp_path, make_space(), trials=2, storage="postgresql://host/db")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(
        StudyError, match=r"needs the package psycopg.*pip install 'capsnet-dse\[postgresql\]'"
    ):
        run_study(tmp_path, make_space(), trials=1, storage="postgresql://host/db", environment=ENVIRONMENT)


def test_no_output_of_the_command_line_holds_a_password(
    postgres: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGPASSWORD", "another")
    Path("space.yaml").write_text(json.dumps(SMALL_SPACE | {"name": name, "trials": 1}))
    texts = []
    for command in (
        ("explore", "space.yaml", "--storage", postgres.with_password.replace("dse:", "nobody:")),
        ("explore", "space.yaml", "--storage", f"{postgres.with_password}?password={PASSWORD}&x=1"),
        ("explore", "space.yaml", f"--storage={postgres.with_password.replace('postgresql', 'oracle')}"),
        ("explore", "space.yaml", postgres.with_password),
        ("front", postgres.with_password),
    ):
        result = CliRunner().invoke(commands, list(command))
        texts.append(result.output + (str(result.exception) if result.exception else ""))
        assert result.exit_code == 2, texts[-1]
    assert "password authentication failed" in texts[0]
    assert not any(PASSWORD in text or "another" in text for text in texts), texts
    assert no_file_holds(PASSWORD, tmp_path)


@pytest.mark.filterwarnings("ignore:.*does not answer")
def test_an_epoch_that_a_server_missed_is_in_the_checkpoints(
    postgres: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(server, "WAIT_SECONDS", 0.2)
    Path("space.yaml").write_text(json.dumps(SMALL_SPACE | {"name": name, "trials": 1}))
    written = trials_module.write_epoch

    def after_the_server(*given) -> None:
        postgres.stop()
        written(*given)

    command = [
        "explore",
        "space.yaml",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--storage",
        postgres.with_password,
    ]
    with monkeypatch.context() as patch:
        patch.setattr("dse.study.driver.write_epoch", after_the_server)
        result = CliRunner().invoke(commands, command)
    assert result.exit_code == 1
    assert f"{postgres.url}, study {name}: cannot be written" in result.output
    shown = " ".join(command).replace(postgres.with_password, postgres.url)
    assert f"To resume: dse {shown}\n" in result.output
    assert PASSWORD not in result.output
    postgres.start()
    assert CliRunner().invoke(commands, command).exit_code == 0
    trials = load_study(Path("results") / name, postgres.with_password).trials
    assert trials[["state", "resumed_epochs"]].to_numpy().tolist() == [["interrupted", 0], ["complete", 1]]
    assert "password authentication failed" in call("front", name, PGPASSWORD="another")
    for reader in ("front", "trials"):
        assert "batch 60" in call(reader, name, PGPASSWORD=PASSWORD)
    assert no_file_holds(PASSWORD, tmp_path)


def call(*command: str, **environment: str) -> str:
    return CliRunner().invoke(commands, command, env=environment).output


class Disturbing(Quiet):
    """Restarts the server after the third epoch, and kills all workers after the sixth."""

    def __init__(self, running: Server) -> None:
        super().__init__()
        self.running, self.seen = running, 0

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        self.seen += 1
        if self.seen == 3:
            self.running.stop()
            self.running.start()
        if self.seen == 6:
            for worker in children():
                os.kill(worker, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*does not answer")
def test_workers_and_a_server_that_is_restarted_lose_no_epoch(
    postgres: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    space, machine = parse_space(TINY, "test"), Machine(device="cpu", threads=1)
    dse.explore(space, folder=tmp_path / "file" / name, machine=machine)
    dse.explore(
        space,
        folder=tmp_path / name,
        machine=machine,
        workers=2,
        watcher=Disturbing(postgres),
        start=Start(storage=postgres.url),
    )
    undisturbed = read_trials(open_database(tmp_path / "file" / name))
    trials = read_trials(open_study(tmp_path / name))
    assert curves(trials) == curves(undisturbed)
    cut_off = [trial for trial in trials if trial.state is Outcome.INTERRUPTED]
    assert 1 <= len(cut_off) <= 2
    assert all("SIGKILL" in trial.run.reason for trial in cut_off)
    assert any(trial.run.resumed_epochs for trial in trials if trial.attempt == 2)
    assert not children()


@pytest.mark.slow
def test_a_cluster_does_not_learn_the_password(postgres: Server, name: str, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "space.yaml").write_text(json.dumps(TINY | {"name": name, "trials": 2, "seeds": 1}))
    command = ["explore", "space.yaml", "--device", "cpu", "--ray", "local", "--workers", "2"]
    # Ray's sockets lie there too, and their paths may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="dse-") as logs:
        done = subprocess.run(
            [sys.executable, "-m", "dse", *command, "--storage", postgres.with_password],
            cwd=tmp_path,
            env=os.environ | {"RAY_TMPDIR": logs},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        assert any(Path(logs).rglob("*.log"))
        assert no_file_holds(PASSWORD, Path(logs))
    trials = load_study(tmp_path / "results" / name, postgres.with_password).trials
    assert trials["state"].tolist() == ["complete"] * 2
    assert trials["device"].str.endswith("2 runs at once").all()
    assert no_file_holds(PASSWORD, tmp_path)
