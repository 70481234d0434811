"""The sector rotation as its notebook runs it: revised data, one split, no leverage."""

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.calendar import MONTHLY
from tiltwise.claims.systems.sector_rotation import as_written as source
from tiltwise.claims.systems.sector_rotation import weights
from tiltwise.errors import MissingData
from tiltwise.features.macro.table import macro_features
from tiltwise.market.macro import fred_md

PREDICTED = [0.20, 0.16, 0.10, 0.05, 0.02, 0, -0.01, -0.02, -0.05, 0.01, 0.03, 0.15]
ACTUAL = np.array([0.02, -0.03, 0.01, 0, 0.04, -0.01, 0.02, 0.03, -0.04, 0.01, 0, 0.05])
NAMES = [f"S{n}" for n in range(12)]


def lessons(rows=120, seed=0):
    """Features that tell part of the return after their row."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2005-01-31", periods=rows, freq="ME", unit="ns")
    x = pd.DataFrame(rng.standard_normal((rows, 6)), dates, [f"f{n}" for n in range(6)])
    y = pd.DataFrame(0.03 * rng.standard_normal((rows, 2)), dates, ["A", "B"])
    y["A"] += 0.02 * x["f0"]
    y.iloc[-1] = np.nan
    return x, y


def test_the_published_month_through_positions_and_account():
    """3.22: -0.000547694, from the forecasts of the text's example to a path of prices."""
    dates = pd.DatetimeIndex(["2020-01-31", "2020-02-14", "2020-02-28"])
    told = pd.DataFrame([PREDICTED], dates[:1], NAMES)
    held = source.positions(told, source.TEXT)
    prices = pd.DataFrame(100.0, dates, NAMES)
    prices.iloc[1] *= np.linspace(0.9, 1.1, 12)  # a path inside the month changes nothing
    prices.iloc[2] *= 1.0 + ACTUAL
    found = source.account(held, prices)
    assert found.nav.iloc[-1] - 1.0 == pytest.approx(-0.000547694, abs=5e-10)
    assert found.held.iloc[0].sum() == pytest.approx(1.0)
    assert found.turnover.tolist() == pytest.approx([1.0, 0.0])


def test_positions_are_those_of_each_month_by_itself():
    """3.22, 3.24: rows at once as one by one; equal ones where nothing is expected to rise."""
    rng = np.random.default_rng(3)
    told = pd.DataFrame(rng.normal(0.02, 0.1, (40, 12)), columns=NAMES)
    told.iloc[7] = -0.01
    for plan in (source.TEXT, source.NOTEBOOK):
        found = source.positions(told, plan)
        for row in (0, 7, 39):
            alone = weights.month(told.iloc[row], plan.shrinkage, plan.threshold, plan.factor)
            np.testing.assert_allclose(found.iloc[row], alone.exposures, atol=1e-15)
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(found.iloc[7], 1 / 12)


def test_positions_drift_and_debts_grow():
    """By hand: two months, one of them with a fifth of the capital borrowed at 252 % a year."""
    dates = pd.DatetimeIndex(["2020-01-31", "2020-02-14", "2020-02-28", "2020-03-31"])
    prices = pd.DataFrame({"A": [1.0, 2.0, 2.0, 1.0], "B": [1.0, 1.0, 1.0, 1.0]}, dates)
    held = pd.DataFrame({"A": [0.5, 0.6], "B": [0.5, 0.6]}, dates[[0, 2]])
    found = source.account(held, prices, pd.Series(2.52, dates))
    assert found.returns.tolist() == pytest.approx([0.5, 0.0, -0.3 - 0.2 * 0.01])
    assert found.held["A"].tolist() == pytest.approx([0.5, 2 / 3, 0.6])
    assert found.turnover.tolist() == pytest.approx([1.0, 0.0, 0.6 - 1 / 3 + 2 / 3 - 0.6])
    assert found.weights["A"].tolist() == [0.5, 0.5, 0.6]
    assert (found.returns.index == found.held.index).all()


