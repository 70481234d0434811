"""The training table: labels of the next month, none of which looks beyond the fit."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import InfeasibleError, MissingData
from tiltwise.features.labels import LabelRule, training_table
from tiltwise.features.replication import ALWAYS, feature_rows, month_ends
from tiltwise.market.market import Market
from tiltwise.portfolio.replication.tracking import tracking_labels

DAYS = pd.bdate_range("2018-01-02", "2020-06-15", name="date")


@dataclasses.dataclass
class Book:
    weights: pd.Series
    labels: pd.Series


def nearest_pair(rows, track, cap, threshold):
    """The equally weighted pair of least tracking error: a tracking problem solved by looking."""
    pairs = map(list, itertools.combinations(rows.columns, 2))
    best = min(pairs, key=lambda pair: ((rows[pair].mean(axis=1) - track) ** 2).sum())
    weights = pd.Series(0.0, rows.columns)
    weights[best] = 0.5
    return Book(weights, weights > threshold)


def build(seed=0, last=None):
    rng = np.random.default_rng(seed)
    steps = rng.normal(3e-4, 0.008, (len(DAYS), 1)) + rng.normal(0, 0.008, (len(DAYS), 4))
    # The benchmark is half A and half B until 2019 is half over, then half C and half D.
    early = (DAYS < "2019-07-01")[:, None]
    index = np.where(early, steps[:, :2], steps[:, 2:]).mean(axis=1, keepdims=True)
    values = 100 * np.cumprod(1 + np.hstack([steps, index]), axis=0)
    prices = pd.DataFrame(values, DAYS, [*"ABCD", "MOM"])
    return prices if last is None else prices.loc[:last]


def wide(table):
    return table.labels.unstack("asset")  # noqa: PD010


def market(prices):
    return Market.from_frames(prices, benchmark="MOM", calendar="rows")


def test_labels_are_those_of_the_next_month():
    """2.07: features of a month end stand beside the book of the month that follows."""
    whole = market(build())
    ends = month_ends(whole)
    table = training_table(whole, "2020-03-10", nearest_pair)
    turn = pd.Timestamp("2019-06-28")
    found = wide(table)
    assert (found.loc[: turn - pd.Timedelta(days=1)] == [1, 1, 0, 0]).all().all()
    assert (found.loc[turn:] == [0, 0, 1, 1]).all().all()
    assert (table.weights[table.labels == 1] == 0.5).all()
    assert table.features.equals(
        feature_rows(whole, pd.DatetimeIndex(found.index)).reindex(table.labels.index)
    )
    assert tuple(table.features.columns) == ALWAYS
    assert table.dates.unique().tolist() == ends[:-4].tolist()
    assert table.notes[0].startswith("7 columns")


def test_labels_of_the_tracking_problem():
    """2.07: least squares with caps tell which assets the benchmark is made of."""
    rule = LabelRule(cap=0.6, threshold=0.1)
    found = wide(training_table(market(build()), "2020-03-10", tracking_labels, rule))
    turn = pd.Timestamp("2019-06-28")
    assert (found.loc[: turn - pd.Timedelta(days=1)] == [1, 1, 0, 0]).all().all()
    assert (found.loc[turn:] == [0, 0, 1, 1]).all().all()
    table = training_table(market(build()), "2020-03-10", tracking_labels)
    assert table.weights.groupby("date").sum().to_numpy() == pytest.approx(1.0)
    assert table.weights.max() <= 0.3 + 1e-12


@pytest.mark.parametrize("at", ["2019-12-30", "2019-12-31", "2020-01-02", "2020-02-14"])
@pytest.mark.parametrize("rule", [LabelRule(), LabelRule(horizon=3), LabelRule(purge=2)])
def test_no_label_looks_beyond_the_fit(at, rule):
    """2.07, 2.42: later closes may be anything or absent, the table keeps its bits."""
    prices, at = build(), pd.Timestamp(at)
    table = training_table(market(prices), at, nearest_pair, rule)
    assert (table.ends <= at).all()
    assert (table.ends > table.dates).all()
    ends = month_ends(market(prices.loc[:at]))
    assert table.dates[-1] == ends[-1 - rule.horizon - rule.purge]
    assert table.ends.iloc[-1] == ends[-1 - rule.purge]
    spoilt = prices.copy()
    spoilt.loc[DAYS[at < DAYS]] = np.random.default_rng(1).uniform(50, 150, spoilt.shape)[at < DAYS]
    for other in (spoilt, prices.loc[:at]):
        again = training_table(market(other), at, nearest_pair, rule)
        assert again.features.to_numpy().tobytes() == table.features.to_numpy().tobytes()
        assert again.labels.equals(table.labels)
        assert again.weights.equals(table.weights)
        assert again.ends.equals(table.ends)


def test_the_labeller_sees_the_returns_of_the_span_alone():
    """2.07: simple returns from the month end to the next, and the numbers of the rule."""
    seen = []

    def spy(rows, track, cap, threshold):
        seen.append((rows, track, cap, threshold))
        return nearest_pair(rows, track, cap, threshold)

    prices = build()
    table = training_table(market(prices), "2019-03-01", spy, LabelRule(0.4, 0.01))
    start, end = table.dates[-1], table.ends.iloc[-1]
    assert (f"{start:%F}", f"{end:%F}") == ("2019-01-31", "2019-02-28")
    span = prices.loc[start:end].pct_change().iloc[1:]
    rows, track, cap, threshold = seen[-1]
    assert list(rows.columns) == list("ABCD")
    np.testing.assert_array_equal(rows, span[list("ABCD")])
    np.testing.assert_array_equal(track, span["MOM"])
    assert (cap, threshold) == (0.4, 0.01)


def test_assets_and_months_without_a_label_are_left_out():
    """B13, 2.32: an asset not listed for the whole span has no row; a refused month is named."""
    prices = build()
    prices.loc[:"2018-10-10", "D"] = np.nan
    prices.loc["2019-02-12", "A"] = np.nan
    found = wide(training_table(market(prices), "2020-03-10", nearest_pair))
    # On 2018-10-31 there is a label of D, but not one of its features is known yet.
    assert found["D"].first_valid_index() == pd.Timestamp("2018-11-30")
    assert found["A"].isna().sum() == 1
    assert np.isnan(found.loc["2019-01-31", "A"])

    def refuses(rows, track, cap, threshold):
        if rows.shape[1] < 4:
            raise InfeasibleError("three assets at most 30 % each are no whole book")
        return nearest_pair(rows, track, cap, threshold)

    table = training_table(market(prices), "2020-03-10", refuses)
    assert table.dates[0] == pd.Timestamp("2018-10-31")
    assert "2019-01-31 left out: three assets" in " ".join(table.notes)
    with pytest.raises(MissingData, match="no month with a label is over"):
        training_table(market(build()), "2018-02-20", nearest_pair)


def test_a_value_that_is_not_known_stays_missing():
    """2.03: no row of the table holds a zero in place of a momentum that cannot be computed."""
    table = training_table(market(build()), "2020-03-10", nearest_pair)
    assert table.features["mom_12"].isna().any()
    assert not (table.features == 0).any().any()
