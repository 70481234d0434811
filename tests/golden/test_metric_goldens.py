"""Frozen numbers of the metric definitions on twelve monthly returns."""

import numpy as np
import pytest

from tiltwise.evaluate.metrics import METRICS, summary

MONTHS = np.array([0.02, -0.01, 0.03, -0.04, 0.01, 0, 0.015, -0.02, 0.01, 0.005, -0.005, 0.03])

GOLDENS = {
    "total_return": 0.0435302833,
    "cagr": 0.0435302833,
    "ann_volatility": 0.0708872344,
    "sharpe": 0.6348110543,
    "max_drawdown": -0.04,
    "calmar": 1.0882570817,
    "sortino": 0.9761870602,
    "var_95": -0.029,
    "cvar_95": -0.04,
}


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(name: str) -> None:
    assert METRICS[name](MONTHS, 12) == pytest.approx(GOLDENS[name], abs=1e-9, rel=0)


def test_sharpe_with_the_population_deviation_is_a_different_number() -> None:
    population = METRICS["sharpe"](MONTHS, 12) * np.sqrt(12 / 11)
    assert population == pytest.approx(0.6630385218, abs=1e-9)


@pytest.mark.parametrize(("ddof", "golden"), [(1, 0.8118439690), (0, 0.9374366681)])
def test_the_subset_sortino_of_source_3_is_a_different_number(ddof: int, golden: float) -> None:
    losses = MONTHS[MONTHS < 0]
    as_written = METRICS["cagr"](MONTHS, 12) / (losses.std(ddof=ddof) * np.sqrt(12))
    assert as_written == pytest.approx(golden, abs=1e-9)
    assert METRICS["sortino"](MONTHS, 12) != pytest.approx(golden, abs=1e-2)


def test_summary_shows_the_goldens() -> None:
    import pandas as pd

    dates = pd.date_range("2020-01-31", periods=12, freq="ME")
    table = summary(pd.Series(MONTHS, dates))
    for name, golden in GOLDENS.items():
        assert table.loc[name, "value"] == pytest.approx(golden, abs=1e-9)
