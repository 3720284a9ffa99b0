"""Hypothesis strategies for recipes and their parts, made of the parts' own fields."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types as limits
from hypothesis import reject
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from dse.errors import RecipeError
from dse.section import OneOf, Section

# Where a field has no bound of its own: far enough for any law, near enough for numbers to stay exact.
LOW, HIGH = 0.01, 100


def one_of(kinds: Mapping[str, type[Section]]) -> st.SearchStrategy[Any]:
    """Draw a section of any registered kind."""
    return st.one_of(*(section(kind) for kind in kinds.values()))


@st.composite
def section(draw: st.DrawFn, kind: type[Section]) -> Any:
    """Draw a section with any values that it accepts. A default may follow from the values before it."""
    values: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        values[name] = draw(_field(field, values))
    try:
        return kind(**values)
    except RecipeError:
        reject()


def _field(field: FieldInfo, before: dict[str, Any]) -> st.SearchStrategy[Any]:
    registered = next((mark for mark in field.metadata if isinstance(mark, OneOf)), None)
    if field.examples:  # words that no bounds describe
        drawn = st.sampled_from(field.examples)
    else:
        drawn = one_of(registered.kinds) if registered else _values(field.annotation, field.metadata)
    if field.is_required():
        return drawn
    default = field.get_default(call_default_factory=True, validated_data=before)
    return st.one_of(st.just(default), drawn)


def _values(annotation: Any, marks: list[Any]) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _values(arguments[0], [*marks, *(_flat(annotation.__metadata__))])
    if origin in (Union, types.UnionType):
        return st.one_of(*(_values(argument, marks) for argument in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_values(arguments[0], []), min_size=1, max_size=3).map(tuple)
    if annotation is bool:
        return st.booleans()
    if annotation in (int, float):
        low = next((mark.ge for mark in marks if isinstance(mark, limits.Ge)), LOW)
        high = next((mark.le for mark in marks if isinstance(mark, limits.Le)), HIGH)
        high = next((mark.lt - LOW for mark in marks if isinstance(mark, limits.Lt)), high)
        return st.integers(int(low), int(high)) if annotation is int else st.floats(low, high)
    return section(annotation)


def _flat(marks: tuple[Any, ...]) -> list[Any]:
    return [part for mark in marks for part in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
