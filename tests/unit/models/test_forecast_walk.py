"""When forecasters learn: one split, a walk-forward, and averages from past errors."""

import dataclasses
import time

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.models.forecasters.contract import Forecast, Forecaster, next_returns
from tiltwise.models.forecasters.ensemble import Ensemble, combined, weights_of
from tiltwise.models.forecasters.naive import Constant, HistoricalMean, Persistence, Zero
from tiltwise.models.forecasters.ridge import Ridge
from tiltwise.models.forecasters.tree import Tree
from tiltwise.models.forecasters.walk import walk
from tiltwise.models.validation.refits import Holdout, Refits


def table(rows=60, features=4, targets=2, seed=0):
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2004-11-30", periods=rows, freq="ME", unit="ns")
    x = pd.DataFrame(rng.standard_normal((rows, features)), dates).add_prefix("f")
    y = 0.04 * pd.DataFrame(rng.standard_normal((rows, targets)), dates).add_prefix("a")
    y.iloc[-1] = np.nan  # the return after the last row is not known
    return x, y


def test_the_published_split():
    """3.07: 245 months from November 2004 to March 2025 are 196 and 49, in order, none lost."""
    months = pd.date_range("2004-11-30", "2025-03-31", freq="ME")
    assert len(months) == 245
    ((train, test),) = Holdout(0.8).split(months)
    assert (len(train), len(test)) == (196, 49)
    assert train.tolist() + test.tolist() == list(range(245))
    assert months[train[-1]] == pd.Timestamp("2021-02-28")


@pytest.mark.shared_data
def test_the_split_of_the_months_that_the_files_hold(shared):
    """3.07: the files end in December 2024: 242 months, 193 and 49; not the published sample."""
    prices = pd.read_parquet(shared / "vanguard_sector_monthly.parquet").loc["2004-10":]
    returns = prices.pct_change().iloc[1:]
    assert prices.notna().all(axis=None)
    assert len(returns) == 242
    ((train, test),) = Holdout(0.8).split(returns)
    assert (len(train), len(test)) == (193, 49)
    assert returns.index[test[0]].strftime("%Y-%m") == "2020-12"


def test_a_split_needs_both_sides():
    for rows, share in ((1, 0.8), (4, 0.1)):
        with pytest.raises(DataError, match="too few"):
            list(Holdout(share).split(rows))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Holdout(1.0)


@pytest.mark.parametrize(("every", "count"), [(1, 125), (12, 11), (200, 1)])
def test_a_walk_forward_expands(every, count):
    """3.08: the first forecast after ten years, every row after it once, training just before."""
    parts = list(Refits(120, every).split(245))
    assert len(parts) == count
    assert np.concatenate([test for _, test in parts]).tolist() == list(range(120, 245))
    for train, test in parts:
        assert train.tolist() == list(range(test[0]))
    with pytest.raises(DataError, match="none to forecast after the first 120"):
        list(Refits().split(120))


def test_each_forecast_is_learnt_from_earlier_rows():
    """3.08, 3.18: refits are recorded, and what follows a row changes no forecast of it."""
    x, y = table()
    models = {"mean": HistoricalMean(), "last": Persistence(), "ridge": Ridge()}
    found = walk(models, x, y, Refits(30, 6))
    assert list(found.tables) == list(models)
    assert all(t.shape == (30, 2) for t in found.tables.values())
    assert (found.learnt["ridge"] < found.learnt.index).all()
    assert found.learnt["ridge"].nunique() == 5
    assert found.learnt["last"].nunique() == 30
    np.testing.assert_array_equal(found.tables["last"], y.iloc[29:59])
    for cut in (30, 41, 59):
        changed, other = x.copy(), y.copy()
        changed.iloc[cut + 1 :] += 3.0
        other.iloc[cut:] -= 1.0
        again = walk(models, changed, other, Refits(30, 6))
        for name, told in found.tables.items():
            pd.testing.assert_frame_equal(
                told.loc[: x.index[cut]], again.tables[name].loc[: x.index[cut]], check_exact=True
            )


