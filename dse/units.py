"""Durations as people write them."""

from __future__ import annotations

import re

UNIT_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*")


def parse_duration(text: str) -> float:
    """Read a duration in seconds.

    Raises:
        ValueError: It is no sum of numbers with the units s, min, h and d, or it is 0.

    >>> parse_duration("2h"), parse_duration("1 h 30 min"), parse_duration("0.5s")
    (7200.0, 5400.0, 0.5)
    """
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise ValueError(
            f"{text!r} is no duration. Give numbers with the units s, min, h or d, as in 90min or 2h."
        )
    seconds = sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)
    if not seconds:
        raise ValueError(f"{text!r} leaves no time to train. Give more than 0 s.")
    return seconds


def format_duration(seconds: float) -> str:
    """Write a duration in two units at most.

    >>> format_duration(75), format_duration(7_500)
    ('1 min 15 s', '2 h 5 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
