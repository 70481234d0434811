"""States of the market from three models: found where planted, and known forwards only."""

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.calendar import YEARLY, Schedule
from tiltwise.errors import StrategyError
from tiltwise.models.regimes.market_regime import RegimeRule, market_rows

MODELS = ("hmm", "mixture", "jump")


def planted(seed=0, rows=2000, length=200, wild=0.04):
    """A market whose benchmark is calm and wild in turns; and which it is."""
    rng = np.random.default_rng(seed)
    state = (np.arange(rows) // length) % 2
    moves = rng.standard_normal(rows) * np.where(state, wild, 0.005) + np.where(state, -1e-3, 5e-4)
    days = pd.bdate_range("2010-01-04", periods=rows, unit="ns", name="date")
    table = pd.DataFrame({"A": 50.0, "MKT": 100 * np.cumprod(1 + moves)}, days)
    return Market.from_frames(table, benchmark="MKT", calendar="rows"), pd.Series(state, days)


def rule(model, states=2, relearn=YEARLY, least=500):
    return RegimeRule(model, states, None, relearn, least)


@pytest.mark.parametrize("model", MODELS)
def test_two_planted_states_are_found(model):
    """3.41: more than 95 % of the sessions, as known on each of them, calm first."""
    market, state = planted(rows=3000, length=500)
    dates = market.dates[800:]
    known = rule(model).probabilities(market, dates)
    assert known.index.equals(dates)
    np.testing.assert_allclose(known.sum(axis=1), 1.0, atol=1e-12)
    found = known.to_numpy().argmax(axis=1)
    assert (found == state[dates].to_numpy()).mean() > 0.95
    assert (found != state[dates].to_numpy()).any()  # a change is not known before it shows


@pytest.mark.parametrize("model", MODELS)
def test_a_state_never_changes_when_later_sessions_come(model):
    """3.41: filtered probabilities, the same bits on a cut and on the whole."""
    market, _ = planted(1)
    whole = rule(model).probabilities(market, market.dates[600:])
    for t in market.dates[[700, 1111, 1500]]:
        cut = market.asof(t)
        part = rule(model).probabilities(cut, cut.dates[600:])
        np.testing.assert_array_equal(part.to_numpy(), whole.loc[:t].to_numpy())


def test_a_model_is_learnt_on_the_rows_up_to_its_last_session():
    """The rows after the last learning session move the filter but not the model."""
    market, _ = planted(2)
    due = market.dates[900]
    one = rule("hmm", relearn=Schedule.on([f"{due:%Y-%m-%d}"]))
    assert one._learnt(market, market.dates[899]) == market.dates[499]
    assert one._learnt(market, market.dates[1500]) == due


def test_what_the_models_look_at():
    market, _ = planted(3)
    returns = market.benchmark_prices.pct_change()
    rows = market_rows(market, "jump")
    assert list(rows) == ["volatility", "trend"]
    weights = 0.5 ** (np.arange(len(returns) - 1)[::-1] / 21)
    mean = (returns.iloc[1:].to_numpy() * weights).sum() / weights.sum()
    assert rows["trend"].iloc[-1] == pytest.approx(mean)
    assert market_rows(market, "hmm")["return"].iloc[-1] == pytest.approx(returns.iloc[-1])


def test_an_unknown_model_is_refused():
    with pytest.raises(StrategyError, match="model='oracle' is not one of hmm, mixture, jump"):
        rule("oracle")
