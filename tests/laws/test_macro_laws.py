"""Laws of monthly macro data: nothing is seen before its vintage, and nothing is rewritten."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.claims.systems.sector_rotation.macro_fill import macro_fill
from tiltwise.features.macro.table import macro_ages, macro_features
from tiltwise.market.macro import fred_md
from tiltwise.market.market import Market

SERIES = ("INDPRO", "UNRATE", "HOUST", "CPIAUCSL", "NONBORRES", "S&P PE ratio")
DAYS = pd.bdate_range("2018-10-01", "2020-12-31", unit="ns", name="date")


def rows_of(seed: int, count: int = 24) -> pd.DataFrame:
    """Vintages 2018-12 and later: every value revised in each, gaps, series that come and go."""
    rng = np.random.default_rng(seed)
    parts = []
    come = rng.integers(0, count, len(SERIES))
    come[0] = 0
    for v, label in enumerate(pd.period_range("2018-12", periods=count, freq="M")):
        months = pd.period_range("2018-01", label - 1, freq="M")
        level = 50 + rng.normal(0, 20, (len(months), len(SERIES)))
        level[rng.random(level.shape) < 0.1] = np.nan
        level[:, come > v] = np.nan
        level[-1, rng.random(len(SERIES)) < 0.4] = np.nan
        level[0, 0] = 1.0
        part = pd.DataFrame(level, columns=list(SERIES))
        part.insert(0, "date", months.to_timestamp())
        part.insert(0, "vintage", str(label))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def market(rows: pd.DataFrame, calendar: str = "rows") -> Market:
    days = DAYS if calendar == "rows" else pd.DatetimeIndex([d for d in DAYS if d in SESSIONS])
    rng = np.random.default_rng(0)
    walk = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (len(days), 2)), 0))
    prices = pd.DataFrame(walk, days, ["A", "B"])
    found = fred_md.every_vintage(rows, "test")
    return Market.from_frames(prices, vintages=found, calendar=calendar)


def sessions() -> set[pd.Timestamp]:
    from tiltwise.calendar import Calendar

    return set(Calendar.exchange("XNYS", "2020-12-31").between(DAYS[0], DAYS[-1]))


SESSIONS = sessions()
CUTS = st.integers(45, len(DAYS) - 1)
RULES = st.sampled_from(["codes", "changes"])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), row=CUTS, rule=RULES, calendar=st.sampled_from(["rows", "XNYS"]))
def test_a_feature_on_a_cut_is_that_of_the_whole(
    seed: int, row: int, rule: str, calendar: str
) -> None:
    """3.05, 3.06, B16, B17: truncation, bit for bit, values and ages."""
    whole = market(rows_of(seed), calendar)
    cut = whole.asof(DAYS[row])
    for function in (macro_features, macro_ages):
        short, long = (m.feature(function, rule=rule) for m in (cut, whole))
        assert list(long.columns[: short.shape[1]]) == list(short.columns)
        known = long.loc[: cut.now]
        assert short.index.equals(known.index)
        np.testing.assert_array_equal(known[short.columns].to_numpy(), short.to_numpy())
        assert known.drop(columns=short.columns).isna().all(axis=None)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), row=CUTS, rule=RULES)
def test_later_vintages_change_nothing_earlier(seed: int, row: int, rule: str) -> None:
    """3.06, B16: with the tables after a day revised, removed or new, all before it stays."""
    rows = rows_of(seed)
    day = DAYS[row]
    ends = pd.PeriodIndex(rows["vintage"], freq="M").end_time.normalize()
    late = np.asarray(ends > day)
    if late.all():
        return
    poisoned = rows.copy()
    poisoned.loc[late, list(SERIES)] = poisoned.loc[late, list(SERIES)] * -3.0 + 7.0
    poisoned["NEW"] = np.where(late, 1.0, np.nan)
    whole = market(rows)
    for other in (market(poisoned), market(rows[~late])):
        assert other.asof(day).id == whole.asof(day).id
        a, b = whole.asof(day).vintage, other.asof(day).vintage
        pd.testing.assert_frame_equal(a, b, check_exact=True)
        names = whole.asof(day).vintages.names
        known = macro_features(whole, rule, names).loc[:day]
        after = macro_features(other, rule, names).loc[:day]
        np.testing.assert_array_equal(after.to_numpy(), known.to_numpy())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), row=CUTS)
def test_no_value_is_used_before_its_vintage(seed: int, row: int) -> None:
    """3.06, B16: poison in the newest table known reaches exactly the rows from its day on."""
    rows = rows_of(seed)
    found = market(rows).asof(DAYS[row]).vintages
    if not len(found):
        return
    label = found.labels[-1]
    poisoned = rows.copy()
    own = rows["vintage"] == label
    poisoned.loc[own, "INDPRO"] = np.linspace(1000.0, 9000.0, own.sum()) ** 1.1
    before, after = (macro_features(market(r))["INDPRO"] for r in (rows, poisoned))
    day = pd.Timestamp(int(found.known[-1]))
    changed = (before != after) & (before.notna() | after.notna())
    assert not changed[before.index < day].any()
    following = before.index[(before.index >= day) & (before.index <= day + pd.Timedelta(days=20))]
    assert changed[following].all()


def test_a_planted_signal_meets_the_month_after_its_row() -> None:
    """3.06, B19: what a month-end row knows earned in the next month, and is in no other."""
    rng = np.random.default_rng(5)
    labels = pd.period_range("2018-12", "2020-12", freq="M")
    signal = dict(zip(labels, rng.normal(0, 0.05, len(labels)), strict=True))
    parts = []
    for label in labels:
        months = pd.period_range("2018-06", label - 1, freq="M")
        values = np.zeros(len(months))
        values[-1] = signal[label]  # the news of the vintage
        parts.append(pd.DataFrame({"vintage": str(label), "date": months.to_timestamp(),
                                   "VIXCLSx": values}))  # fmt: skip
    days = pd.bdate_range("2018-12-03", "2020-12-31", unit="ns", name="date")
    ends = pd.Series(days, days).groupby(days.to_period("M")).max()
    found = fred_md.every_vintage(pd.concat(parts, ignore_index=True), "test")
    # A weekend month end leaves the table of the month before; the return follows what is known.
    known = [labels[np.searchsorted(found.known, end.value, side="right") - 1]
             if end.value >= found.known[0] else None for end in ends]  # fmt: skip
    monthly = np.array([0.0, *[0.0 if k is None else signal[k] for k in known[:-1]]])
    level = 100 * np.cumprod(1 + monthly)
    prices = pd.DataFrame({"A": level[ends.index.get_indexer(days.to_period("M"))]}, days)
    planted = Market.from_frames(prices, vintages=found, calendar="rows")
    feature = macro_features(planted)["VIXCLSx"]
    returns = planted.prices["A"].loc[feature.index].pct_change()
    assert list(feature.index) == list(ends)
    pairs = pd.DataFrame({"x": feature, "next": returns.shift(-1), "same": returns}).dropna()
    assert len(pairs) >= 22
    assert np.corrcoef(pairs["x"], pairs["next"])[0, 1] == pytest.approx(1.0)
    assert abs(np.corrcoef(pairs["x"], pairs["same"])[0, 1]) < 0.7


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), carry=st.sampled_from([1, None]))
def test_filling_as_written_looks_ahead(seed: int, carry: int | None) -> None:
    """3.05, B17: forward fill then interpolation moves with the future; ours does not."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        rng.normal(size=(40, 3)), pd.date_range("2020-01-31", periods=40, freq="ME")
    )
    table.iloc[:5, 0] = np.nan
    table.iloc[10:15, 1] = np.nan
    filled = macro_fill(table, carry)
    assert filled.notna().all(axis=None)
    # The first row known before the series began is that series' first value, months later.
    moved = table.copy()
    moved.iloc[5, 0] += 1.0
    moved.iloc[15, 1] += 1.0
    again = macro_fill(moved, carry)
    assert (again.iloc[:5, 0] - filled.iloc[:5, 0]).to_numpy() == pytest.approx(np.ones(5))
    gap = (again.iloc[10:15, 1] - filled.iloc[10:15, 1]).to_numpy()
    assert (gap[1:] > 0).all() == (carry == 1)