def test_a_single_split_learns_once_and_a_walk_forward_learns_more():
    """3.08: the two protocols on the same rows, side by side, where the relation turns."""
    x, y = table(200, 3, 2, 3)
    y = y + 0.05 * x[["f0"]].to_numpy() * np.where(np.arange(200) < 150, 1.0, -1.0)[:, None]
    models = {"ridge": Ridge(alphas=(5.0,))}
    once = walk(models, x, y, Holdout(0.7))
    again = walk(models, x, y, Refits(140, 1))
    assert once.learnt["ridge"].unique().tolist() == [x.index[139]]
    assert again.learnt["ridge"].nunique() == 60
    assert once.tables["ridge"].index.equals(again.tables["ridge"].index)
    np.testing.assert_array_equal(once.tables["ridge"].iloc[0], again.tables["ridge"].iloc[0])
    truth = y.tail(60)
    wrong = [((t.tables["ridge"] - truth) ** 2).mean(axis=None) for t in (once, again)]
    assert wrong[1] < wrong[0]


def test_threads_change_nothing():
    x, y = table()
    models = {"ridge": Ridge(), "last": Persistence()}
    one, two = walk(models, x, y, Refits(40)), walk(models, x, y, Refits(40), jobs=2)
    for name in models:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name], check_exact=True)


def test_forecasts_as_one_line_each():
    """3.18: target, model, the day it was made, the last day learnt from, the value."""
    x, y = table(14, 2, 3)
    found = walk({"zero": Zero(), "mean": HistoricalMean()}, x, y, Refits(10))
    lines = found.long()
    assert list(lines) == ["made", "model", "target", "learnt", "value"]
    assert len(lines) == 2 * 4 * 3
    assert (lines["learnt"] < lines["made"]).all()
    one = lines[(lines["model"] == "mean") & (lines["target"] == "a1")]
    np.testing.assert_array_equal(one["value"], found.tables["mean"]["a1"])


def test_forecasts_of_two_walks_are_joined_on_common_rows():
    x, y = table()
    monthly, yearly = (
        walk({"a": Zero()}, x, y, Refits(30)),
        walk({"b": Zero()}, x, y, Refits(40, 12)),
    )
    both = monthly.joined(yearly)
    assert list(both.tables) == ["a", "b"]
    assert len(both.tables["a"]) == len(both.tables["b"]) == len(both.learnt) == 20
    with pytest.raises(DataError, match="both have a"):
        monthly.joined(monthly)


@dataclasses.dataclass(frozen=True)
class Slow(Forecaster):
    """Says how many rows of features it was shown; needs three."""

    @property
    def lookback(self):
        return 3

    def fit(self, x, y):
        return Count()


class Count(Forecast):
    def predict(self, x):
        told = np.arange(3, len(x) + 1, dtype=float)
        return pd.DataFrame({"a0": told, "a1": told}, x.index[2:])


def test_a_model_that_looks_back_gets_the_rows_before():
    x, y = table(20)
    found = walk({"slow": Slow()}, x, y, Refits(10, 5)).tables["slow"]
    assert found["a0"].tolist() == [3.0, 4.0, 5.0, 6.0, 7.0] * 2
    with pytest.raises(DataError, match="fewer than 2 rows before it"):
        walk({"slow": Slow()}, x, y, Refits(1))


# ---------------------------------------------------------------------------------------- averages


def test_weights_come_from_past_errors_only():
    """3.37: weights of a row do not move with what happens on it or later; equal at first."""
    x, y = table(60)
    found = walk({"mean": HistoricalMean(), "last": Persistence()}, x, y, Refits(20)).tables
    average, weights = combined(found, y)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert (weights.iloc[:12] == 0.5).all(axis=None)
    assert weights["mean"].iloc[-1] > 0.6
    cut = 30
    other = y.copy()
    other.iloc[20 + cut :] = 9.0
    again, moved = combined(found, other)
    pd.testing.assert_frame_equal(weights.iloc[: cut + 1], moved.iloc[: cut + 1], check_exact=True)
    pd.testing.assert_frame_equal(average.iloc[: cut + 1], again.iloc[: cut + 1], check_exact=True)
    assert not np.allclose(weights.iloc[cut + 1], moved.iloc[cut + 1])
    past = y.index[20 : 20 + cut]
    errors = [((t.loc[past] - y.loc[past]) ** 2).mean(axis=None) for t in found.values()]
    by_hand = (1 / np.array(errors)) / (1 / np.array(errors)).sum()
    np.testing.assert_allclose(weights.iloc[cut], by_hand)


