"""What the page says about the study as a whole."""

from __future__ import annotations

from dse.record.clock import clock_of, noise_floor_of
from dse.record.noise import known_data
from dse.record.tables import StudyTables
from dse.record.timing import Timing
from dse.report.wording import PAPER, value_text
from dse.units import count_text, words


def study_facts(tables: StudyTables) -> dict[str, str]:
    """List data, protocol, objectives, device, trials and versions; empty where a fact is not known."""
    environment = tables.environment
    versions = environment.get("versions") or {}
    shown = [
        ("dse", environment.get("dse")),
        ("commit", environment.get("commit")),
        ("Python", environment.get("python")),
        *((name, versions.get(name)) for name in ("torch", "optuna")),
    ]
    return {
        "Data": _data(tables),
        "Protocol": _protocol(tables),
        "Objectives": ", ".join(words(name) for name in tables.objectives),
        "Target accuracy": value_text("accuracy", tables.target),
        "Search": _search(tables),
        "Trials": _states(tables),
        "Device": str(environment.get("device") or "") or _devices(tables),
        "Clock": _clock(tables),
        "Time in the training loop": _train_time(tables),
        "Versions": ", ".join(f"{name} {version}" for name, version in shown if version),
    }


def provenance(tables: StudyTables) -> list[tuple[str, str]]:
    """List all that was recorded of machine and code, and the versions of packages."""
    plain = {key: value for key, value in tables.environment.items() if key != "versions"}
    found = plain | (tables.environment.get("versions") or {})
    return [(words(str(name)), str(value)) for name, value in found.items() if value is not None]


def _data(tables: StudyTables) -> str:
    section = tables.space.get("data")
    name = str(section.get("name", "")) if isinstance(section, dict) else ""
    data = known_data(tables.space, tables.protocol)
    if data is None:
        return name
    name, split = f"{name} ({data.dataset.title})", data.split
    parts = [
        ("training", split.train_images),
        ("validation", split.validation_images),
        ("test", split.test_images),
    ]
    return f"{name}; images: " + ", ".join(f"{count:,} {part}" for part, count in parts if count)


def _protocol(tables: StudyTables) -> str:
    if tables.protocol == PAPER:
        return "paper: the test set chose each best epoch"
    return "holdout: a validation split chose, the test set is only reported"


def _search(tables: StudyTables) -> str:
    space = tables.space
    confidence = (
        f" with confidence {space.get('confidence', 0):g}" if space.get("stopping") == "dominated" else ""
    )
    parts = [
        ("sampler", space.get("sampler"), ""),
        ("stopping", space.get("stopping"), confidence),
        ("budget", space.get("budget"), ""),
        ("until", space.get("until_stable"), " trials add little"),
    ]
    return ", ".join(f"{name} {value}{more}" for name, value, more in parts if value)


def _states(tables: StudyTables) -> str:
    counts = tables.trials["state"].value_counts()
    order = sorted(counts.index, key=lambda state: (state != "complete", state))
    parts = ", ".join(f"{counts[state]:,} {words(str(state))}" for state in order)
    return count_text(len(tables.trials), "trial") + (f": {parts}" if parts else "")


def _devices(tables: StudyTables) -> str:
    return ", ".join(sorted({str(device) for device in tables.trials["device"].dropna() if device}))


def _clock(tables: StudyTables) -> str:
    """Say what train seconds are, how exact they are, and how many runs something else held up."""
    if clock_of(tables.environment) is not Timing.CALIBRATED:
        return "measured: what the stopwatch said" if "clock" in tables.environment else ""
    floor, disturbed = noise_floor_of(tables.environment), int(tables.trials["disturbed"].sum())
    parts = ["calibrated: what the steps take by themselves"]
    parts += [] if floor is None else [f"differences below {100 * floor:.1f} % are within noise"]
    return "; ".join([*parts, f"{count_text(disturbed, 'run')} disturbed"])


def _train_time(tables: StudyTables) -> str:
    seconds = float(tables.curves.groupby("trial")["measured_seconds"].max().sum())
    if seconds == 0:
        return ""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}, all trials together"
    return f"{seconds:.1f} s, all trials together"
