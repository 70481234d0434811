"""``tiltwise doctor``: versions, extras, the kernel cache, and a warm-up."""

import importlib.metadata
import importlib.util
import os
import platform
import sys
import time
from typing import Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Json, Quiet
from tiltwise.version import __version__

EXTRAS = {
    "research": ("arch", "optuna", "skfolio", "sklearn", "statsmodels", "xgboost"),
    "jax": ("jax",),
    "nets": ("jax", "keras"),
    "yahoo": ("yfinance",),
    "dashboard": ("fastapi", "jinja2", "uvicorn"),
    "cluster": ("distributed",),
}
CORE = ("exchange-calendars", "numba", "numpy", "pandas", "pyarrow")


def doctor(
    warmup: Annotated[bool, typer.Option(help="compile every kernel once")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check the installation; with --warmup, compile everything once.

    Example: tiltwise doctor --warmup
    """
    findings = examine(warmup, quiet)
    if json:
        console.emit_json(findings)
    else:
        console.table("doctor", ["what", "found"], [[k, str(v)] for k, v in findings.items()])


def examine(warmup: bool, quiet: bool) -> dict[str, Any]:
    """Return versions, extras, the kernel cache and, if asked, the seconds of a warm-up."""
    from tiltwise.kernels import jit

    findings: dict[str, Any] = {
        "tiltwise": __version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        **{name: importlib.metadata.version(name) for name in CORE},
        "kernel cache": "on disk" if jit.CACHED else "off: set TILTWISE_CACHE to a writable folder",
    }
    for extra, modules in EXTRAS.items():
        absent = [m for m in modules if importlib.util.find_spec(m) is None]
        missing = f"missing {', '.join(absent)}: pip install 'tiltwise[{extra}]'"
        findings[f"extra {extra}"] = missing if absent else "installed"
    if warmup:
        findings["warm-up seconds"] = round(warm(quiet), 2)
    return findings


def warm(quiet: bool) -> float:
    """Run every recipe once on an invented market, so that every kernel is compiled."""
    import dataclasses

    from tiltwise import recipes
    from tiltwise.backtest.walk_forward import first_start, walk_forward
    from tiltwise.evaluate.metrics import summary
    from tiltwise.market.market import Market

    started = time.perf_counter()
    market = Market.synthetic(0, sessions=1200)
    known = recipes.discover()
    with console.progress("compiling kernels", quiet) as bar:
        for i, recipe in enumerate(known.values()):
            one = dataclasses.replace(recipe(), universe=market.assets)  # type: ignore[type-var]
            strategy = one.shorter(800)
            start = first_start(strategy, market)
            stop = market.dates[min(int(market.dates.searchsorted(start)) + 80, len(market) - 1)]
            for vectorised in (True, False):
                summary(walk_forward(strategy, market, start, stop, vectorised=vectorised))
            if bar:
                bar(i + 1, len(known))
    sys.stderr.flush()
    return time.perf_counter() - started
