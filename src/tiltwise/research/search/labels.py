"""What tells configurations apart, in words."""

from collections.abc import Sequence
from typing import Any

from tiltwise.strategy import Strategy


def differing(strategies: Sequence[Strategy]) -> dict[str, list[Any]]:
    """Return each field that is not the same in all strategies, with its value in each."""
    told = [strategy.describe() for strategy in strategies]
    names = dict.fromkeys(name for one in told for name in one)
    values = {name: [one.get(name) for one in told] for name in names}
    return {name: column for name, column in values.items() if any(v != column[0] for v in column)}


def labels(strategies: Sequence[Strategy]) -> list[str]:
    """Return a text per strategy that names what differs; the class name where nothing does."""
    fields = differing(strategies)
    return [
        " ".join(f"{name}={column[i]}" for name, column in fields.items()) or strategy.name
        for i, strategy in enumerate(strategies)
    ]
