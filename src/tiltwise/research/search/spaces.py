"""Search spaces: points on the axes of a strategy's fields, and the configurations they give."""

import contextlib
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from tiltwise.errors import StrategyError
from tiltwise.research.search.axes import Axis, Ratio, rounded
from tiltwise.strategy import Strategy

Space = Mapping[str, Axis]
Point = Mapping[str, float]
"""Coordinates by field; see `tiltwise.research.search.axes`."""


def configuration(space: Space, point: Point, strategy: Strategy) -> dict[str, Any]:
    """Return the fields at a point of the space; `strategy` supplies fields without an axis.

    Raises
    ------
    StrategyError
        A ratio is of something that is not a number.
    """
    fields = {name: axis.at(point[name]) for name, axis in space.items()}
    for name, axis in space.items():
        if isinstance(axis, Ratio):
            base = fields[axis.of] if axis.of in fields else field(strategy, axis.of)
            if not isinstance(base, int | float):
                raise StrategyError(f"{name} is a multiple of {axis.of}, which is {base!r}")
            product = rounded(base * fields[name])
            fields[name] = round(product) if axis.whole else product
    return fields


def changed(strategy: Strategy, values: Mapping[str, Any]) -> Strategy:
    """Return the strategy with other fields; ``strategy.factors`` is one of a wrapped strategy."""
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        head, _, rest = path.partition(".")
        if rest:
            inner.setdefault(head, {})[rest] = value
        else:
            own[head] = value
    own |= {head: changed(getattr(strategy, head), part) for head, part in inner.items()}
    return dataclasses.replace(strategy, **own)  # type: ignore[type-var]


def corners(space: Space, strategy: Strategy) -> tuple[Strategy, ...]:
    """Return the strategy, and variants with one field at an end, or at each value, of its axis.

    Invalid ones are left out.
    """
    variants = [strategy]
    for name, axis in space.items():
        places = (0.0, 1.0) if axis.size is None else (0, axis.size - 1)
        every = range(axis.size) if axis.size and not axis.ordered else places
        for place in every:
            with contextlib.suppress(StrategyError):
                values = configuration({name: axis}, {name: place}, strategy)
                variants.append(changed(strategy, values))
    return tuple(variants)


def field(strategy: Strategy, path: str) -> Any:
    """Return a field, or one of a wrapped strategy.

    Raises
    ------
    StrategyError
        There is no such field; the message lists those there are.
    """
    try:
        return functools.reduce(getattr, path.split("."), strategy)
    except AttributeError:
        names = [f.name for f in dataclasses.fields(strategy)]  # type: ignore[arg-type]
        raise StrategyError(
            f"{strategy.name} has no field {path}: it has {', '.join(names)}"
        ) from None


def checked(space: Space, strategy: Strategy) -> tuple[str, ...]:
    """Return remarks on a space; raises where an axis names no field.

    Raises
    ------
    StrategyError
        The space is empty, a field is unknown, or a ratio is of another ratio.
    """
    if not space:
        raise StrategyError("there is nothing to tune: give at least one axis")
    notes = []
    for name, axis in space.items():
        field(strategy, name)
        if not isinstance(axis, Ratio):
            continue
        field(strategy, axis.of)
        if axis.of == name or isinstance(space.get(axis.of), Ratio):
            raise StrategyError(f"{name}={axis}: {axis.of} must not be a ratio itself")
        ends = [axis.at(x) for x in ((0, axis.size - 1) if axis.size else (0.0, 1.0))]
        if min(ends) < 1 < max(ends):
            notes.append(f"{name}={axis}: which of the two is larger was left to the search")
    return tuple(notes)
