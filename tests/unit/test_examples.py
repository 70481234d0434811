"""Every example of the folder runs from beginning to end without a screen (0.39)."""

import subprocess
import sys
from pathlib import Path

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
