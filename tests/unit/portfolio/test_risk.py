"""Parts of risk (2.10)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.portfolio.active_risk import decompose

SIGMA = pd.DataFrame([[0.04, 0.01], [0.01, 0.09]], list("ab"), list("ab"))


def test_without_a_benchmark_it_is_the_volatility():
    parts = decompose(pd.Series({"b": 0.5, "a": 0.5}), SIGMA)
    assert parts.total == pytest.approx(np.sqrt(0.25 * 0.15))
    assert parts.contributions.sum() == pytest.approx(parts.total, abs=1e-16)
    step = 1e-6
    moved = decompose(pd.Series({"a": 0.5 + step, "b": 0.5}), SIGMA)
    assert parts.marginal["a"] == pytest.approx((moved.total - parts.total) / step, rel=1e-4)


def test_the_benchmark_itself_has_no_risk_and_no_margin():
    weights = pd.Series({"a": 0.3, "b": 0.7})
    parts = decompose(weights, SIGMA, weights)
    assert parts.total == 0.0
    assert parts.marginal.isna().all()
    assert (parts.contributions == 0.0).all()


def test_an_unknown_asset_is_named():
    with pytest.raises(DataError, match="c is held"):
        decompose(pd.Series({"a": 0.5, "c": 0.5}), SIGMA)
    with pytest.raises(DataError, match="c is in the benchmark"):
        decompose(pd.Series({"a": 0.5, "c": 0.0}), SIGMA, pd.Series({"c": 1.0}))
