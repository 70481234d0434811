"""The audit changes macro vintages too: values as revised later are caught."""

import dataclasses
import functools

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.calendar import MONTHLY
from tiltwise.features.macro.table import macro_features
from tiltwise.lookahead import audit
from tiltwise.lookahead.cuts import publications
from tiltwise.lookahead.perturb import Futures, rebased
from tiltwise.market.macro import fred_md
from tiltwise.strategy import Decision, Strategy


@functools.cache
def market() -> Market:
    """Two assets over fourteen months, and a vintage a month of which each revises the last."""
    days = pd.bdate_range("2020-01-01", "2021-02-26", unit="ns", name="date")
    rng = np.random.default_rng(3)
    steps = 0.01 * rng.standard_normal((len(days), 2))
    prices = pd.DataFrame(100 * np.exp(np.cumsum(steps, axis=0)), days, ["A", "B"])
    parts = []
    for label in pd.period_range("2020-02", "2021-01", freq="M"):
        months = pd.period_range(end=label - 1, periods=8, freq="M").to_timestamp()
        levels = rng.uniform(3.0, 9.0, (8, 2))
        parts.append(
            pd.DataFrame({"vintage": str(label), "date": months, "UNRATE": levels[:, 0],
                          "INDPRO": levels[:, 1]})
        )  # fmt: skip
    known = fred_md.every_vintage(pd.concat(parts, ignore_index=True), "test")
    return Market.from_frames(prices, vintages=known, calendar="rows")


@dataclasses.dataclass(frozen=True)
class Honest(Strategy):
    """Tilts by the newest value known at the close."""

    universe: tuple[str, ...] = ("A", "B")

    decide_on = MONTHLY

    def value(self, seen):
        return float(macro_features(seen, "changes")["UNRATE"].iloc[-1])

    def fit(self, past):
        return None

    def decide(self, model, past, held):
        value = self.value(past)
        tilt = 0.0 if np.isnan(value) else value
        share = 0.5 + 0.1 * np.tanh(tilt)
        weights = pd.Series([share, 1 - share], ["A", "B"])
        return Decision(weights, {"tilt": tilt})


@dataclasses.dataclass(frozen=True)
class AsRevised(Honest):
    """Reads the same month in the last vintage of the whole file."""

    def value(self, seen):
        table = seen._panel.vintages.frame(-1)["UNRATE"].diff()
        rows = table.loc[: seen.now]
        return float(rows.iloc[-1]) if len(rows) else np.nan


def test_values_as_revised_are_caught_in_a_strategy():
    """B16, 3.06: the last vintage is behind the cut, in the data that the view was cut from."""
    report = audit(AsRevised(), market(), cuts=12, budget=60.0)
    assert not report.passed
    assert {"evidence.tilt", "weights"} <= {finding.node for finding in report.findings}
    assert "before the day they became known" in report.findings[0].detail


def test_an_honest_strategy_passes():
    report = audit(Honest(), market(), cuts=12, budget=60.0)
    assert [str(finding) for finding in report.findings] == []
    assert not [text for text in report.skipped if text.startswith("macro")]


@pytest.mark.parametrize("leaks", [True, False])
def test_a_function_of_the_market_too(leaks):
    """B16: a table from the newest vintage of what is given, against one row a vintage."""

    def features(seen):
        if not leaks:
            return macro_features(seen)
        known = seen.vintages
        table = known.frame()[["UNRATE"]] if len(known) else pd.DataFrame({"UNRATE": []})
        rows = MONTHLY.sessions(seen.calendar, seen.dates[0], seen.now)
        return pd.DataFrame(table.reindex(rows.to_period("M").to_timestamp()).to_numpy(), rows)

    report = audit(features, market(), cuts=12, budget=60.0)
    assert report.passed is not leaks


@pytest.mark.parametrize("style", ["noise", "mirror", "silence"])
def test_only_later_vintages_change(style):
    """Bit for bit the same up to the cut, every value different after it, nothing shared."""
    whole = rebased(market())
    known = whole.vintages
    before = [known.frame(i).copy() for i in range(len(known))]
    cut = int(np.searchsorted(whole.dates, pd.Timestamp("2020-07-30")))
    changed = Futures(whole, 1).replaced(cut, style).vintages
    assert whole._panel.known_vintages[cut] == 5  # that of July is known a day later
    for i in range(len(known)):
        same = changed.frame(i).eq(before[i])
        assert same.to_numpy().all() if i < 5 else not same.to_numpy().any()
        assert known.frame(i).equals(before[i])
    assert changed.digests[:5] == known.digests[:5]


def test_the_first_cut_changes_all_and_removal_takes_the_rest_away():
    whole = rebased(market())
    futures = Futures(whole, 1)
    assert (
        not futures.replaced(-1, "noise")
        .vintages.frame(0)
        .eq(whole.vintages.frame(0))
        .any(axis=None)
    )
    cut = int(np.searchsorted(whole.dates, pd.Timestamp("2020-07-30")))
    short = futures.removed(cut, stale=40)
    assert short._panel.vintages.labels == whole.vintages.labels[:5]


def test_cuts_are_put_before_publications():
    rows = publications(market())
    days = market().dates[rows]
    assert len(rows) == 12
    assert (days < pd.DatetimeIndex(market().vintages.known.view("datetime64[ns]"))).all()
