"""Bad input to the factor systems: refused with what, where and what to do, or a recorded way out.

Each case is put to the package and, where a user can reach it, to the command line, whose exit code
is 2 for a wrong setting and 3 for wrong data.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise import Calendar, Market, cli, walk_forward
from tiltwise.errors import DataError, InfeasibleError, MissingData, StrategyError
from tiltwise.kernels.kalman import filter
from tiltwise.market.quality import quality
from tiltwise.models.factors.dynamic_loadings import LoadingWalk
from tiltwise.models.factors.statistical import PCAFactors
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import max_sharpe
from tiltwise.recipes.dynamic_loadings import DynamicLoadings
from tiltwise.recipes.residual_momentum import ResidualMomentum

NAMES = tuple("ABCDE")
FF = ["Mkt-RF", "SMB", "HML", "RMW", "CMA", "RF"]
SHORT = {"lookback": 300}


def prices(rows=800):
    rng = np.random.default_rng(0)
    days = Calendar.exchange("XNYS").between(pd.Timestamp("2015-01-01"), pd.Timestamp("2019-01-01"))
    steps = rng.normal(3e-4, 0.01, (rows, 5)) + rng.normal(0.0, 0.008, (rows, 1))
    return pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)), days[:rows].rename("date"), NAMES)


def factors(**fixed):
    days = prices().index
    values = np.random.default_rng(1).normal(0.0, 0.01, (len(days), 6))
    return pd.DataFrame(values, days, FF).assign(RF=1e-5, **fixed)


def residual(**given):
    return ResidualMomentum(universe=NAMES, **{**SHORT, **given})


def run(strategy, table, **given):
    return walk_forward(strategy, Market.from_frames(table, **given), start="2017-03-01")


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path):
    """Run a recipe on a table from the command line; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(recipe, table, *words, **companions):
        table.to_csv("prices.csv")
        for name, frame in companions.items():
            frame.to_csv(f"{name}.csv")
            words = (*words, f"--{name}", f"{name}.csv")
        told = ["run", recipe, "--data", "prices.csv", "--universe", "all", "-q", "--json"]
        monkeypatch.setattr(sys, "argv", ["tiltwise", *told, *words])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        assert code == 0 or not Path(".tiltwise/runs").exists()
        return code, out, err

    return call


@pytest.mark.parametrize("count", [5, 12, 0, -1])
def test_more_factors_than_assets(typed, count):
    """K >= N: names the window and the assets that have returns in it."""
    told = rf"{count} factors need .* between 201\d-.* there are 5: A, B, C, D, E"
    with pytest.raises(StrategyError, match=told):
        run(residual(factors=count), prices())
    with pytest.raises(StrategyError, match=told):
        run(DynamicLoadings(universe=NAMES, components=count), prices())
    for recipe, field in (("residual_momentum", "factors"), ("dynamic_loadings", "components")):
        words = ["--set", "lookback=300"] if recipe == "residual_momentum" else []
        code, out, err = typed(recipe, prices(), "--set", f"{field}={count}", *words)
        assert (code, out) == (2, "")
        assert f"{count} factors need" in err
        assert "fitted after the close of" in err


@pytest.mark.parametrize("name", ["HML", "CMA"])
def test_a_factor_column_of_zeros(typed, name):
    """A regressor that is zero throughout has no loading: named, with the last training row."""
    table = factors(**{name: 0.0})
    recipe = DynamicLoadings(universe=NAMES, factors="french")
    with pytest.raises(DataError, match=f"the factor {name} is zero on all .* leave it out"):
        run(recipe, prices(), factors=table)
    returns = prices().pct_change().iloc[1:]
    with pytest.raises(DataError, match=f"{name} is zero on all 799 training rows up to 2018-"):
        LoadingWalk.fit(returns, table[FF[:5]].iloc[1:])
    code, _, err = typed("dynamic_loadings", prices(), "--set", "factors=french", factors=table)
    assert (code, f"the factor {name} is zero" in err) == (3, True)
    # A factor that is zero for a while only is no fault.
    part = factors()
    part.loc[part.index[:100], name] = 0.0
    assert np.isfinite(run(recipe, prices(), factors=part).returns).all()


def test_all_factors_zero_or_missing(typed):
    for table in (factors() * 0.0, factors() * np.nan):
        with pytest.raises(DataError, match=r"zero or missing on every row|has 63 returns"):
            run(DynamicLoadings(universe=NAMES, factors="french"), prices(), factors=table)


def test_fewer_rows_than_the_window(typed):
    """Names the rows that are needed and those that are there."""
    few = Market.from_frames(prices(200))
    for strategy, needed in ((residual(), 300), (DynamicLoadings(universe=NAMES), 504)):
        with pytest.raises(MissingData, match=f"needs {needed} rows .* too few rows .200. for any"):
            walk_forward(strategy, few, few.dates[150])
    with pytest.raises(DataError, match=r"2 complete rows up to .* lengthen the lookback"):
        PCAFactors.fit(prices(3).pct_change().iloc[1:], 3)
    for recipe, needed in (("residual_momentum", 756), ("dynamic_loadings", 504)):
        code, _, err = typed(recipe, prices(200))
        assert code == 3
        assert f"needs {needed} rows and then a refit (yearly); the market has 200 rows" in err


