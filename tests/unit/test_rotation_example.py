"""The evidence script of the sector rotation runs from beginning to end without a screen (3.36)."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "rotation_evidence.py"
MODELS = {"ridge", "tree", "network"}
BOOKS = {*MODELS, "ensemble", "nested selection", "equal weight"}
BASELINES = {"persistence", "expanding mean", "zero"}


def test_the_evidence_of_sector_rotation(tmp_path: Path) -> None:
    """3.34, 3.35, 3.36: cells of a notebook, headless; the tables and the page it leaves."""
    assert SCRIPT.read_text("utf-8").count("\n# %%") >= 12
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "out"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "82 months, forecast from 2016-01-29 to 2022-10-31; 126 features" in done.stdout
    assert "above nested selection" in done.stdout
    read = {p.stem: p for p in (tmp_path / "out").iterdir()}
    assert set(read) == {"skill", "importance", "chosen", "weights", "books", "rotation"}

    skill = pd.read_csv(read["skill"], index_col=0)
    assert set(skill.index) == (BOOKS - {"equal weight"}) | BASELINES
    assert (skill["rows"] == 82).all()
    assert skill.loc["expanding mean", "r2_oos"] == 0.0
    assert skill.loc["persistence", "r2_oos"] < skill.loc["zero", "r2_oos"]
    # The three models lie below the mean of the past, as on every set of real prices so far.
    assert (skill.loc[sorted(MODELS), "r2_oos"] < 0.0).all()
    importance = pd.read_csv(read["importance"], index_col=[0, 1])
    assert set(importance.index) == {(m, f) for m in MODELS for f in ("momentum", "reversal")}
    assert (importance["low"] < importance["high"]).all()
    assert set(pd.read_csv(read["chosen"], index_col=0)["model"]) <= MODELS
    weights = pd.read_csv(read["weights"], index_col=0)
    assert (weights.sum(axis=1) - 1.0).abs().max() < 1e-12
    books = pd.read_csv(read["books"], index_col=0)
    assert set(books.index) == BOOKS
    assert books["sharpe"].between(books["low"], books["high"]).all()

    page = read["rotation"].read_text("utf-8")
    for key in ("ridge", "tree", "network", "nested-selection"):
        assert f'data-figure="weights-{key}"' in page