def test_a_month_end_without_a_row_trades_at_the_row_before_it():
    dates = pd.DatetimeIndex(["2020-01-30", "2020-02-14", "2020-02-28", "2020-03-31"])
    prices = pd.DataFrame({"A": [1.0, 2.0, 2.0, 1.0]}, dates)
    held = pd.DataFrame({"A": [1.0, 0.5]}, pd.DatetimeIndex(["2020-01-31", "2020-02-29"]))
    found = source.account(held, prices)
    assert found.returns.tolist() == pytest.approx([1.0, 0.0, -0.25])
    assert found.weights["A"].tolist() == [1.0, 1.0, 0.5]


def test_the_split_is_the_published_one():
    """3.07: 196 and 49 of 245 months; 193 and 49 of the 242 months up to 2024."""
    sizes = [[len(part) for part in next(source.SPLIT.split(n))] for n in (245, 242)]
    assert sizes == [[196, 49], [193, 49]]


@pytest.mark.parametrize("model", ["ridge", "tree", "network", "mean"])
def test_only_the_network_is_stopped_by_what_is_reported(model):
    """B18: other returns after the split change what the network learnt, and nothing else."""
    x, y = lessons()
    other = y.copy()
    other.iloc[96:] = -5.0 * other.iloc[96:].to_numpy()[::-1]
    for honest in (False, True):
        plan = source.OneSplit(model, honest=honest)
        tables = [plan.forecasts(x, table) for table in (y, other)]
        same = np.array_equal(*(table.to_numpy() for table in tables))
        assert same == (model != "network" or honest)
        assert len(tables[0]) == len(x)


def test_the_sortino_of_the_notebook_and_of_the_text_by_hand():
    """3.27: growth a year, less 4.27 % in the notebook, over the deviation of the bad months."""
    months = pd.Series([0.03, -0.01, 0.02, -0.03, 0.04, 0.01])
    growth = (1.03 * 0.99 * 1.02 * 0.97 * 1.04 * 1.01) ** 2 - 1
    notebook = (growth - 0.0427) / (0.01 * np.sqrt(12))  # deviation (n) of -1 % and -3 %
    readme = growth / (0.01 * np.sqrt(2) * np.sqrt(12))
    assert source.sortino(months) == pytest.approx(notebook)
    assert source.sortino(months, "readme") == pytest.approx(readme)
    assert np.isnan(source.sortino(months.clip(lower=-0.01, upper=0.01)))


def vintages():
    """Two series; each vintage revises the last months of the one before."""
    parts, months = [], pd.period_range("2014-01", "2016-12", freq="M")
    for number, label in enumerate(pd.period_range("2015-02", "2016-12", freq="M")):
        rows = months[months < label]
        level = 100.0 + np.arange(len(rows)) + 0.1 * number * (np.arange(len(rows)) % 3)
        table = pd.DataFrame({"UNRATE": level / 20.0, "INDPRO": level})
        table.insert(0, "date", rows.to_timestamp())
        table.insert(0, "vintage", str(label))
        parts.append(table)
    return fred_md.every_vintage(pd.concat(parts, ignore_index=True), "test")


def test_a_row_holds_what_the_newest_table_says_of_its_own_month():
    """B16: percent changes of the month that the row ends, revised; none was published by then."""
    plain = Market.synthetic(3, sessions=500)
    with pytest.raises(MissingData, match="vintages"):
        source.latest_changes(plain, plain.dates[:1])
    dates = pd.bdate_range("2015-01-02", "2016-12-30")
    prices = pd.DataFrame({"A": np.linspace(50.0, 60.0, len(dates))}, dates)
    m = Market.from_frames(prices=prices, vintages=vintages(), calendar="rows")
    ends = MONTHLY.sessions(m.calendar, m.dates[0], m.now)
    found = source.latest_changes(m, ends)
    newest = m.vintages.frame()["INDPRO"]
    change = 100.0 * (newest["2015-08-01"] / newest["2015-07-01"] - 1.0)
    row = found.index.to_period("M") == "2015-08"
    assert found.loc[row, "INDPRO"].item() == pytest.approx(change)
    known = 100.0 * macro_features(m, "changes")["INDPRO"]
    assert known[known.index.to_period("M") == "2015-08"].item() != pytest.approx(change)
    assert not found.isna().any().any()
    earlier = source.latest_changes(m.asof("2016-06-30"), ends[:12])
    assert not np.allclose(earlier, found.iloc[:12])