@pytest.mark.parametrize("rows", [4, 40])
def test_missing_prices_in_the_middle(typed, rows):
    """No value is invented: the asset has no score and no weight, and the others go on.

    A model whose window lacks more than five of its returns leaves it out until the next one.
    """
    table = prices()
    gone = table.index[650 : 650 + rows]
    table.loc[gone, "B"] = np.nan
    result = run(residual(), table)
    score = result.decisions.evidence["score"]
    after = table.index[650 + rows]
    blind = score.index[(score.index >= gone[0]) & (score.index <= after)]  # no return yet either
    if rows > 5:
        blind = blind.union(score.index[score.index >= result.refits[-1]])
    np.testing.assert_array_equal(score.index[score["B"].isna()], blind)
    assert (result.weights.loc[blind, "B"] == 0.0).all()
    assert score.drop(columns="B").notna().to_numpy().all()
    assert np.isfinite(result.returns).all()
    found = [f for f in quality(table).findings if f.kind == "gap"]
    assert [(f.asset, pd.Timestamp(f.date)) for f in found] == [("B", gone[0])]
    code, out, _ = typed("residual_momentum", table, "--set", "lookback=300")
    assert code == 0
    assert json.loads(out)["metrics"]["sharpe"]["value"] is not None


def test_missing_prices_in_training_rows_are_counted():
    """A row or an asset is left out, and the model says which."""
    table = prices().pct_change().iloc[1:]
    table.iloc[100:103, 1] = np.nan
    assert PCAFactors.fit(table, 3).dropped_rows == 3
    table.iloc[100:140, 1] = np.nan
    found = PCAFactors.fit(table, 3)
    assert (found.assets, found.dropped_rows) == (("A", "C", "D", "E"), 0)


@pytest.mark.parametrize("cap", [0.19, 0.0, -1.0, float("nan")])
def test_a_cap_that_no_whole_book_meets(typed, cap):
    """B10: five assets under a cap below a fifth cannot add up to one."""
    with pytest.raises(InfeasibleError, match=r"cap=.* of 5 assets .* must be at least 0\.2"):
        DynamicLoadings(universe=NAMES, cap=cap)
    if cap == cap:
        flat = pd.DataFrame(np.eye(5) * 1e-4, NAMES, NAMES)
        with pytest.raises(InfeasibleError, match="upper bound"):
            max_sharpe(pd.Series(1e-4, NAMES), flat, 0.0, Limits(upper=cap))
    code, out, err = typed("dynamic_loadings", prices(), "--set", f"cap={cap}")
    assert (code, out) == (2, "")
    assert "must be at least 0.2" in err


@pytest.mark.parametrize("ratio", [-0.1, float("nan"), float("inf")])
def test_a_negative_variance(typed, ratio):
    """The ratio of variances, and each variance, where it is given."""
    with pytest.raises(StrategyError, match=r"adaptation=.* must be a ratio of variances"):
        residual(adaptation=ratio)
    y, x = np.ones((9, 2)), np.ones((9, 1))
    with pytest.raises(ValueError, match="need delta >= 0 and noise > 0"):
        filter.innovations(y, x, ratio, 1e-4)
    with pytest.raises(ValueError, match="need delta >= 0 and noise > 0"):
        filter.innovations(y, x, 1e-4, -1e-4)
    code, out, err = typed("residual_momentum", prices(), "--set", f"adaptation={ratio}")
    assert (code, out) == (2, "")
    assert f"adaptation={ratio} must be a ratio of variances" in err


@pytest.mark.parametrize(
    ("recipe", "setting", "told"),
    [
        ("residual_momentum", "quantile=0", "quantile=0.0 must be above 0"),
        ("residual_momentum", "quantile=nan", "quantile=nan must be above 0"),
        ("residual_momentum", "gross=-1", "gross=-1.0 must be positive"),
        ("dynamic_loadings", "embargo=-1", "embargo=-1 must not be negative"),
        ("dynamic_loadings", "components=many", "a value of type int is needed"),
    ],
)
def test_settings_that_mean_nothing(typed, recipe, setting, told):
    code, out, err = typed(recipe, prices(), "--set", setting)
    assert (code, out) == (2, "")
    assert told in err


def test_an_asset_that_never_moves(typed):
    """Zero variance: no surprise and no loadings, so no score, no expected return, no weight."""
    table = prices().assign(C=50.0)
    result = run(residual(), table)
    score = result.decisions.evidence["score"]
    np.testing.assert_allclose(score["C"], 0.0, atol=1e-12)
    assert score.drop(columns="C").abs().min().min() > 0.0
    result = run(DynamicLoadings(universe=NAMES), table)
    assert result.decisions.evidence["expected"]["C"].isna().all()
    assert (result.weights["C"] == 0.0).all()
    assert result.weights.sum(axis=1).to_numpy() == pytest.approx(1.0)
    (found,) = [f for f in quality(table).findings if f.severity == "error"]
    assert (found.kind, found.asset) == ("stale_run", "C")
    for recipe in ("residual_momentum", "dynamic_loadings"):
        words = ["--set", "lookback=300"] if recipe == "residual_momentum" else []
        assert typed(recipe, table, *words)[0] == 0


def test_no_asset_moves(typed):
    """Nothing to explain: refused, with the size of the window."""
    still = prices() * 0.0 + 50.0
    with pytest.raises(DataError, match="299 returns of 5 assets never vary: nothing to fit"):
        run(residual(), still)
    code, _, err = typed("dynamic_loadings", still)
    assert (code, "of 5 assets never vary" in err) == (3, True)
