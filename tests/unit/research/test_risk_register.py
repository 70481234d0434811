"""The risk register: every risk measured or a limitation, from what is stored with a run."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from tiltwise import Ledger, Market, Simulator, walk_forward
from tiltwise.backtest.costs import Costs
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.evaluate.risk.exposure import Liquidity
from tiltwise.evaluate.risk.factor_exposure import Style
from tiltwise.evaluate.risk.leverage import margin_distance
from tiltwise.evaluate.significance.selection import selection
from tiltwise.features.market_states import trend_state
from tiltwise.recipes.benchmarks import InverseVolatility
from tiltwise.research.risk.measures import STYLE, Measures, measures
from tiltwise.research.risk.readings import LIMITATION, RUIN, VERDICTS, Sources
from tiltwise.research.risk.register import RISKS, register
from tiltwise.research.robustness.replay import sharpe_interval
from tiltwise.research.robustness.robustness import check_robustness
from tiltwise.strategy import from_weights

NAMED = ("model", "leverage", "overfitting", "regime dependency", "cost", "liquidity",
         "correlation", "black swan", "data quality", "survivorship", "slippage", "timing",
         "technology")  # fmt: skip
"""The risks that the source names."""
CALM = Simulator("close", 2, Costs(half_spread_bps=5.0))


def drawn_up(result, market, tmp, data="synthetic:4"):
    """The register of a backtest, recorded and read again."""
    ledger = Ledger(tmp)
    measured = measures(result, market)
    found = check_robustness(result, market, jobs=1)
    run = run_of(result, summary(result), data=data, files=measured.files())
    ledger.add(run)
    kept = ledger.get(run.id)
    sources = Sources(kept, Measures.restore(kept.files), found, selection(kept, ledger), 1)
    return register(sources), sources


def by_measure(found):
    return {(r.risk, r.measure): r for r in found.readings}


@pytest.fixture(scope="module")
def market():
    return Market.synthetic(4, sessions=1400)


@pytest.fixture(scope="module")
def calm(market, tmp_path_factory):
    rule = InverseVolatility(universe=market.assets[:6])
    result = walk_forward(rule, market, market.dates[300], simulator=CALM)
    return result, *drawn_up(result, market, tmp_path_factory.mktemp("calm"))


@pytest.fixture(scope="module")
def ruined(market, tmp_path_factory):
    """Five times the first asset, bought once, a hundred sessions before it loses 60 %."""
    start, crash = market.dates[300], market.dates[400]
    frames = market.frames()
    for name in ("prices", "opens", "raw"):
        if frames[name] is not None:
            fallen = frames[name].copy()
            fallen.loc[crash:, market.assets[0]] *= 0.4
            frames[name] = fallen
    market = Market.from_frames(**frames)

    def levered(prices):
        bought = (prices.columns == market.assets[0]) * 5.0
        return pd.DataFrame([bought], [start], prices.columns)[: int(start in prices.index)]

    result = walk_forward(from_weights(levered), market, start, simulator=CALM)
    return result, *drawn_up(result, market, tmp_path_factory.mktemp("ruined"))


@pytest.mark.parametrize("kind", ["calm", "ruined"])
def test_every_risk_has_a_number_or_a_limitation(kind, request):
    """3.32: all thirteen risks of the source, and concentration; every line is one or the other."""
    found = request.getfixturevalue(kind)[1]
    assert set(NAMED) == set(RISKS) - {"concentration"}
    assert {reading.risk for reading in found.readings} == set(RISKS)
    assert [r for r in RISKS for reading in found.readings if reading.risk == r] == [
        reading.risk for reading in found.readings
    ]
    for reading in found.readings:
        assert reading.verdict in VERDICTS
        if reading.verdict == LIMITATION:
            assert math.isnan(reading.value)
            assert len(reading.remark.split()) >= 5
        elif math.isnan(reading.value):
            assert reading.remark, reading
    assert sum(found.counts().values()) == len(found.readings)


def test_the_numbers_are_those_of_the_run(calm, market):
    """3.32: recorded metrics, sweeps of doubt and trials are taken over, not computed again."""
    result, found, sources = calm
    told = by_measure(found)
    table = summary(result)
    assert told["cost", "mean return lost to costs"].value == table.loc["cost_drag", "value"]
    worst = told["black swan", "mean of the worst 5 % of sessions"]
    assert (worst.value, worst.low, worst.high) == tuple(table.loc["cvar_95"])
    assert told["overfitting", "trials counted"].value == 1
    assert told["overfitting", "deflated Sharpe ratio"].value == sources.counted.dsr
    placebo = told["model", "chance that its decisions, at other times, do as well"]
    assert placebo.value == sources.evidence.rotation.p_value
    late = told["timing", "Sharpe ratio with a delay of 5 sessions"]
    assert late.value == sources.evidence.delay.at(5).sharpe
    dear = told["slippage", "Sharpe ratio at 10 bps a side"]
    assert dear.value == sources.evidence.cost.at(10).sharpe
    assert told["survivorship", "assets whose prices stop before the end"].remark == "of 6"
    assert found.ruin is False


def test_bull_and_bear_are_told_by_the_close_before(calm, market):
    """3.32: Sharpe ratio and interval of the sessions after a close in each state."""
    result, found, _ = calm
    state = trend_state(market).shift(1).loc[result.returns.index]
    told = by_measure(found)
    counted = 0
    for name in ("bull", "bear"):
        values = result.returns[(state == name).to_numpy()].to_numpy()
        reading = told["regime dependency", f"Sharpe ratio in {name} markets"]
        counted += len(values)
        if len(values) >= 20:
            expected = sharpe_interval(values, 0)
            assert (reading.value, reading.low, reading.high) == expected
        else:
            assert reading.verdict == LIMITATION
    assert counted > 500


def test_ruin_is_told_wherever_it_shows(ruined):
    """3.31: the month of ruin, the book's history, margin below the requirement, interest paid."""
    result, found, _ = ruined
    told = by_measure(found)
    assert result.ruined == result.simulated.tape.dates[100]
    worst = told["leverage", "worst month of the run"]
    assert (worst.verdict, worst.value) == (RUIN, -1.0)
    assert f"{result.ruined:%Y-%m-%d}" in worst.remark
    history = told["leverage", "worst month of history for that book"]
    assert (history.verdict, history.remark[:7]) == (RUIN, f"{result.ruined:%Y-%m}")
    peak = told["leverage", "highest gross exposure"].value
    assert history.value == pytest.approx(-0.6 * peak, rel=0.4)
    assert told["black swan", "deepest drawdown"].verdict == RUIN
    called = told["leverage", "fall of all holdings that calls for margin"]
    assert called.verdict == "watch"
    assert called.value <= margin_distance(5.0) + 0.05
    paid = told["leverage", "margin interest and borrow fees paid"]
    assert paid.value == pytest.approx(
        result.costs[["financing", "borrow"]].sum(axis=1).mean() * 252
    )
    assert paid.value > 0.0
    assert found.ruin
    assert found.counts()[RUIN] >= 3


