"""Every example of the folder runs from beginning to end without a screen (0.39)."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

WRITTEN = {
    "prices.csv",
    "etf_returns.csv",
    "returns.json",
    "residuals_fixed.csv",
    "residuals_rolling.csv",
    "scree.json",
    "residuals.json",
    "walk_forward_config.csv",
    "experiment_results.csv",
    "per_fold.csv",
    "sensitivity.csv",
    "evidence.json",
    "evidence.html",
    "ledger",
}


def test_the_evidence_of_residual_momentum(tmp_path: Path) -> None:
    """Real prices of a short period; cells are marked for a notebook."""
    script = EXAMPLES / "residual_momentum_evidence.py"
    assert script.read_text("utf-8").count("\n# %%") >= 10
    done = subprocess.run(
        [sys.executable, str(script), "out", "sample:stocks", "2015-06-30"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert {p.name for p in (tmp_path / "out").iterdir()} == WRITTEN
    assert done.stdout.count("luck alone") == 3
    assert "Does the Kalman filter improve the signal?" in done.stdout


REGIMES = (
    "alarms", "conditions", "correlations", "events", "losses", "settings", "sharpes", "shifts",
    "singles",
)  # fmt: skip
FIGURES = (
    "ribbons", "importance", "centroids", "singles", "shifts", "sharpes", "sensitivity", "losses",
    "conditions", "active", "active-quantiles", "scatter",
)  # fmt: skip


def test_the_evidence_of_factor_regimes(tmp_path: Path) -> None:
    """4.10, 4.15, 4.55 to 4.58: five funds, out of sample, page and tables."""
    script = EXAMPLES / "regime_evidence.py"
    assert script.read_text("utf-8").count("\n# %%") >= 16
    done = subprocess.run(
        [sys.executable, str(script), "out"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = {p.stem: p for p in (tmp_path / "out").iterdir()}
    assert set(found) == {*REGIMES, "regimes"}
    page = found["regimes"].read_text("utf-8")
    assert all(f'data-figure="{key}"' in page for key in FIGURES)

    losses = pd.read_csv(found["losses"], index_col=0)
    assert (losses.diff().iloc[1:] <= 1e-9 * losses.iloc[0]).all().all()
    assert (losses.iloc[-1] < losses.iloc[0]).all()
    covariances = pd.read_csv(found["conditions"], index_col=0)
    assert (covariances["smallest"] > 0.0).all()
    assert covariances["condition"].between(1.0, 1e5).all()

    shifts = pd.read_csv(found["shifts"], index_col=0)
    assert (shifts.mean(axis=1).diff().iloc[1:] <= 0.0).all()
    events = pd.read_csv(found["events"], index_col=[0, 1, 2])
    assert len(events) == 3 * 5 * 3
    assert events.xs("2008 crisis", level="event")["sessions"].eq(0).all()
    assert events.xs("2020 crash", level="event")["sessions"].eq(24).all()

    settings = pd.read_csv(found["settings"], index_col=[0, 1])
    assert len(settings) == 15
    assert (settings["low"] < settings["sharpe"]).all()
    assert (settings["sharpe"] < settings["high"]).all()
    singles = pd.read_csv(found["singles"], index_col=0)
    assert singles["p_value"].between(0.0, 1.0).all()
    assert singles["sharpe"].abs().max() < 1.0  # nothing in these funds earns more than that
