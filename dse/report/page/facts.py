"""What the page says about the study as a whole, and the words that it uses."""

from __future__ import annotations

from dse.data.datasets import DATASETS
from dse.record.noise import known_split
from dse.record.tables import StudyTables
from dse.report.page.html_parts import terms
from dse.report.wording import PAPER, value_text
from dse.units import words


def study_facts(tables: StudyTables) -> list[tuple[str, str]]:
    """List data, protocol, objectives, device, trials and versions; empty where a fact is not known."""
    environment = tables.environment
    versions = environment.get("versions") or {}
    shown = [
        ("dse", environment.get("dse")),
        ("commit", environment.get("commit")),
        ("Python", environment.get("python")),
        *((name, versions.get(name)) for name in ("torch", "optuna")),
    ]
    return [
        ("Data", _data(tables)),
        ("Protocol", _protocol(tables)),
        ("Objectives", ", ".join(words(name) for name in tables.objectives)),
        ("Target accuracy", value_text("accuracy", tables.target)),
        ("Search", _search(tables)),
        ("Trials", _states(tables)),
        ("Device", str(environment.get("device") or "") or _devices(tables)),
        ("Time in the training loop", _train_time(tables)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in shown if version)),
    ]


def _data(tables: StudyTables) -> str:
    section = tables.space.get("data")
    name = str(section.get("name", "")) if isinstance(section, dict) else ""
    if name in DATASETS:
        name = f"{name} ({DATASETS[name].title})"
    split = known_split(tables.space, tables.protocol)
    if split is None:
        return name
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
    parts = ", ".join(f"{counts[state]} {words(str(state))}" for state in order)
    return f"{len(tables.trials)}" + (f": {parts}" if parts else "")


def _devices(tables: StudyTables) -> str:
    return ", ".join(sorted({str(device) for device in tables.trials["device"].dropna() if device}))


def _train_time(tables: StudyTables) -> str:
    seconds = float(tables.curves.groupby("trial")["train_seconds"].max().sum())
    if seconds == 0:
        return ""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}, all trials together"
    return f"{seconds:.1f} s, all trials together"


def definitions(tables: StudyTables) -> str:
    """Say what the page's words mean."""
    paper = tables.protocol == PAPER
    pairs = [
        (
            "Train seconds",
            "Time in the training loop. Set-up (building, moving, warming up) and the evaluation after each epoch "
            "have clocks of their own and do not count.",
        ),
        (
            "Accuracy",
            "Share of the test images that are right, at the best epoch. The test set chose that epoch (protocol "
            "paper), so the number is somewhat better than new images would give."
            if paper
            else "Share of the validation images that are right, at the best epoch. The validation split chose that "
            "epoch. The test accuracy is the test set's share at the same epoch, and chose nothing.",
        ),
        (
            "Trial front",
            "The trials that no other complete trial beats: none is at least as good in every objective and better "
            "in one.",
        ),
        (
            "Anytime front",
            "The same over every epoch of every curve: this recipe, stopped after this epoch. A policy's rates were "
            "laid out over the full run, so stopping early is not the same as planning a shorter run.",
        ),
        (
            "Baseline",
            "The recipe that others are compared with; if it was trained with several seeds, their mean.",
        ),
        ("Time ratio", "A trial's time / the baseline's time."),
        (
            "Standard error",
            "Of a share p measured on n images: the square root of p (1 − p) / n. It covers the choice of images, "
            "not the luck of a seed.",
        ),
    ]
    return terms(pairs)
