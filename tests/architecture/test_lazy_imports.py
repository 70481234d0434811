"""Importing the package or its command line loads no heavy library."""

import subprocess
import sys

import pytest

HEAVY = {
    "arch",
    "daqp",
    "distributed",
    "exchange_calendars",
    "fastapi",
    "jax",
    "keras",
    "llvmlite",
    "numba",
    "optuna",
    "pandas",
    "plotly",
    "pyarrow",
    "scipy",
    "skfolio",
    "sklearn",
    "sqlite3",
    "statsmodels",
    "uvicorn",
    "xgboost",
    "yfinance",
}


def loaded_by(statement):
    """Heavy libraries in memory after a statement, in a process of its own."""
    code = f"{statement}\nimport sys\nprint(*sorted({{n.split('.')[0] for n in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split()) & HEAVY


@pytest.mark.parametrize(
    "statement", ["import tiltwise", "import tiltwise.cli", "import tiltwise; dir(tiltwise)"]
)
def test_nothing_heavy_is_loaded(statement):
    assert loaded_by(statement) == set()


def test_help_loads_nothing_heavy():
    """`tiltwise --help` answers in under a second only if it computes nothing."""
    statement = (
        "import contextlib, io, sys\n"
        "from tiltwise.cli import main\n"
        "sys.argv = ['tiltwise', '--help']\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main()"
    )
    assert loaded_by(statement) == set()


def test_the_calendar_loads_its_source_on_first_use():
    assert "exchange_calendars" not in loaded_by("from tiltwise import WEEKLY, Calendar")
    used = loaded_by("from tiltwise import Calendar; Calendar.exchange('XNYS', '2024-12-31')")
    assert "exchange_calendars" in used  # the probe sees what is loaded
