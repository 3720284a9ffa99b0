"""Studies on real servers of each kind: shared, locked, restarted in mid-study, and without a password anywhere."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
from click.testing import CliRunner
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.exceptions import StorageInternalError
from optuna.study import StudyDirection
from optuna.trial import TrialState

import dse
from dse.api import Start
from dse.cli import commands
from dse.errors import RunError, StudyError
from dse.recipe.plan import Plan
from dse.record.epoch import EpochRow
from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.space.load import parse_space
from dse.study import trials as trials_module
from dse.study.address import parse_address
from dse.study.database import open_database
from dse.study.dialects import DIALECTS, MYSQL
from dse.study.folders import STORAGE_FILE, find_study
from dse.study.load import load_study
from dse.study.quiet import quiet_optuna
from dse.study.server import TakenError, driver_storage, reader_storage
from dse.study.shared import open_study
from dse.study.trainer import Training
from dse.study.trials import read_trials
from dse.training.machine import Machine
from tests.fakes import SMALL_SPACE, FakeTrainer, Quiet, make_space, run_study
from tests.runners.test_studies import TINY, children, curves
from tests.servers import PASSWORD, SERVERS, Server, running


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(SERVERS[request.param]) as server:
        yield server


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return request.node.name.replace("[", "-").replace("]", "")


def know(monkeypatch: pytest.MonkeyPatch, server: Server, password: str) -> None:
    for key, value in server.environment(password).items():
        monkeypatch.setenv(key, value)


def no_file_holds(password: str, folder: Path) -> bool:
    return not any(password.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_study_on_a_server_is_that_of_a_file(
    server: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = make_space(stopping="dominated")
    of_file = run_study(tmp_path / "file", space, name=name, trials=5)
    on_server = run_study(tmp_path / "server", space, name=name, trials=3, storage=server.with_password)
    on_server = run_study(tmp_path / "server", space, name=name, trials=5, storage=server.with_password)
    assert [(t.recipe.id, t.seed, t.run) for t in on_server] == [
        (t.recipe.id, t.seed, t.run) for t in of_file
    ]
    folder = find_study(name, tmp_path / "server")
    assert (folder / STORAGE_FILE).read_text() == f"url: {server.url}\nstudy: {name}\n"
    assert no_file_holds(PASSWORD, tmp_path)
    with pytest.raises(StudyError, match=f"cannot be used .*{server.no_password}"):
        load_study(folder)
    know(monkeypatch, server, PASSWORD)
    assert len(load_study(folder).trials) == 5
    assert len(run_study(tmp_path / "server", space, name=name, trials=6)) == 6, (
        "its folder remembers where it is"
    )
    (other,) = run_study(tmp_path / "server", space, name=f"{name}-2", trials=1, storage=server.url)
    assert other.number == 0, "one storage holds many studies"


def test_one_driver_a_study_whatever_its_folder(server: Server, name: str, tmp_path: Path) -> None:
    run_study(tmp_path / "a", make_space(), name=name, trials=1, storage=server.with_password)
    with (
        driver_storage(parse_address(server.with_password, name)),
        pytest.raises(TakenError, match="another dse explore is writing to this study"),
    ):
        run_study(tmp_path / "b", make_space(), name=name, trials=2, storage=server.with_password)
    assert (
        len(run_study(tmp_path / "b", make_space(), name=name, trials=2, storage=server.with_password)) == 2
    )


def test_a_reader_writes_nothing(server: Server, name: str, tmp_path: Path) -> None:
    run_study(tmp_path, make_space(), name=name, trials=1, storage=server.with_password)
    storage = reader_storage(parse_address(server.with_password, name))
    with pytest.raises(StorageInternalError) as raised:
        storage.set_study_user_attr(storage.get_study_id_from_name(name), "x", 1)
    assert "read only transaction" in str(raised.value.__cause__).lower().replace("-", " ")


def test_a_server_gives_back_what_it_was_given(server: Server, name: str) -> None:
    when = datetime(2026, 3, 29, 2, 30, 0, 999_999)
    given = optuna.trial.create_trial(
        values=[5e-324, 0.1 + 0.2, float("-inf")],
        params={"x": 1.7976931348623157e308, "X": "b"},
        distributions={
            "x": FloatDistribution(0.0, 1.7976931348623157e308),
            "X": CategoricalDistribution(["a", "b", "c" * 100_000]),
        },
        user_attrs={"long": "é" * 100_000, "Long": "\ud800 % %s \\ ' \""},
        system_attrs={"none": None},
    )
    given.datetime_start, given.datetime_complete = when, when + timedelta(microseconds=1)
    address = parse_address(server.with_password, name)
    with driver_storage(address) as storage:
        study = storage.create_new_study([StudyDirection.MINIMIZE] * 3, name)
        storage.set_study_user_attr(study, "long", "x" * 1_000_000)
        storage.create_new_trial(study, given)
        written = storage.create_new_trial(study)
        for value in (1, 2, 2):
            storage.set_trial_user_attr(written, "epoch 1", value)
        with pytest.raises(StorageInternalError):
            storage.set_study_user_attr(study, "k" * 513, 1)
    reader = reader_storage(address)
    assert reader.get_study_user_attrs(study) == {"long": "x" * 1_000_000}
    read, other = reader.get_all_trials(study)
    assert other.user_attrs == {"epoch 1": 2}
    given.number, given._trial_id = read.number, read._trial_id
    assert read == given


def test_names_that_differ_in_case_only_are_two_studies(server: Server, name: str, tmp_path: Path) -> None:
    first = run_study(tmp_path / "a", make_space(), name=name, trials=2, storage=server.with_password)
    with driver_storage(parse_address(server.with_password, name)):
        other = run_study(
            tmp_path / "b", make_space(), name=name.upper(), trials=1, storage=server.with_password
        )
    assert (len(first), len(other)) == (2, 1)


def test_drivers_of_several_studies_do_not_disturb_each_other(server: Server, name: str) -> None:
    def drive(study_name: str) -> list[int]:
        with driver_storage(parse_address(server.with_password, study_name)) as storage:
            study = storage.create_new_study([StudyDirection.MINIMIZE], study_name)
            for number in range(15):
                trial = storage.create_new_trial(study)
                storage.set_trial_param(trial, "x", float(number), FloatDistribution(0, 20))
                storage.set_trial_user_attr(trial, "epoch 1", number)
                storage.set_trial_system_attr(trial, "y", number)
                storage.rewrite_trials(study, storage.get_all_trials(study), {})
                storage.set_trial_state_values(trial, TrialState.COMPLETE, [float(number)])
            return [int(trial.params["x"]) for trial in storage.get_all_trials(study)]

    with quiet_optuna(), ThreadPoolExecutor(3) as threads:
        assert list(threads.map(drive, [f"{name}-{i}" for i in range(3)])) == [list(range(15))] * 3


HOLD = """
import sys, time
from dse.study.address import parse_address
from dse.study.server import driver_storage

