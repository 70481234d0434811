"""Sharpe ratios before and after costs stand side by side, wherever runs are listed (1.15)."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]
DATA = ("--data", "synthetic:3", "-q")


def labels(out: str) -> list[str]:
    """First cells of the rows of a printed table."""
    return [m[1].strip() for m in re.finditer(r"^│ ([^│]+) │", out, re.MULTILINE)]


def test_every_table_of_runs_has_both(tiltwise: Command) -> None:
    """1.15: `run`, its report, `sweep` and `compare`; costs make the second the smaller."""
    found = []
    for cost in ("2", "20"):
        code, out, _ = tiltwise("run", "trend", *DATA, "--cost-bps", cost)
        assert code == 0
        rows = labels(out)
        assert rows.index("sharpe") == rows.index("gross_sharpe") + 1
        found.append(re.search(r"^run (\w+)$", out, re.MULTILINE)[1])  # type: ignore[index]
        page = Path(".tiltwise", "reports", f"{found[-1]}.html").read_text()
        assert "Sharpe ratio before costs" in page
    out = tiltwise("compare", *found)[1]
    rows = labels(out)
    assert rows.index("sharpe") == rows.index("gross_sharpe") + 1
    runs = json.loads(tiltwise("compare", *found, "--json")[1])["runs"]
    cheap, dear = runs
    assert cheap["gross_sharpe"] == pytest.approx(dear["gross_sharpe"], abs=0.01)
    assert dear["gross_sharpe"] - dear["sharpe"] > 5 * (cheap["gross_sharpe"] - cheap["sharpe"]) > 0
    out = tiltwise("sweep", "trend", *DATA, "--grid", "lookback=127,253", "--json")[1]
    for row in json.loads(out)["trials"]:
        assert row["gross_sharpe"] > row["sharpe"]
