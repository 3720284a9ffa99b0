"""Measure on a GPU all that wants one, within given minutes; called again, it goes on where it stopped.

Parts, in this order: the tests that need a GPU; ``dse bench`` at each batch size, sharing and precision; seconds of
an epoch; seconds of training to a test accuracy for the paper's recipes; accuracy of whole runs in each precision.
Every piece is written to OUT/gpu.json and OUT/gpu.md the moment it is done, and is not measured again on the same
device, versions and code. A training run that the end of the minutes cuts short leaves its curve so far, marked.

Needs torch, torchvision, numpy, pydantic, PyYAML, safetensors and scikit-learn, and pytest with hypothesis for the
tests; dse itself need not be installed. Nothing is downloaded. Exit status: 0 if nothing failed, 1 if a piece did, 2
if the call is wrong.

    python benchmarks/gpu.py --data-dir data --peer data/FasTrCaps --minutes 9 --out results/gpu
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import itertools
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec("dse") is None:
    sys.path.insert(0, str(ROOT))

PARTS = ("tests", "bench", "epoch", "target", "accuracy")
SHARINGS = ("none", "per_type")
PRECISIONS = ("float32", "tf32", "bfloat16")
# Those that may reach the target within seconds first; those that begin with batches of 1, 60,000 steps an epoch, last.
RECIPES = (
    "paper/one_cycle",
    "paper/exponential_decay",
    "paper/baseline",
    "paper/warm_restarts",
    "paper/weight_sharing",
    "paper/adabatch",
    "paper/warm_ada_batch",
    "paper/warm_ada_batch_weight_sharing",
)
BATCH_1_RECIPES = RECIPES[5:]
# Cheapest first. They train with one batch size and with small ones.
ACCURACY_RECIPES = ("paper/baseline", "paper/warm_ada_batch")
# What a piece of a part is given before one of its kind has been measured.
FIRST_GUESS_SECONDS = {"tests": 60.0, "bench": 40.0, "epoch": 30.0, "target": 20.0, "accuracy": 20.0}
# The program ends this long before its minutes do: to stop a process, and to write.
RESERVE_SECONDS = 5.0
# A process that does not end when asked to is killed after these.
STOP_SECONDS = 3.0
# What decides a figure: another version of these is another section of the results.
CODE = ("dse/bench", "dse/data", "dse/networks", "dse/record/run.py", "dse/recipe", "dse/training")
# The tests' own code: a corrected test is run again, and no figure is measured again for it.
TEST_CODE = ("tests", "pyproject.toml")

Measured = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What all pieces of a call share.

    Attributes:
        data_dir: Where the data set's files are.
        dataset: ``mnist``, or ``digits`` to try the program out.
        device: As ``dse`` names it.
        preset: Size of the CapsNet.
        epochs: Of a training run.
        target: Test accuracy that ends a run of the part ``target``.
        repeats: Turns of each contestant of the part ``bench``.
        turn_seconds: Length of a turn.
        peer: Checkout of the authors' code, if any.
        out: Folder of the results; the tests' output goes there too.
    """

    data_dir: Path
    dataset: str
    device: str
    preset: Any
    epochs: int
    target: float
    repeats: int
    turn_seconds: float
    peer: Path | None
    out: Path


@dataclass(frozen=True)
class Piece:
    """Something measured at once.

    Attributes:
        part: One of ``PARTS``.
        parameters: Arguments of its function in ``gpu_measures.py``, and what else a figure depends on.
        kind: Pieces of one kind take about as long.
    """

    part: str
    parameters: Measured
    kind: str

    @property
    def key(self) -> str:
        """The piece in one line."""
        return " ".join([self.part, *(f"{name}={value}" for name, value in self.parameters.items())])