with driver_storage(parse_address(sys.argv[1], sys.argv[2])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_killed_driver_leaves_its_study_to_the_next(server: Server, name: str) -> None:
    address = parse_address(server.with_password, name)
    with driver_storage(address):
        pass  # the tables are there
    command = [sys.executable, "-c", HOLD, server.with_password, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout.readline() == "held\n"
            with pytest.raises(TakenError), driver_storage(address):
                pass
        finally:
            driver.kill()
    for _ in range(50):
        try:
            with driver_storage(address):
                return
        except TakenError:
            time.sleep(0.1)
    pytest.fail("the lock of a killed driver lasts")


@pytest.mark.parametrize("server", ["mysql"], indirect=True)
@pytest.mark.parametrize("sign_seconds", [0.2, 600.0])
def test_a_driver_shows_that_it_lives_while_it_trains(
    server: Server, name: str, sign_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = replace(MYSQL, watched=("SET SESSION wait_timeout = 1",))
    monkeypatch.setitem(DIALECTS, server.scheme, impatient)
    monkeypatch.setattr("dse.study.server.SIGN_SECONDS", sign_seconds)
    address = parse_address(server.with_password, name)
    with driver_storage(address) as storage:
        storage.create_new_study([StudyDirection.MINIMIZE], name)
        time.sleep(2.5)
        lost = sign_seconds > 1
        with nullcontext() if lost else pytest.raises(TakenError), driver_storage(address):
            pass


@pytest.mark.parametrize("server", ["mysql"], indirect=True)
def test_a_row_that_another_holds_is_waited_for_without_a_word(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = replace(MYSQL, watched=("SET SESSION innodb_lock_wait_timeout = 1",))
    monkeypatch.setitem(DIALECTS, server.scheme, hasty)
    with (
        driver_storage(parse_address(server.with_password, name)) as storage,
        driver_storage(parse_address(server.with_password, f"{name}-2")) as other,
        other.engine.connect() as holding,
    ):
        trial = storage.create_new_trial(storage.create_new_study([StudyDirection.MINIMIZE], name))
        holding.exec_driver_sql(f"SELECT * FROM trials WHERE trial_id = {trial} FOR UPDATE")
        release = threading.Timer(1.5, holding.rollback)
        release.start()
        assert storage.set_trial_state_values(trial, TrialState.COMPLETE, [1.0])
        release.join()
        assert storage.get_trial(trial).values == [1.0]


def test_widening(server: Server, name: str, tmp_path: Path) -> None:
    narrow = make_space(objectives=["train_seconds", "accuracy"], sampler="tpe")
    before = run_study(tmp_path, narrow, name=name, trials=3, storage=server.with_password)
    content = narrow.dump()
    content["recipe"]["learning_rate"][0]["base_rate"]["choices"].append(0.01)
    wide = parse_space(content, "test")
    after = run_study(
        tmp_path, wide, name=name, trials=20, sampler="random", widen=True, storage=server.with_password
    )
    assert [(t.recipe, t.seed, t.run) for t in after[:3]] == [(t.recipe, t.seed, t.run) for t in before]
    assert 0.01 in {trial.recipe.learning_rate.base_rate for trial in after}
    assert load_study(tmp_path / name, server.with_password).space["recipe"] == wide.dump()["recipe"]


class Restarting(FakeTrainer):
    """Stops the server in its second training, after an epoch, and starts it again if asked to."""

    def __init__(self, server: Server, *, back: bool) -> None:
        super().__init__()
        self.server, self.back = server, back

    def epochs(self, plan: Plan, seed: int) -> Training:
        training, said = super().epochs(plan, seed), None
        while True:
            try:
                row = training.send(said)
            except StopIteration as end:
                return end.value
            if len(self.trained) == 2 and row.epoch == 1:
                self.server.stop()
                if self.back:
                    self.server.start()
            said = yield row


def test_a_server_that_is_restarted_costs_nothing(server: Server, name: str, tmp_path: Path) -> None:
    space = make_space()
    undisturbed = run_study(tmp_path / "file", space, name=name, trials=4)
    with pytest.warns(UserWarning, match=f"study {name}: does not answer; waiting up to 300 s"):
        trials = run_study(
            tmp_path,
            space,
            Restarting(server, back=True),
            name=name,
            trials=4,
            storage=server.with_password,
        )
    assert [(t.recipe.id, t.run) for t in trials] == [(t.recipe.id, t.run) for t in undisturbed]


@pytest.mark.filterwarnings("ignore:.*does not answer")
def test_a_server_that_stays_away_ends_the_study_until_it_is_back(
    server: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dse.study.server.WAIT_SECONDS", 0.2)
    space = make_space()
    address = f"{server.url}, study {name}"
    with pytest.raises(RunError) as raised:
        run_study(
            tmp_path,
            space,
            Restarting(server, back=False),
            name=name,
            trials=4,
            storage=server.with_password,
        )
    assert str(raised.value).startswith(f"{address}: cannot be written (")
    assert "the same command resumes the study" in str(raised.value)
    assert PASSWORD not in str(raised.value)
    with pytest.raises(StudyError, match="cannot be used .*Check the address"):
        load_study(tmp_path / name, server.with_password)
    server.start()
    trials = run_study(tmp_path, space, name=name, trials=4, storage=server.with_password)
    done = [(trial.recipe.id, trial.seed) for trial in trials if trial.state != "interrupted"]
    assert len(done) == len(set(done)) == 4
    assert [str(trial.state) for trial in trials[:2]] == ["complete", "interrupted"]
    assert no_file_holds(PASSWORD, tmp_path)


def test_no_output_of_the_command_line_holds_a_password(
    server: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    know(monkeypatch, server, "another")
    Path("space.yaml").write_text(json.dumps(SMALL_SPACE | {"name": name, "trials": 1}))
    texts = []
    for command in (
        ("explore", "space.yaml", "--storage", server.with_password.replace("dse:", "nobody:")),
        ("explore", "space.yaml", "--storage", f"{server.with_password}?password={PASSWORD}&x=1"),
        ("explore", "space.yaml", f"--storage={server.with_password.replace(server.scheme, 'oracle')}"),
        ("explore", "space.yaml", server.with_password),
        ("front", server.with_password),
    ):
        result = CliRunner().invoke(commands, list(command))
        texts.append(result.output + (str(result.exception) if result.exception else ""))
        assert result.exit_code == 2, texts[-1]
    assert re.search(server.wrong_password, texts[0])
    assert not any(PASSWORD in text or "another" in text for text in texts), texts
    assert no_file_holds(PASSWORD, tmp_path)


@pytest.mark.filterwarnings("ignore:.*does not answer")
def test_an_epoch_that_a_server_missed_is_in_the_checkpoints(
    server: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dse.study.server.WAIT_SECONDS", 0.2)
    Path("space.yaml").write_text(json.dumps(SMALL_SPACE | {"name": name, "trials": 1}))
    written = trials_module.write_epoch

    def after_the_server(*given) -> None:
        server.stop()
        written(*given)

    command = [
        "explore",
        "space.yaml",
        "--device",
        "cpu",
        "--threads",
        "1",
        "--timing",
        "measured",
        "--storage",
        server.with_password,
    ]
    with monkeypatch.context() as patch:
        patch.setattr("dse.study.driver.write_epoch", after_the_server)
        result = CliRunner().invoke(commands, command)
    assert result.exit_code == 1
    assert f"{server.url}, study {name}: cannot be written" in result.output
    shown = " ".join(command).replace(server.with_password, server.url)
    assert f"To resume: dse {shown}\n" in result.output
    assert PASSWORD not in result.output
    server.start()
    assert CliRunner().invoke(commands, command).exit_code == 0
    trials = load_study(Path("results") / name, server.with_password).trials
    assert trials[["state", "resumed_epochs"]].to_numpy().tolist() == [["interrupted", 0], ["complete", 1]]
    assert re.search(server.wrong_password, call("front", name, **server.environment("another")))
    for reader in ("front", "trials"):
        assert "batch 60" in call(reader, name, **server.environment(PASSWORD))
    assert no_file_holds(PASSWORD, tmp_path)


def call(*command: str, **environment: str) -> str:
    return CliRunner().invoke(commands, command, env=environment).output


class Disturbing(Quiet):
    """Restarts the server after the third epoch, and kills all workers after the sixth."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server, self.seen = server, 0

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        self.seen += 1
        if self.seen == 3:
            self.server.stop()
            self.server.start()
        if self.seen == 6:
            for worker in children():
                os.kill(worker, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*does not answer")
def test_workers_and_a_server_that_is_restarted_lose_no_epoch(
    server: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, server, PASSWORD)
    space, machine = parse_space(TINY, "test"), Machine(device="cpu", threads=1)
    dse.explore(space, folder=tmp_path / "file" / name, machine=machine)
    dse.explore(
        space,
        folder=tmp_path / name,
        machine=machine,
        workers=2,
        watcher=Disturbing(server),
        start=Start(storage=server.url),
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
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)  # which of them makes no difference to Ray
def test_a_cluster_does_not_learn_the_password(server: Server, name: str, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "space.yaml").write_text(json.dumps(TINY | {"name": name, "trials": 2, "seeds": 1}))
    command = ["explore", "space.yaml", "--device", "cpu", "--ray", "local", "--workers", "2"]
    # Ray's sockets lie there too, and their paths may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="dse-") as logs:
        done = subprocess.run(
            [sys.executable, "-m", "dse", *command, "--storage", server.with_password],
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
    trials = load_study(tmp_path / "results" / name, server.with_password).trials
    assert trials["state"].tolist() == ["complete"] * 2
    assert trials["device"].str.endswith("2 runs at once").all()
    assert no_file_holds(PASSWORD, tmp_path)
