"""What regime models say to input they cannot use, and what they do where they can go on."""

import warnings

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.features.macro import daily
from tiltwise.features.regimes import FULL, SHORT
from tiltwise.market.market import Market
from tiltwise.market.readers.companions import dated_records
from tiltwise.models.regimes.clipping import ClippedScale
from tiltwise.models.regimes.factor_regimes import FactorRegimes, Setting
from tiltwise.models.regimes.jump_model import JumpModel, SparseJumpModel
from tiltwise.models.regimes.mixtures import GaussianHMM, GaussianMixture
from tiltwise.portfolio.black_litterman import Prior, Views, black_litterman
from tiltwise.portfolio.tracking_error import at_tracking_error

ROWS = 240
DAYS = pd.bdate_range("2015-01-01", periods=ROWS)
JUMP = (JumpModel, SparseJumpModel)
CHAINS = (GaussianHMM, GaussianMixture)


@pytest.fixture
def table():
    """Three features that feel a regime of every fifth ten-week block, by session."""
    rng = np.random.default_rng(1)
    storm = (np.arange(ROWS) // 50 % 2)[:, None]
    values = rng.normal(0.0, 1.0, (ROWS, 3)) + storm * [2.0, -1.5, 1.0]
    return pd.DataFrame(values, DAYS, ["down", "mean", "vix"])


@pytest.fixture
def returns():
    return pd.Series(np.random.default_rng(2).normal(0.0, 0.01, ROWS), DAYS)


@pytest.fixture(autouse=True)
def no_warnings():
    """Neither an error nor a fallback comes with a NumPy warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("model", JUMP)
def test_one_regime_only(model, table, returns):
    """Where no jump is worth its cost one state stays empty: no centre, no moments, never told."""
    one = model(jump_penalty=1e6).fit(table, returns)
    assert (one.labels_ == 0).all()
    assert np.isnan(one.centers_[1]).all()
    assert np.isnan(one.means_[1])
    assert one.means_[0] == pytest.approx(returns.mean())
    assert one.transitions_[0].tolist() == [1.0, 0.0]
    assert np.isnan(one.transitions_[1]).all()
    assert (one.filter(table * 100.0).labels == 0).all()
    if model is SparseJumpModel:
        assert one.converged_
        np.testing.assert_allclose(one.weights_, 3.0**-0.5)  # nothing to tell features apart by


@pytest.mark.parametrize("model", JUMP)
def test_a_feature_that_stands_still_changes_nothing(model, table, returns):
    """Spec 8.6: but for the number of features by which a sparse model divides its cost."""
    cost = 20.0 if model is JumpModel else 20.0 * np.sqrt(4.0 / 3.0)
    plain = model(jump_penalty=20.0).fit(table, returns)
    still = model(jump_penalty=cost).fit(table.assign(still=7.0), returns)
    assert still.labels_.equals(plain.labels_)
    if model is SparseJumpModel:
        assert still.weights_[3] == 0.0
    else:
        assert still.objective_ == pytest.approx(plain.objective_, rel=1e-12)


def test_nothing_moves_at_all(table, returns):
    flat = table * 0.0 + 3.0
    for model in JUMP:
        assert (model(jump_penalty=5.0).fit(flat, returns).labels_ == 0).all()
    for model in CHAINS:
        with pytest.raises(DataError, match="feature down, mean, vix never moves"):
            model().fit(flat, returns)
        with pytest.raises(DataError, match="feature still never moves"):
            model().fit(table.assign(still=7.0), returns)


@pytest.mark.parametrize("model", JUMP + CHAINS)
def test_a_feature_without_values_is_named(model, table, returns):
    with pytest.raises(DataError, match=r"feature vix has no value in 240 rows \(2015-01-01"):
        model().fit(table.assign(vix=np.nan), returns)
    with pytest.raises(DataError, match="feature 2 has no value"):
        model().fit(table.assign(vix=np.nan).to_numpy(), returns.to_numpy())
    table.iloc[7, 1] = -np.inf
    with pytest.raises(DataError, match="feature mean is infinite at 2015-01-12"):
        model().fit(table, returns)
    with pytest.raises(DataError, match="must be numbers"):
        model().fit(table.assign(vix="high"), returns)


@pytest.mark.parametrize("model", JUMP)
def test_a_hole_in_a_feature_is_lived_through(model, table, returns):
    """A week without one feature, and a row without any: the others tell, or the state stays."""
    whole = model(jump_penalty=20.0).fit(table, returns)
    holed = table.copy()
    holed.loc["2015-03-02":"2015-03-06", "vix"] = np.nan
    holed.iloc[150] = np.nan
    fitted = model(jump_penalty=20.0).fit(holed, returns)
    assert (fitted.labels_ == whole.labels_).mean() > 0.97
    known = whole.filter(holed).labels
    assert known.iloc[150] == known.iloc[149]
    blind = whole.filter(table.iloc[-5:] * np.nan, after=whole.filter(table)).labels
    assert (blind == whole.filter(table).labels.iloc[-1]).all()


@pytest.mark.parametrize("model", JUMP + CHAINS)
def test_more_states_than_rows(model, table, returns):
    with pytest.raises(DataError, match="5 states need at least as many rows, got 3"):
        model(5).fit(table[:3], returns[:3])
    with pytest.raises(DataError, match=r"n_states=2\.5 must be a whole number"):
        model(2.5).fit(table, returns)
    with pytest.raises(DataError, match="n_init=-1"):
        model(n_init=-1).fit(table, returns)


@pytest.mark.parametrize("model", JUMP)
def test_more_states_than_different_rows(model, table, returns):
    """Two rows over and over have two centres: the third state has none, and no error."""
    twice = pd.concat([table[:2]] * 30).set_axis(DAYS[:60])
    third = model(3, jump_penalty=0.0).fit(twice, returns[:60])
    assert np.isnan(third.centers_[2]).all()
    assert set(third.labels_) == {0, 1}


@pytest.mark.parametrize("model", JUMP)
@pytest.mark.parametrize(
    ("cost", "why"),
    [
        (-1.0, "got a negative one from state 0 to 1"),
        (np.nan, "got nan from state 0 to 1"),
        (np.inf, "got inf from state 0 to 1"),
        ([[0.0, 3.0], [-2.0, 0.0]], "got a negative one from state 1 to 0"),
        ([[0.0, 1.0, 2.0], [1.0, 0.0, 2.0]], r"got shape \(2, 3\)"),
        (1.0 - np.eye(3), r"got shape \(3, 3\)"),
        ([1.0, 2.0], r"got shape \(2,\)"),
    ],
)
def test_costs_that_are_none(model, cost, why, table, returns):
    """`4.08`: the matrix has as many rows and columns as there are states, and no gain."""
    with pytest.raises(DataError, match=f"jump_penalty must be finite, not negative.*{why}"):
        model(jump_penalty=np.multiply(cost, 1.0)).fit(table, returns)


@pytest.mark.parametrize("kept", [0.5, 0.0, -1.0, np.nan])
def test_fewer_than_one_feature(kept, table, returns):
    with pytest.raises(DataError, match=f"max_features={kept} must be at least 1"):
        SparseJumpModel(max_features=kept).fit(table, returns)
    with pytest.raises(DataError, match="max_rounds=0"):
        SparseJumpModel(max_rounds=0).fit(table, returns)


@pytest.mark.parametrize("model", JUMP + CHAINS)
def test_returns_that_sort_nothing(model, table, returns):
    """State 0 is the one in which most was earned; without returns of these rows nobody knows."""
    with pytest.raises(DataError, match=r"no row has a return.*rows are 2015.*returns 1990"):
        model().fit(table, returns.set_axis(pd.bdate_range("1990-01-01", periods=ROWS)))
    returns.iloc[3] = np.inf
    with pytest.raises(DataError, match=r"the return at 2015-01-06 .* is infinite"):
        model().fit(table, returns)


def test_a_scale_refuses_infinity(table):
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(DataError, match="infinite training value of vix"),
    ):
        ClippedScale.fit(table.assign(vix=np.inf))


NAMES = ["MKT", "A", "B", "C"]
VIEWS = pd.Series([0.03, -0.02, 0.01], ["A", "B", "C"])


def prior(sigma):
    return Prior(pd.DataFrame(sigma, NAMES, NAMES), pd.Series(0.25, NAMES))


def covariance():
    loads = np.random.default_rng(0).normal(0.0, 0.1, (4, 6))
    return loads @ loads.T


def test_a_singular_covariance():
    """`4.16`: two assets that are one are held alike; one that is the market has no view."""
    twins = covariance()
    twins[3], twins[:, 3] = twins[2], twins[:, 2]
    twins[3, 3] = twins[2, 2]
    views = Views.relative(VIEWS.drop("C"), "MKT", pd.Index(NAMES))
    for found in (
        black_litterman(prior(twins), views),
        at_tracking_error(prior(twins), views, 0.02),
    ):
        assert found.status == "optimal"
        assert found.weights.sum() == pytest.approx(1.0)
        assert (found.weights >= -1e-12).all()
        assert np.isfinite(found.weights).all()
    assert found.detail["tracking_error"] == pytest.approx(0.02, abs=1e-8)
    market = covariance()
    market[3], market[:, 3] = market[0], market[:, 0]
    market[3, 3] = market[0, 0]
    with pytest.raises(DataError, match="view C has no uncertainty"):
        black_litterman(prior(market), Views.relative(VIEWS, "MKT", pd.Index(NAMES)))


def test_what_is_no_covariance():
    views = Views.relative(VIEWS, "MKT", pd.Index(NAMES))
    crooked = covariance()
    crooked[0, 1] += 0.01
    with pytest.raises(DataError, match="covariance of MKT is not symmetric"):
        prior(crooked)
    with pytest.raises(DataError, match="view B has a negative variance"):
        black_litterman(prior(-covariance()), views)


def market(born=0, hole=None):
    """Two factors and their market; the second factor is listed late, the VIX has a hole."""
    days = pd.bdate_range("2010-01-04", periods=800, name="date")
    rng = np.random.default_rng(0)
    steps = rng.normal(3e-4, 0.01, (800, 1)) + rng.normal(0, 0.004, (800, 3))
    prices = pd.DataFrame(100 * np.cumprod(1 + steps, axis=0), days, ["MKT", "OLD", "NEW"])
    prices.loc[days[:born], "NEW"] = np.nan
    level = np.exp(1 + rng.normal(0, 0.03, (800, 3)).cumsum(axis=0))
    wide = pd.DataFrame(level, days, list(daily.SERIES))
    if hole is not None:
        wide.loc[hole, daily.VIX] = np.nan
    return Market.from_frames(prices, benchmark="MKT", macro=dated_records(wide), calendar="rows")


def test_a_factor_that_starts_later_than_the_market():
    """`4.02`: it is learned from its own sessions, and refused by name while they are too few."""
    late = market(born=400)
    old, new = (FactorRegimes.learn(late, name, "MKT") for name in ("OLD", "NEW"))
    assert np.isfinite(new.means).all()
    known = new.filter(late).labels.loc[late.dates[470] :]
    assert len(known) == 330
    assert known.nunique() == 2
    assert new.shares.sum() == pytest.approx(1.0)
    assert old.filter(late).labels.index[0] < late.dates[100]
    with pytest.raises(MissingData, match=r"NEW has 100 sessions \(from 2011-07-18\)"):
        FactorRegimes.learn(late.asof(late.dates[499]), "NEW", "MKT")
    with pytest.raises(MissingData, match="NEW has 0 sessions"):
        FactorRegimes.learn(late.asof(late.dates[300]), "NEW", "MKT")
    with pytest.raises(MissingData, match="GONE"):
        FactorRegimes.learn(late, "GONE", "MKT")


def test_the_volatility_index_is_missing_for_a_week():
    """`4.03`: its last value holds; the columns, the model and nearly all states stay."""
    days = market().dates
    whole, holed = (
        FactorRegimes.learn(m, "OLD", "MKT", (Setting(20.0),))
        for m in (market(), market(hole=days[500:505]))
    )
    assert holed.columns == whole.columns == FULL
    assert holed.reason == whole.reason
    features = holed.features(market(hole=days[500:505]))
    assert features["vix_21"].iloc[100:].notna().all()
    one = whole.filter(market()).labels
    two = holed.filter(market(hole=days[500:505])).labels
    assert (one == two).mean() > 0.95


def test_the_volatility_index_is_missing_for_long():
    """`4.04`: stale after ten days, so its column is empty and the others tell; or four columns."""
    days = market().dates
    gap = market(hole=days[500:560])
    learned = FactorRegimes.learn(gap, "OLD", "MKT", (Setting(20.0),))
    features = learned.features(gap)
    assert features["vix_21"].iloc[515:555].isna().all()
    assert features["return_21"].iloc[515:555].notna().all()
    assert learned.filter(gap).labels.reindex(days[515:555]).isin([0, 1]).all()
    late = FactorRegimes.learn(market(hole=days[:600]), "OLD", "MKT")
    assert late.columns == SHORT
    assert "complete on 178 of 800 sessions" in late.reason