def plan(options: argparse.Namespace) -> list[Piece]:
    """List all pieces, in the order of their worth."""
    # TF32 is of GPUs alone; the training part refuses it elsewhere.
    precisions = [name for name in options.precisions if name != "tf32" or options.device != "cpu"]
    train = {"preset": options.preset, "dataset": options.dataset}
    run = train | {"epochs": options.epochs}
    pieces = [Piece("tests", {"code": code_fingerprint(TEST_CODE)}, "tests")]
    corners = list(itertools.product(precisions, SHARINGS, options.batch_sizes))
    for part in ("bench", "epoch"):
        beside = {"peer": options.peer is not None} if part == "bench" else {}
        pieces += [
            Piece(
                part,
                {"sharing": sharing, "batch_size": size, "precision": precision, **beside, **train},
                f"{part} {size} {beside}",
            )
            for precision, sharing, size in corners
        ]
    recipes = options.recipes or RECIPES
    pieces += [
        Piece(
            "target",
            {"recipe": recipe, "precision": precision, "seed": seed, "target": options.target, **run},
            f"target {recipe} {precision}",
        )
        for batch_1 in (False, True)
        for seed in range(options.seeds)
        for recipe in recipes
        if (recipe in BATCH_1_RECIPES) == batch_1
        for precision in precisions
    ]
    pieces += [
        Piece(
            "accuracy",
            {"recipe": recipe, "precision": precision, "seed": seed, **run},
            f"accuracy {recipe} {precision}",
        )
        for recipe in ACCURACY_RECIPES
        if recipe in recipes
        for seed in range(options.seeds)
        for precision in precisions
    ]
    return [piece for piece in pieces if piece.part in options.parts]


class Results:
    """The results of this and earlier calls, in a file that is whole at any time.

    Args:
        folder: Holds ``gpu.json`` and ``gpu.md``.
        machine: Hardware, versions and code, as measured now.
    """

    def __init__(self, folder: Path, machine: Measured) -> None:
        self._folder = folder
        self._sections: list[Measured] = _read(folder / "gpu.json")
        same = [section for section in self._sections if _identity(section["machine"]) == _identity(machine)]
        if not same:
            same = [{"machine": machine, "pieces": {}}]
            self._sections += same
        self._section = same[0]
        self._section["machine"] = machine

    @property
    def pieces(self) -> dict[str, Measured]:
        """What this device and code has measured, by the pieces' keys."""
        found: dict[str, Measured] = self._section["pieces"]
        return found

    def record(
        self, piece: Piece, status: str, seconds: float, measured: Measured, message: str = ""
    ) -> None:
        """Write a piece down.

        Args:
            piece: The piece.
            status: ``done``, ``partial`` or ``failed``.
            seconds: How long it took, processes and data included.
            measured: What came of it; of a partial one what there is.
            message: What went wrong.
        """
        before = self.pieces.get(piece.key, {})
        longer = len(before.get("measured", {}).get("curve", ())) > len(measured.get("curve", ()))
        self.pieces[piece.key] = {
            "part": piece.part,
            "parameters": piece.parameters,
            "kind": piece.kind,
            "status": status,
            "seconds": seconds,
            # An earlier call may have come further with the same run.
            "measured": before["measured"] if longer and status != "done" else measured,
            "message": message,
        }
        self.write()

    def write(self) -> None:
        """Write both files."""
        from gpu_tables import markdown

        from dse.files import write_atomically

        text = json.dumps({"sections": self._sections}, indent=1)
        write_atomically(self._folder / "gpu.json", text + "\n")
        write_atomically(self._folder / "gpu.md", markdown(self._sections))

    def seconds_needed(self, piece: Piece) -> float:
        """Guess how long a piece takes: as long as the longest of its kind, and longer than its own partial try."""
        taken = [
            found["seconds"]
            for key, found in self.pieces.items()
            if found["kind"] == piece.kind and (found["status"] == "done" or key == piece.key)
        ]
        return max(taken, default=FIRST_GUESS_SECONDS[piece.part])

    def left(self, pieces: list[Piece]) -> list[Piece]:
        """Give the pieces that are not done, those that failed last."""
        status = {key: found["status"] for key, found in self.pieces.items()}
        undone = [piece for piece in pieces if status.get(piece.key) != "done"]
        return sorted(undone, key=lambda piece: status.get(piece.key) == "failed")