def test_it_is_stored_and_read_again(calm, ruined):
    """3.32: equal measures, equal bytes; a run recorded without has none."""
    for _, _, sources in (calm, ruined):
        files = {name: sources.run.files[name] for name in sources.measures.files()}
        assert sources.measures.files() == files
        again = Measures.restore(files)
        assert again.leverage == sources.measures.leverage
        assert again.by_session == sources.measures.by_session
        assert again.listing == sources.measures.listing
    assert Measures.restore({}) is None


def test_styles_are_a_file_of_their_own(market, calm):
    """3.42, 3.32: without statsmodels or factors the other file stays the same, byte for byte."""
    pytest.importorskip("statsmodels.api")
    result = calm[0]
    rng = np.random.default_rng(2)
    names = ["Mkt-RF", "SMB", "HML", "RMW", "CMA", "Mom", "RF"]
    table = pd.DataFrame(rng.normal(0, 0.005, (len(market), 7)), market.dates, names)
    rich = Market.from_frames(**{**market.frames(), "factors": table})
    found = measures(result, rich)
    files = found.files()
    assert set(files) - set(measures(result, market).files()) == {STYLE}
    assert files["risks.json"] == measures(result, market).files()["risks.json"]
    again = Measures.restore(files)
    assert again.style.rows == len(result.returns)
    np.testing.assert_allclose(again.style.table, found.style.table, rtol=1e-8)
    told = register(dataclasses.replace(calm[2], measures=again))
    line = by_measure(told)["model", "return left after known styles"]
    assert line.value == pytest.approx(found.style.table.loc["alpha", "loading"], rel=1e-8)
    assert line.low < line.value < line.high


def test_rows_after_the_end_of_the_run_are_not_looked_at(market):
    """3.32: the peak book's history, the states and the listing end with the run."""
    end = market.dates[900]
    frames = market.frames()
    prices = frames["prices"].copy()
    prices.loc[market.dates[950] :, market.assets[0]] *= 0.01
    prices.loc[market.dates[1000] :, market.assets[1]] = np.nan
    later = Market.from_frames(**{**frames, "prices": prices, "opens": None, "raw": None})
    rule = InverseVolatility(universe=market.assets[:6])
    result = walk_forward(rule, later, later.dates[300], end, simulator=CALM)
    assert measures(result, later).files() == measures(result, later.asof(end)).files()


