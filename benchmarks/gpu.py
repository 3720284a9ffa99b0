"""Measure on a GPU all that wants one, within given minutes; called again, it resumes.

Parts, in this order: smoke (every kind of step is captured, replayed and compared with the reference); profile (the
kernels of a step and their time); alternatives (what may yet win, side by side); ``dse bench`` at each batch size,
sharing and precision; seconds of an epoch; seconds of training to a test accuracy for the paper's recipes; accuracy of
whole runs in each precision; the tests that need a GPU. Every piece is written to OUT/gpu.json and gpu.md the moment
it is done, and is not measured again on the same device, versions and code. A training run that the end of the minutes
cuts short leaves its curve so far, marked.

Needs torch, torchvision, numpy, pydantic, PyYAML, safetensors and scikit-learn, and pytest with hypothesis for the
tests; dse itself need not be installed. Nothing is downloaded. Exit status: 0 if nothing failed, 1 if a piece did, 2
if the call is wrong.

    python benchmarks/gpu.py --data-dir data --peer data/FasTrCaps --minutes 9 --out results/gpu
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gpu_plan import (
    PARTS,
    PRECISIONS,
    RECIPES,
    RESERVE_SECONDS,
    Measured,
    Piece,
    Settings,
    code_fingerprint,
    plan,
)
from gpu_process import Measurer
from gpu_results import Results, read_sections


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

        status, measured, message = measurer.measure(piece.part, piece.arguments, end, so_far)
        results.record(piece, status, time.monotonic() - started, measured, message)
        yield piece, status


def _commit(options: argparse.Namespace) -> Measured:
    return {} if options.commit is None else {"commit": options.commit}


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
        read_sections(options.out / "gpu.json")
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
    add("--out", type=Path, required=True, metavar="FOLDER", help="gpu.json and gpu.md; resumed if there")
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
        help="of all but runs (default 128,16,1)",
    )
    add("--seeds", type=count, default=3, help="runs of each recipe (default 3)")
    add("--epochs", type=count, default=30, help="of a training run (default 30)")
    add("--target", type=float, default=0.9937, help="test accuracy (default 0.9937, the paper's baseline)")
    add(
        "--repeats",
        type=count,
        default=3,
        help="turns of each contestant of bench and alternatives (default 3)",
    )
    add("--turn-seconds", type=_at_least(0, float), default=0.3, help="length of a turn (default 0.3)")
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