class Measurer:
    """A process that measures, started when it is needed and again after it failed; a context manager.

    Args:
        settings: Of all pieces.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: Any = None
        self._connection: Any = None

    def measure(
        self, part: str, parameters: Measured, until: float, so_far: Callable[[Measured], None]
    ) -> tuple[str, Measured, str]:
        """Measure one piece; give its status, what was measured, and what went wrong.

        Args:
            part: Part of the piece.
            parameters: Its arguments.
            until: When it is stopped, by ``time.monotonic``.
            so_far: Is told what there is before the end.
        """
        if self._process is None:
            self._start()
        found: Measured = {}
        try:
            self._connection.send((part, parameters, until - time.monotonic()))
            while self._connection.poll(max(0.0, until - time.monotonic())):
                word, content = self._connection.recv()
                if word == "done":
                    return "done", content, ""
                if word == "failed":
                    self.stop()
                    return "failed", found, content
                found = content
                so_far(found)
        except (EOFError, OSError):
            self._process.join(RESERVE_SECONDS)
            code = self._process.exitcode
            self.stop()
            return "failed", found, f"the process that measured ended with code {code}"
        self.stop()
        return "partial", found, "stopped at the end of the minutes"

    def stop(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._connection.close()
        self._process.terminate()
        self._process.join(STOP_SECONDS)
        self._process.kill()  # one that waits for the device may ignore the first signal
        self._process.join()
        self._process = None

    def _start(self) -> None:
        # A fork would take along this program's threads, and with them their locks.
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, self._settings))
        self._process.start()
        there.close()

    def __enter__(self) -> Measurer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run the program; give its exit status."""
    end = time.monotonic()
    options = _parser().parse_args(arguments)
    end += 60 * options.minutes - RESERVE_SECONDS
    problem = _problem(options)
    if problem:
        print(f"Error: {problem}", file=sys.stderr)
        return 2
    with Measurer(_settings(options)) as measurer:
        status, machine, message = measurer.measure("machine", {}, end, lambda found: None)
        if status != "done":
            print(f"Error: {message}", file=sys.stderr)
            return 1
        results = Results(options.out, machine | {"code": code_fingerprint()} | _commit(options))
        results.write()
        failed = 0
        for piece, status in _run(results, measurer, plan(options), end):
            failed += status == "failed"
            print(f"{status:8}{results.pieces[piece.key]['seconds']:7.1f} s  {piece.key}", flush=True)
        left = results.left(plan(options))
    print(f"{len(left)} pieces are left" + (": call it again to go on." if left else "."))
    print(f"{options.out / 'gpu.md'}, {options.out / 'gpu.json'}")
    return 1 if failed else 0


def _serve(connection: Connection, settings: Settings) -> None:
    """Measure in a process of its own, the only one that knows torch."""
    from gpu_measures import serve

    serve(connection, settings)


def _run(
    results: Results, measurer: Measurer, pieces: list[Piece], end: float
) -> Iterator[tuple[Piece, str]]:
    """Measure what fits before the end; give each piece with its status."""
    for piece in results.left(pieces):
        started = time.monotonic()
        if started + results.seconds_needed(piece) > end:
            continue

        def so_far(found: Measured, piece: Piece = piece, started: float = started) -> None:
            results.record(piece, "partial", time.monotonic() - started, found, "not yet at its end")

        status, measured, message = measurer.measure(piece.part, _arguments(piece), end, so_far)
        results.record(piece, status, time.monotonic() - started, measured, message)
        yield piece, status


def _arguments(piece: Piece) -> Measured:
    """Give what the part's function takes; the rest of the parameters it knows from the settings."""
    settings = {"preset", "dataset", "epochs", "target", "code"}
    return {name: value for name, value in piece.parameters.items() if name not in settings}


def code_fingerprint(names: Iterable[str] = CODE) -> str:
    """Give twelve hexadecimal digits that depend on the content of these files and folders."""
    files = [path for name in names for path in sorted((ROOT / name).rglob("*.py")) or [ROOT / name]]
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _commit(options: argparse.Namespace) -> Measured:
    return {} if options.commit is None else {"commit": options.commit}


