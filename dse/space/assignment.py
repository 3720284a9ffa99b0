"""Values of a space's parameters, and whoever picks them."""

from __future__ import annotations

from typing import Protocol

from typing_extensions import override

Scalar = str | int | float | bool | None
Assignment = dict[str, Scalar]


class Suggest(Protocol):
    """Picks values by the parameter's name; an Optuna trial does. Bounds are included."""

    def suggest_categorical(self, name: str, choices: list[Scalar]) -> Scalar: ...  # noqa: D102
    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...  # noqa: D102
    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...  # noqa: D102


class Assigned(Suggest):
    """Picks the values of an assignment."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment

    @override
    def suggest_categorical(self, name: str, choices: list[Scalar]) -> Scalar:
        return self._assignment[name]

    @override
    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return float(self._assignment[name])  # type: ignore[arg-type]

    @override
    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return int(self._assignment[name])  # type: ignore[arg-type]
