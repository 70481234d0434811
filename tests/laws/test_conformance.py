"""Laws that every recipe passes by being in the folder, and that every market obeys."""

import dataclasses
import functools
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tiltwise import Backtest, Decision, Market, Simulator, propose, walk_forward
from tiltwise.backtest.walk_forward import first_start
from tiltwise.calendar import DAILY, MONTHLY, QUARTERLY, Schedule
from tiltwise.overlays import (
    AdaptiveLeverage,
    Blend,
    FractionalKelly,
    Leverage,
    RegimeSwitch,
    Triggered,
    TurnoverLimit,
    VolatilityTarget,
)
from tiltwise.recipes import discover
from tiltwise.recipes.benchmarks import EqualWeight, InverseVolatility
from tiltwise.recipes.dynamic_loadings import DynamicLoadings
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.recipes.regime_tilt import RegimeTilt
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.recipes.sector_rotation import SectorRotation
from tiltwise.recipes.tuned_regime_allocation import TunedRegimeAllocation
from tiltwise.strategy import Strategy, Vectorised

VARIANTS = [
    *[{"residual": r, "signal": s} for r in ("kalman", "fixed", "rolling") for s in ("momentum",)],
    {"residual": "kalman", "signal": "reversion"},
    {"residual": "fixed", "decide_on": "weekly"},
    {"signal": "cumulative", "scale": "forecast", "adaptation": None},
    {"signal": "change", "scale": "recent", "residual": "rolling", "decide_on": "weekly"},
]
SHORT = 760  # rows: the published protocols are longer than the invented market


@functools.cache
def market(seed: int = 3) -> Market:
    return Market.synthetic(seed, sessions=1150, gaps=0.002)


def _cases() -> list[Strategy]:
    names = market().assets
    found = [
        dataclasses.replace(recipe(), universe=names).shorter(SHORT)  # type: ignore[type-var]
        for recipe in discover().values()
    ]
    with_market = (*names[:3], str(market().benchmark))
    regimes = (RegimeAllocation, TunedRegimeAllocation, RegimeTilt)
    found.extend(regime(universe=with_market).shorter(SHORT) for regime in regimes)
    for variant in VARIANTS:
        given = {k: Schedule.parse(v) if k == "decide_on" else v for k, v in variant.items()}
        found.append(ResidualMomentum(universe=names, **given))  # type: ignore[arg-type]
    return [*found, *_overlays(names)]


def _overlays(names: tuple[str, ...]) -> list[Strategy]:
    residual = ResidualMomentum(universe=names)
    other = ResidualMomentum(universe=names[1:], residual="rolling", refit=QUARTERLY, lookback=300)
    inverse = InverseVolatility(universe=names)
    equal = EqualWeight(universe=names, decide_on=DAILY)
    quiet = InverseVolatility(universe=names, decide_on=DAILY)
    rotation = SectorRotation(universe=names).shorter(SHORT)
    return [
        TurnoverLimit(residual, 0.08),
        TurnoverLimit(EqualWeight(universe=names, decide_on=MONTHLY), 0.08),
        Leverage(inverse, 1.5),
        VolatilityTarget(residual, halflife=20.0, gross=3.0),
        FractionalKelly(EqualWeight(universe=names), gross=2.0),
        Blend((residual, other), (0.7, 0.5)),
        TurnoverLimit(FractionalKelly(Blend((residual, other)), window=100), 0.08),
        TurnoverLimit(FractionalKelly(DynamicLoadings(universe=names), 0.25), 0.08),
        AdaptiveLeverage(inverse, least=0.5),
        AdaptiveLeverage(rotation, by="gross", usual=1.0),
        Triggered(residual),
        TurnoverLimit(AdaptiveLeverage(Triggered(equal, trigger=1.2)), 0.08),
        RegimeSwitch((quiet, residual)),
        RegimeSwitch((Leverage(equal, 1.5), equal, other), "mixture", relearn=QUARTERLY),
        AdaptiveLeverage(RegimeSwitch((quiet, residual), "jump"), window=60),
    ]