def test_factors_in_percent_are_told_as_the_reason(market, calm):
    """3.42, 3.32: the register says what is wrong with the factors, not that there are none."""
    rng = np.random.default_rng(2)
    names = ["Mkt-RF", "SMB", "HML", "RMW", "CMA", "Mom", "RF"]
    table = pd.DataFrame(rng.normal(0, 0.5, (len(market), 7)), market.dates, names)
    rich = Market.from_frames(**{**market.frames(), "factors": table})
    told = register(dataclasses.replace(calm[2], measures=measures(calm[0], rich)))
    line = by_measure(told)["model", "return left after known styles"]
    assert line.verdict == LIMITATION
    assert "percent, not decimals" in line.remark
    bare = by_measure(calm[1])["model", "return left after known styles"]
    assert bare.remark.startswith("not measured: it needs the factors")


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"dsr": 0.951}, "within"),
        ({"dsr": 0.949}, "watch"),
        ({"pbo": 0.49}, "within"),
        ({"pbo": 0.5}, "watch"),
        ({"break_even": 9.9}, "watch"),
        ({"break_even": 10.1}, "within"),
        ({"later": 0.49}, "watch"),
        ({"later": 0.51}, "within"),
        ({"placebo": 0.06}, "watch"),
        ({"placebo": 0.04}, "within"),
        ({"holdings": 2.9}, "watch"),
        ({"holdings": 3.1}, "within"),
        ({"capacity": 0.9}, "watch"),
        ({"capacity": 1.1}, "within"),
        ({"alpha_low": -1e-9}, "watch"),
        ({"alpha_low": 1e-9}, "within"),
    ],
)
def test_each_limit_is_the_one_printed(calm, given, verdict):
    """3.32: a number on either side of the limit that its line names; 5 bps a side are charged."""
    ((name, value),) = given.items()
    s = calm[2]
    new, of = dataclasses.replace, s.evidence
    if name in ("dsr", "pbo"):
        s = new(s, counted=new(s.counted, **given))
        line = "deflated Sharpe ratio" if name == "dsr" else "probability of backtest overfitting"
    elif name == "break_even":
        s = new(s, evidence=new(of, cost=new(of.cost, break_even=value)))
        line = "cost per side at which nothing is left"
    elif name == "later":
        first, last = of.fill.points[0], of.fill.points[-1]
        points = (new(first, sharpe=1.0), new(last, sharpe=value))
        s = new(s, evidence=new(of, fill=new(of.fill, points=points)))
        line = f"Sharpe ratio, {last.label} less same close"
    elif name == "placebo":
        rotated = np.r_[np.full(round(50 * value) - 1, 2.0), np.zeros(50)][:49]
        s = new(s, evidence=new(of, rotation=new(of.rotation, real=1.0, rotated=rotated)))
        line = "chance that its decisions, at other times, do as well"
    elif name == "holdings":
        found = new(s.measures.concentration, mean=value)
        s = new(s, measures=new(s.measures, concentration=found))
        line = "effective number of holdings"
    elif name == "capacity":
        found = Liquidity(1, 0, 0.001, 0.001, 0.001, "A", "2020-01-02", 1e6, value * 1e6)
        s = new(s, measures=new(s.measures, liquidity=found))
        line = "capital at which 95 of 100 trades stay below 1 %"
    else:
        row = pd.DataFrame({"loading": 0.1, "low": value, "high": 0.2}, ["alpha"])
        style = Style("factors", {}, row, 0.5, 500, 5, "2010-01-04", "2012-01-04")
        s = new(s, measures=new(s.measures, style=style))
        line = "return left after known styles"
    (reading,) = (r for r in register(s).readings if r.measure == line)
    assert reading.verdict == verdict


def test_spells_of_history_only_where_it_is_history(market, tmp_path):
    """3.32: an invented market has no crisis of 2008, a real one that lived through it has."""
    dates = pd.bdate_range("2007-01-02", "2010-01-04", unit="ns", name="date")
    rng = np.random.default_rng(3)
    prices = 100 * (1 + pd.DataFrame(rng.normal(0, 0.01, (len(dates), 3)), dates,
                                     list("ABC"))).cumprod()  # fmt: skip
    real = Market.from_frames(prices=prices, benchmark="C", calendar="rows")
    result = walk_forward(InverseVolatility(universe=("A", "B")), real, "2007-06-01")
    found, sources = drawn_up(result, real, tmp_path / "real", "prices.csv")
    line = by_measure(found)["black swan", "financial crisis"]
    own = result.returns["2007-10-10":"2009-03-09"]
    assert line.value == pytest.approx(float((1 + own).prod() - 1), abs=1e-12)
    base = prices["C"].loc["2009-03-09"] / prices["C"].loc["2007-10-09"] - 1
    assert line.remark == f"2007-10-09 to 2009-03-09; benchmark {base:.1%}"
    assert [spell.name for spell in sources.measures.spells] == ["financial crisis"]
    invented = register(
        dataclasses.replace(sources, run=dataclasses.replace(sources.run, data="synthetic:3"))
    )
    assert ("black swan", "financial crisis") not in by_measure(invented)