def _identity(machine: Measured) -> tuple[Any, ...]:
    return machine["device"], machine["versions"]["torch"], machine["code"]


def _read(path: Path) -> list[Measured]:
    if not path.is_file():
        return []
    sections: list[Measured] = json.loads(path.read_text(encoding="utf-8"))["sections"]
    return sections


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        data_dir=options.data_dir,
        dataset=options.dataset,
        device=options.device,
        preset=options.preset,
        epochs=options.epochs,
        target=options.target,
        repeats=options.repeats,
        turn_seconds=options.turn_seconds,
        peer=options.peer,
        out=options.out,
    )


def _problem(options: argparse.Namespace) -> str | None:
    """Say what is wrong with a call before a GPU waits for it."""
    from dse.data.datasets import find_dataset
    from dse.data.files import find_files

    dataset = find_dataset(options.dataset)
    if not dataset.built_in and not find_files(dataset, options.data_dir):
        return f"--data-dir {options.data_dir}: the files of {dataset.name} are not there, and none are downloaded."
    if options.peer is not None and not (options.peer / "src" / "model" / "layers.py").is_file():
        return f"--peer {options.peer}: this is no checkout of github.com/Alexei95/FasTrCaps."
    try:
        _read(options.out / "gpu.json")
    except (ValueError, KeyError, TypeError) as error:
        return (
            f"{options.out / 'gpu.json'}: it cannot be read ({error!r}). Move it away, or name another --out."
        )
    return None


def _names(allowed: tuple[str, ...]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is unknown; choose of {', '.join(allowed)}")
        # In the program's order, whatever the call's.
        return [name for name in allowed if name in names]

    return parse


def _at_least(least: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = kind(text)
        if not value >= least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return value

    return parse


def _batch_sizes(text: str) -> list[int]:
    sizes = [int(part) for part in text.split(",")]
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"{min(sizes)} is no batch size")
    return sizes


def _parser() -> argparse.ArgumentParser:
    summary, details = (__doc__ or "").split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    count = _at_least(1, int)
    add(
        "--data-dir",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="has MNIST's four files, or mnist/ in it",
    )
    add(
        "--out", type=Path, required=True, metavar="FOLDER", help="gpu.json and gpu.md; gone on with if there"
    )
    add("--minutes", type=_at_least(0, float), default=9.0, help="ends within them (default 9)")
    add("--peer", type=Path, metavar="FOLDER", help="checkout of github.com/Alexei95/FasTrCaps, to be raced")
    add("--device", default="cuda", help="cuda, cuda:N or cpu (default cuda)")
    add("--parts", type=_names(PARTS), default=list(PARTS), metavar="A,B", help=f"some of {','.join(PARTS)}")
    add("--precisions", type=_names(PRECISIONS), default=list(PRECISIONS), metavar="A,B",
        help=f"some of {','.join(PRECISIONS)}")  # fmt: skip
    add("--recipes", type=_names(RECIPES), metavar="A,B", help="of parts target and accuracy; default all, this order: "
        + ", ".join(RECIPES))  # fmt: skip
    add(
        "--batch-sizes",
        type=_batch_sizes,
        default=[128, 16, 1],
        metavar="B,B",
        help="of bench and epoch (128,16,1)",
    )
    add("--seeds", type=count, default=3, help="runs of each recipe (default 3)")
    add("--epochs", type=count, default=30, help="of a training run (default 30)")
    add("--target", type=float, default=0.9937, help="test accuracy (default 0.9937, the paper's baseline)")
    add("--repeats", type=count, default=5, help="turns of each contestant of bench (default 5)")
    add("--turn-seconds", type=_at_least(0, float), default=0.5, help="length of a turn (default 0.5)")
    add(
        "--preset",
        choices=("full", "small", "tiny"),
        default="full",
        help="size of the CapsNet (default full)",
    )
    add(
        "--dataset",
        choices=("mnist", "digits"),
        default="mnist",
        help="digits needs no files, to try this program",
    )
    add("--commit", metavar="NAME", help="what to call this code where there is no .git")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Stopped. What was done is written; call it again to go on.")
