"""What may have happened to a file: bytes, words and values that are cut, repeated, exchanged, or odd."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ODD_TEXTS = (
    # Numbers, and what looks like one
    *("-1", "0", "1", "0.5", "-0.0", "1e400", "1e308", "1e-320", "nan", "inf", "-inf", "9" * 30, "9" * 500),
    *("2147483648", "9223372036854775808", "0x7fffffff", "010", "1_000", "1:30", ".inf", ".nan"),
    # Words of spaces, recipes and tables
    *("null", "~", "true", "maybe", "2h", "99999999999d", "rest", "per_stage", "none", "digits", "capsnet"),
    *("{choices: []}", "{choices: [1, 1.0, true]}", "{choices: [[1], {a: 1}]}", "{low: 1, high: 0}"),
    *("{low: 1.0e-320, high: 1.0e+308, log: true}", "{low: 1, high: 9223372036854775808, integer: true}"),
    # Signs of YAML, JSON and CSV
    *("", " ", "[]", "{}", "[[]]", "&a [*a]", "*a", "<<: *a", "!!python/object/apply:os.system [ls]"),
    *("!!binary aGk=", "!!int ''", "!!set {a}", "? {a: 1}", "---", "...", "# ", ": ", "- ", ", ", "|", ">"),
    *("\n", "\t", "\r", "\r\n", "'", '"', "%", "@", "`", "\\", "\\ud800", '"\\ud800"'),
    # Characters that some program minds
    *("\x00", "\x1b[31m", "\x85", "\u2028", "\u202e", "\ufeff", "\uffff", "é" * 50, "\U0001f600"),
    *("$\\frac$", "<script>alert(1)</script>", "=1+1", "'=1", "../..", "/etc/passwd", "/dev/zero"),
    # Length and depth
    *("x" * 10_000, "[" * 3_000, "{a: " * 60, "[" * 40 + "]" * 40, '{"a":' * 2_000),
)

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 127, 10**6, 10**9, 2**31, 2**53 + 1, 2**63, 2**64, 10**30),
    *(10**390, -(10**390), 0.5, 1.0, -0.5, 0.0, -0.0, 1e-320, 1e-30, 1e30, 1e308),
    *(math.nan, math.inf, -math.inf),
    *([], {}, [[]], [{}], [None], [1, 2], {"": 1}, {"a": {"b": {"c": 1}}}),
    *({"choices": each} for each in ([], [1], [1, 2, 3], [1, 1.0, True], [None, "a", 2], [[1], [2]])),
    *({"choices": each} for each in (list(range(500)), {"a": 1})),
    *({"low": low, "high": high} for low, high in ((0.001, 0.01), (-1e308, 1e308), (1, 1))),
    *({"low": low, "high": high, "log": True} for low, high in ((0.001, 0.01), (5e-324, 1e308))),
    *({"low": low, "high": high, "integer": True} for low, high in ((1, 4), (1, 2**70), (0, 10**390))),
    *({"low": 2}, {"low": 1, "high": 2, "integer": False, "log": 1}),
    {"schedule": "stages", "stages": [{"epochs": "rest", "size": 1}]},
    {"schedule": "stages", "stages": [{"epochs": 1, "size": 1}] * 500},
    [{"policy": "fixed"}, {"policy": "fixed"}],
    *({"name": "imported", "import": "no.such:thing"}, {"import": "os:getcwd"}),
    *({"path": "/dev/zero"}, {"path": "/"}),
    *ODD_TEXTS,
)

# Where something happens, as a share of the length: a position stays one if the file is shortened.
_shares = st.floats(0, 1, exclude_max=True)


@st.composite
def spoilt_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Flip, cut, insert, repeat and exchange, one to four times."""
    for _ in range(draw(st.integers(1, 4))):
        at = int(draw(_shares) * len(content))
        end = at + draw(st.one_of(st.integers(1, 8), st.integers(1, max(1, len(content)))))
        part = content[at:end]
        match draw(st.sampled_from(["flip", "set", "remove", "cut", "insert", "odd", "repeat", "exchange"])):
            case "flip" if part:
                flipped = content[at] ^ (1 << draw(st.integers(0, 7)))
                content = content[:at] + bytes([flipped]) + content[at + 1 :]
            case "set":
                filling = draw(st.sampled_from([b"\x00", b"\xff", b"\x7f", b"\x80", b"0", b"9"]))
                content = content[:at] + filling * len(part) + content[end:]
            case "remove":
                content = content[:at] + content[end:]
            case "cut":
                content = content[:at]
            case "insert":
                content = content[:at] + draw(st.binary(min_size=1, max_size=8)) + content[at:]
            case "odd":
                content = content[:at] + draw(st.sampled_from(ODD_TEXTS)).encode() + content[at:]
            case "repeat":
                content = content[:at] + part * draw(st.sampled_from([2, 3, 50])) + content[end:]
            case "exchange":
                other = int(draw(_shares) * len(content))
                content = content[:other] + part + content[other:at] + content[end:]
        content = content[:1_000_000]
    return content


@st.composite
def spoilt_words(draw: st.DrawFn, text: str) -> bytes:
    """Exchange, remove, repeat and replace words and signs, one to four times."""
    words = re.findall(r"[\w.-]+|\s+|.", text)
    for _ in range(draw(st.integers(1, 4))):
        if not words:
            break
        one, other = (int(draw(_shares) * len(words)) for _ in range(2))
        match draw(st.sampled_from(["exchange", "remove", "repeat", "replace", "insert"])):
            case "exchange":
                words[one], words[other] = words[other], words[one]
            case "remove":
                del words[one]
            case "repeat":
                words[one] *= draw(st.sampled_from([2, 10, 1_000]))
            case "replace":
                words[one] = draw(st.sampled_from(ODD_TEXTS))
            case "insert":
                words.insert(one, draw(st.sampled_from(ODD_TEXTS)))
    return "".join(words).encode()


@st.composite
def spoilt_tree(draw: st.DrawFn, content: Any) -> Any:
    """Replace, remove, rename, wrap and exchange values of nested groups and lists, one to four times."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(content))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "replace", "remove", "rename", "wrap", "exchange", "repeat"])):
            case "replace":
                holder[key] = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
            case "remove":
                del holder[key]
            case "rename" if isinstance(holder, dict):
                new = draw(
                    st.one_of(
                        st.sampled_from(ODD_TEXTS), st.sampled_from([key for _, key in places if key != "<<"])
                    )
                )
                holder[new] = holder.pop(key)
            case "wrap":
                value = holder[key]
                holder[key] = draw(
                    st.sampled_from(
                        [
                            [value],
                            {"choices": [value]},
                            {"choices": value},
                            {str(key): value},
                            [value, value],
                            str(value),
                        ]
                    )
                )
            case "exchange":
                other, name = draw(st.sampled_from(places))
                holder[key] = copy.deepcopy(other[name])
            case "repeat" if isinstance(holder[key], list):
                holder[key] = holder[key] * draw(st.sampled_from([2, 100]))
    return content


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Give every value below, by what holds it and under which key; a few hundred at most."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(pairs)[:100]:
        yield content, key
        if isinstance(value, dict | list):
            yield from _places(value)
