"""Marker of values smoothed with later rows, which decisions must not use.

Smoothed loadings or regimes of a day use the days after it. They describe; a decision built from
them would trade on the future. A class that holds such values sets ``hindsight = True``; a frame or
series taken from it carries the mark in its ``attrs``, where pandas keeps it through slices and
arithmetic. `Decision` refuses both. A bare array carries nothing: hand out frames.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import pandas as pd

MARK = "hindsight"
Labelled = TypeVar("Labelled", pd.DataFrame, pd.Series)


def marked(table: Labelled) -> Labelled:
    """Return a frame or series with the mark."""
    table.attrs[MARK] = True
    return table


def has_hindsight(value: Any) -> bool:
    """Whether a value, or one inside a mapping, list or tuple, is marked."""
    if isinstance(value, pd.DataFrame | pd.Series):
        return bool(value.attrs) and value.attrs.get(MARK) is True
    if isinstance(value, Mapping):
        return any(has_hindsight(inside) for inside in value.values())
    if isinstance(value, list | tuple):
        return any(has_hindsight(inside) for inside in value)
    return getattr(type(value), MARK, False) is True
