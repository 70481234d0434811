"""Labels of configurations: the fields in which they differ."""

from collections.abc import Sequence
from typing import Any

from tiltwise.strategy import Strategy


def differing(strategies: Sequence[Strategy]) -> dict[str, list[Any]]:
    """Return each field that differs between strategies, with its value in each."""
    configurations = [strategy.describe() for strategy in strategies]
    names = dict.fromkeys(name for one in configurations for name in one)
    values = {name: [one.get(name) for one in configurations] for name in names}
    return {name: column for name, column in values.items() if any(v != column[0] for v in column)}


def labels(strategies: Sequence[Strategy]) -> list[str]:
    """Return a text per strategy with the fields that differ; the class name where none does."""
    fields = differing(strategies)
    return [
        " ".join(f"{name}={column[i]}" for name, column in fields.items()) or strategy.name
        for i, strategy in enumerate(strategies)
    ]