@pytest.mark.parametrize("seed", range(4))
def test_an_average_is_no_worse_than_its_worst_member(seed):
    """3.37: in squared error over all rows, and better than both here (their errors differ)."""
    x, y = table(150, 4, 3, seed)
    y = y + 0.02 * x[["f0"]].to_numpy()
    models = {"mean": HistoricalMean(), "ridge": Ridge(), "last": Persistence()}
    found = walk(models, x, y, Refits(60, 6)).tables
    average, _ = combined(found, y)
    wrong = {name: ((t - y.loc[t.index]) ** 2).mean(axis=None) for name, t in found.items()}
    assert ((average - y.loc[average.index]) ** 2).mean(axis=None) <= max(wrong.values())


def test_an_average_needs_the_same_rows():
    _, y = table(20)
    with pytest.raises(DataError, match="two models or more"):
        combined({"a": y}, y)
    with pytest.raises(DataError, match="same rows"):
        combined({"a": y, "b": y.tail(5)}, y)


def test_weights_from_errors():
    np.testing.assert_allclose(weights_of(np.array([1.0, 3.0])), [0.75, 0.25])
    np.testing.assert_allclose(weights_of(np.array([1.0, 3.0]), 0.0), [0.5, 0.5])
    np.testing.assert_allclose(weights_of(np.array([0.0, 3.0])), [1.0, 0.0])
    np.testing.assert_allclose(weights_of(np.array([1e-9, 2e-9]), 2.0), [0.8, 0.2])


def test_an_ensemble_weights_members_by_inner_errors():
    """3.37: within the training rows: the member that knows the relation gets more."""
    x, y = table(120, 4, 2, 5)
    y = y.fillna(0.0) + 0.06 * x[["f0"]].to_numpy()
    found = Ensemble((HistoricalMean(), Ridge())).fit(x, y)
    assert found.weights["Ridge"] > 0.6
    assert found.weights.sum() == pytest.approx(1.0)
    members = [member.predict(x.tail(3)).to_numpy() for member in found.members]
    by_hand = found.weights.iloc[0] * members[0] + found.weights.iloc[1] * members[1]
    np.testing.assert_allclose(found.predict(x.tail(3)), by_hand)
    alike = Ensemble((HistoricalMean(), Ridge()), power=0.0).fit(x, y)
    assert alike.weights.tolist() == [0.5, 0.5]
    assert isinstance(found.members[0], Constant)
    with pytest.raises(DataError, match="fitted for each row"):
        Ensemble((Persistence(), Zero()))


# ---------------------------------------------------------------------------- real data, and speed


@pytest.mark.shared_data
def test_persistence_is_a_weak_opponent_on_real_sectors(shared):
    """3.16: nine sectors, 2014-01 to 2024-12: errors 6.06, 4.06 and 4.15 % by baseline."""
    daily = pd.read_parquet(shared / "prices_sector_etf_daily.parquet")
    names = ["XLB", "XLE", "XLF", "XLI", "XLK", "XLP", "XLU", "XLV", "XLY"]
    returns = daily[names].dropna().resample("ME").last().pct_change().iloc[1:]
    y = next_returns(returns)
    x = pd.DataFrame({"nothing": 0.0}, y.index)
    models = {"last": Persistence(), "mean": HistoricalMean(), "zero": Zero()}
    first = int(y.index.searchsorted(pd.Timestamp("2013-12-31")))
    found = walk(models, x, y, Refits(first)).tables
    wrong = [100 * (t - y.loc[t.index]).abs().mean(axis=None) for t in found.values()]
    np.testing.assert_allclose(wrong, [6.06, 4.06, 4.15], atol=0.006)


def test_monthly_refits_over_twenty_years_are_quick():
    """Twelve assets, 135 features, 120 refits: well under a minute for ridge and tree together."""
    pytest.importorskip("sklearn")
    x, y = table(240, 135, 12)
    start = time.perf_counter()
    walk({"ridge": Ridge(), "tree": Tree()}, x, y, Refits(120))
    assert time.perf_counter() - start < 60.0