def over(strategy: Strategy, names: tuple[str, ...]) -> Strategy:
    """The same strategy with its universe in another order."""
    if isinstance(strategy, Blend | RegimeSwitch):
        return dataclasses.replace(strategy, parts=tuple(over(p, names) for p in strategy.parts))
    if strategy.parts:
        (part,) = strategy.parts
        return dataclasses.replace(strategy, strategy=over(part, names))  # type: ignore[type-var]
    own = tuple(a for a in names if a in strategy.universe)
    return dataclasses.replace(strategy, universe=own)  # type: ignore[type-var]


CASES = _cases()
IDS = [f"{i}-{s.name}" for i, s in enumerate(CASES)]
every_recipe = pytest.mark.parametrize("strategy", CASES, ids=IDS)


@functools.cache
def at_level(factor: float) -> Market:
    """The market with one asset at another price level."""
    frames, asset = market().frames(), market().assets[2]
    for field in ("prices", "opens"):
        if frames[field] is not None:
            frames[field] = frames[field].assign(**{asset: frames[field][asset] * factor})
    return Market.from_frames(**frames)


@functools.cache
def poisoned(poison: str, row: int) -> Market:
    """The market with noise, or nothing, in every row after one."""
    frames = market().frames()
    for field in ("prices", "opens"):
        if frames[field] is not None:
            changed = frames[field].copy()
            noise = np.exp(np.random.default_rng(1).normal(0, 0.05, changed.iloc[row + 1 :].shape))
            changed.iloc[row + 1 :] = (
                np.nan if poison == "nan" else changed.iloc[row + 1 :].to_numpy() * noise
            )
            frames[field] = changed
    return Market.from_frames(**frames)


@functools.cache
def backtest(strategy: Strategy) -> Backtest:
    """The run that most laws compare with, made once on one thread."""
    return walk_forward(strategy, market(), *span(strategy, market()), jobs=1)


@functools.cache
def proposal(strategy: Strategy, t: pd.Timestamp) -> Decision:
    """The decision of one session from an empty book."""
    return propose(strategy, market(), t, pd.Series(0.0, index=market().assets))


def span(strategy: Strategy, m: Market) -> tuple[pd.Timestamp, pd.Timestamp]:
    start = first_start(strategy, m)
    i = m.dates.searchsorted(start)
    return start, m.dates[min(i + 90, len(m) - 2)]


def same(a: pd.DataFrame | pd.Series, b: pd.DataFrame | pd.Series) -> None:
    assert a.index.equals(b.index)
    np.testing.assert_array_equal(a.to_numpy(), b.to_numpy())


@every_recipe
def test_prefix(strategy: Strategy) -> None:
    """A longer history never rewrites decisions or returns (H.17)."""
    m = market()
    start, end = span(strategy, m)
    cut = m.dates[m.dates.searchsorted(end) - 37]
    whole = backtest(strategy)
    part = walk_forward(strategy, m.asof(cut), start)
    same(part.weights, whole.weights.loc[:cut])
    same(part.nav, whole.nav.loc[:cut])
    same(part.returns, whole.returns.loc[:cut])
    for name, table in part.decisions.evidence.items():
        np.testing.assert_array_equal(
            np.asarray(table),
            np.asarray(whole.decisions.evidence[name].loc[:cut]),
        )


@every_recipe
@pytest.mark.parametrize("poison", ["noise", "nan"])
def test_poison(strategy: Strategy, poison: str) -> None:
    """Nothing after t changes the decision at t or its evidence (B07, B17, 2.42)."""
    m = market()
    start, _ = span(strategy, m)
    i = m.dates.searchsorted(start) + 41
    t = m.dates[i]
    clean = proposal(strategy, t)
    dirty = propose(strategy, poisoned(poison, i), t, pd.Series(0.0, index=m.assets))
    if clean.weights is None or dirty.weights is None:
        assert clean.weights is dirty.weights
    else:
        same(clean.weights, dirty.weights)
    assert list(clean.evidence) == list(dirty.evidence)
    for name, value in clean.evidence.items():
        np.testing.assert_array_equal(np.asarray(value), np.asarray(dirty.evidence[name]))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [s for s in CASES if isinstance(s, Vectorised)], ids=str)
