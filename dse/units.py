"""Durations, numbers and names as people write and read them."""

from __future__ import annotations

import math
import re

UNIT_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
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


def value_text(value: object, unit: str) -> str:
    """Write a value with its unit for readers; empty if it is missing (None, NaN, NA).

    Args:
        value: A number.
        unit: ``s`` (seconds), ``J`` (joules), ``share`` (between 0 and 1, read in per cent), ``flops``, or ``count``.

    >>> value_text(0.98765, "share"), value_text(2.2, "s"), value_text(8215728, "count")
    ('98.77 %', '2.20 s', '8,215,728')
    >>> value_text(3.14e12, "flops"), value_text(None, "s")
    ('3.14 × 10¹²', '')
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except TypeError:
        return ""
    if math.isnan(number):
        return ""
    if unit == "share":
        return f"{100 * number:.2f} %"
    if unit in ("s", "J"):
        shown = f"{number:#.3g}".removesuffix(".") if number < 99.95 else f"{number:,.0f}"
        return f"{shown} {unit}"
    if unit == "flops" and abs(number) >= 1e6:
        digits, exponent = f"{number:.2e}".split("e")
        return f"{digits} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return f"{number:,.0f}"


def points_text(difference: float) -> str:
    """Write a difference of two shares in percentage points, with its sign.

    >>> points_text(-0.0125)
    '−1.25 points'
    """
    return f"{100 * difference:+.2f} points".replace("-", "−")


def count_text(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> count_text(1, "trial"), count_text(1200, "trial")
    ('1 trial', '1,200 trials')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def words(name: str) -> str:
    """Write a key of the tables for readers.

    >>> words("exponential_decay")
    'exponential decay'
    """
    return name.replace("_", " ")


def without_passwords(text: str) -> str:
    """Leave the passwords of URLs out of a text.

    What stands between a URL's user and the last ``@`` of the line is left out: a password may itself hold one.

    >>> without_passwords("--storage postgresql://me:p@ss@host/db"), without_passwords("http://host:80/")
    ('--storage postgresql://me@host/db', 'http://host:80/')
    >>> without_passwords("postgresql://host/db?user=me&password=secret&sslmode=require")
    'postgresql://host/db?user=me&password=...&sslmode=require'
    """
    if "://" not in text:
        return text
    text = re.sub(r"(://[^\s:/@]*):.*@", r"\1@", text)
    return re.sub(
        r"([?&][^=&\s]*(?:pass(?!file)|secret|token|pwd)[^=&\s]*)=[^&\s]*", r"\1=...", text, flags=re.I
    )


def clipped(text: str, most: int = 200) -> str:
    r"""Shorten a text that may have any length, and write out what no encoding knows.

    >>> clipped("abcdefgh", 6), clipped("\ud800")
    ('abc...', '\\ud800')
    """
    short = text if len(text) <= most else text[: most - 3] + "..."
    return short.encode("utf-8", "backslashreplace").decode("utf-8")
