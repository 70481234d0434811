"""Recorded trials of a family: comparison and labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from tiltwise.ledger import Ledger, Run
from tiltwise.research.robustness.sensitivity import Grid


def grid_of(run: Run, ledger: Ledger, seed: int = 0) -> Grid | None:
    """Return the best trial of a family with the average of all; None for fewer than two.

    Only trials on the run's data and period count, and none that was allowed to look ahead: their
    average has to be one that could have been held.
    """
    bodies = {
        entry.body["trial"]: entry.body
        for entry in ledger.entries("run", run.family)
        if all(entry.body[name] == getattr(run, name) for name in ("data_id", "start", "end"))
        and not entry.body["tainted"]
    }
    if len(bodies) < 2:
        return None
    table = ledger.returns(run.family)[list(bodies)].dropna()
    return Grid.of(labels(list(bodies.values())), table.to_numpy(), seed) if len(table) else None


def labels(bodies: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a text per recorded run with the settings that differ between runs."""
    settings = [{**_flat(body["strategy"]), **_flat(body["simulator"])} for body in bodies]
    names = dict.fromkeys(name for one in settings for name in one)
    differ = [n for n in names if any(one.get(n) != settings[0].get(n) for one in settings)]
    named = [n for n in differ if n != "strategy"]
    return [" ".join(f"{n}={_word(one[n])}" for n in named if n in one) for one in settings]


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings as one level, by innermost name (by path where it is ambiguous)."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            inner = _flat(value)
            flat |= {k if k not in flat else f"{name}.{k}": v for k, v in inner.items()}
        else:
            flat[name] = value
    return flat


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