def test_batch(strategy: Strategy) -> None:
    """`decide_many` gives the bytes of the `decide` loop, evidence included."""
    start, end = span(strategy, market())
    fast = backtest(strategy)
    slow = walk_forward(strategy, market(), start, end, vectorised=False)
    same(fast.weights, slow.weights)
    same(fast.nav, slow.nav)
    same(fast.held, slow.held)
    same(fast.costs, slow.costs)
    assert set(fast.decisions.evidence) == set(slow.decisions.evidence)
    for name, table in fast.decisions.evidence.items():
        same(table, slow.decisions.evidence[name])


@every_recipe
def test_proposal_is_the_backtest(strategy: Strategy) -> None:
    """Today's orders are the last decision of a backtest that ends today."""
    result = backtest(strategy)
    t = result.weights.index[-1]
    asked = propose(strategy, market(), t, result.held.loc[t])
    expected = result.weights.loc[t]
    if asked.weights is None:
        assert expected.isna().all()
    else:
        same(asked.weights.reindex(expected.index, fill_value=0.0), expected)


@pytest.mark.slow
@every_recipe
def test_order_of_assets(strategy: Strategy) -> None:
    """Permuting assets permutes weights."""
    m = market()
    start, end = span(strategy, m)
    turned = tuple(reversed((*m.assets, str(m.benchmark))))
    other = over(strategy, turned)
    a = backtest(strategy).weights
    b = walk_forward(other, m, start, end).weights
    np.testing.assert_allclose(b[list(a)].to_numpy(), a.to_numpy(), atol=1e-9)


@pytest.mark.slow
@every_recipe
def test_price_level(strategy: Strategy) -> None:
    """A power of two times one asset's history changes no bit; another constant nothing to 1e-9."""
    start, end = span(strategy, market())
    expected = backtest(strategy)
    for factor, exact in ((4.0, True), (1.7, False)):
        scaled = walk_forward(strategy, at_level(factor), start, end)
        tolerance = 0.0 if exact else 1e-9
        np.testing.assert_allclose(scaled.weights, expected.weights, rtol=0, atol=tolerance)
        np.testing.assert_allclose(scaled.nav, expected.nav, rtol=tolerance)


@pytest.mark.slow
@every_recipe
def test_same_answer_for_any_number_of_threads(strategy: Strategy) -> None:
    """B25: shared state would show here."""
    start, end = span(strategy, market())
    one = backtest(strategy)
    fresh = Market.synthetic(3, sessions=1150, gaps=0.002)
    eight = walk_forward(strategy, fresh, start, end, jobs=8)
    same(one.nav, eight.nav)
    same(one.weights, eight.weights)


def test_same_answer_in_a_fresh_process() -> None:
    program = (
        "import hashlib, tiltwise as t\n"
        "from tiltwise.recipes.residual_momentum import ResidualMomentum\n"
        "m = t.Market.synthetic(3, sessions=1150, gaps=0.002)\n"
        "r = t.walk_forward(ResidualMomentum(universe=m.assets), m, m.dates[1010])\n"
        "print(m.id, hashlib.sha256(r.nav.to_numpy().tobytes()).hexdigest())\n"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(answers) == 1
    assert market().id in answers.pop()


@every_recipe
def test_fields_are_json(strategy: Strategy) -> None:
    assert json.loads(strategy.key) == strategy.describe()


def test_unchanged_strategy_is_refused_nothing_and_a_liar_is_caught() -> None:
    """A `decide_many` that peeks one row ahead raises, naming itself and the session."""
    from tiltwise.errors import LookaheadError
    from tiltwise.strategy import Decisions

    class Peeks(ResidualMomentum):
        def decide_many(self, model, past, dates):  # type: ignore[no-untyped-def]
            honest = super().decide_many(model, past, dates)
            if len(dates) == 1:
                return honest
            return Decisions(honest.weights.shift(-1).ffill(), honest.evidence)

    m = market()
    liar = Peeks(universe=m.assets)
    start, end = span(liar, m)
    with pytest.raises(LookaheadError, match=r"Peeks.decide_many differs from decide on 20"):
        walk_forward(liar, m, start, end)
    tainted = walk_forward(liar, m, start, end, Simulator(allow_lookahead=True))
    assert any("look" in note.lower() for note in tainted.notes)
