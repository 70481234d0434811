"""Interleaved timing of candidates in one process; medians are appended to results.jsonl.

The machine is shared, so the ratios count and not the milliseconds: the candidates take turns, and
a disturbance therefore hits all of them alike.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

RESULTS = Path(__file__).parent / "results.jsonl"
TURN = 0.02  # seconds that a fast candidate repeats itself in one turn


def arguments(description: str | None) -> argparse.Namespace:
    """Read the options that every benchmark has: date and repeats."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--date", help="day of the run, written to the record as given")
    parser.add_argument("--repeats", type=int, default=7, help="rounds over all candidates")
    return parser.parse_args()


def peer(module: str) -> ModuleType | None:
    """Import a peer library, or say that it is skipped and return None."""
    try:
        return importlib.import_module(module)
    except ImportError:
        print(f"skipped: {module} is not installed")
        return None


def interleave(candidates: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each candidate over ``repeats`` turns.

    A turn is one untimed call and then timed calls for ``TURN`` seconds, at least one; its result
    is their median. So a fast candidate is timed warm, whoever ran before it, and a call longer
    than a turn is timed once, without the untimed call after the first turn.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, call in candidates.items():
            if not seconds[name] or seconds[name][-1] < TURN:
                call()
            seconds[name].append(_turn(call))
    return {name: statistics.median(values) for name, values in seconds.items()}


def _turn(call: Callable[[], Any]) -> float:
    times: list[float] = []
    while sum(times) < TURN:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def record(
    name: str,
    medians: Mapping[str, float],
    base: str,
    date: str | None = None,
    **notes: Any,
) -> dict[str, Any]:
    """Append one line to results.jsonl and print it as a table.

    ``medians`` holds seconds by candidate. ``ratios`` says how many times longer each candidate
    took than ``base``. ``notes`` (sizes, what was scaled, errors between peers) go into the line.
    """
    line: dict[str, Any] = {
        "benchmark": name,
        "date": date,
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
        "numba": importlib.metadata.version("numba"),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),  # above cpus: disturbed, and threaded peers most
        "base": base,
        "medians_ms": {key: round(1e3 * value, 4) for key, value in medians.items()},
        "ratios": {key: round(value / medians[base], 2) for key, value in medians.items()},
        **notes,
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(f"\n{name}")
    for key, value in medians.items():
        print(f"  {key:45s} {1e3 * value:12.3f} ms {value / medians[base]:10.1f}x")
    return line
