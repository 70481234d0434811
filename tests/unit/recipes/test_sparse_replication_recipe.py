"""The replication recipe: which assets it may hold, which it holds, and what it says of both."""

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Market, Simulator, propose, walk_forward
from tiltwise.errors import InfeasibleError, MissingData, StrategyError
from tiltwise.evaluate.active import expected
from tiltwise.features.labels import LabelRule
from tiltwise.market.universes import REPLICATED, REPLICATION_FUNDS
from tiltwise.models import boosting
from tiltwise.models.inclusion import inclusion
from tiltwise.models.inclusion.inclusion import Inclusion, learn_inclusion
from tiltwise.portfolio.replication import tracking
from tiltwise.portfolio.replication.replica import candidates, tracking_window
from tiltwise.portfolio.replication.tracking import Labels, tracking_labels
from tiltwise.recipes.sparse_replication import SparseReplication

MIX = {"A0": 0.4, "A1": 0.25, "A2": 0.2, "A3": 0.15}
FREE = Simulator("close", 1, Costs(half_spread_bps=0.0))


def prices(sessions=460, assets=8, seed=0, mix=None):
    """Closes of assets with one common factor, and of a benchmark that mixes some of them."""
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2015-01-02", periods=sessions, name="date")
    moves = rng.normal(0, 0.006, (sessions, 1)) + rng.normal(0.0002, 0.01, (sessions, assets))
    table = pd.DataFrame(moves, dates, [f"A{i}" for i in range(assets)])
    weights = mix or MIX
    table["B"] = sum(w * table[a] for a, w in weights.items())
    return 100.0 * (1.0 + table).cumprod()


def market(table=None, **given):
    return Market.from_frames(
        prices=prices(**given) if table is None else table, benchmark="B", calendar="rows"
    )


def recipe(m, **fields):
    return SparseReplication(**{"universe": m.assets, "holdings": 4, "cap": 0.4, **fields})


def asked(strategy, m, held=None):
    nothing = pd.Series(0.0, index=m.assets)
    return propose(strategy, m, m.now, nothing if held is None else held)


def test_the_registry_knows_the_funds_and_what_they_track():
    """2.01: eleven funds with expense ratios, and the benchmark's metadata."""
    assert len(REPLICATION_FUNDS) == 11
    assert SparseReplication().universe == tuple(REPLICATION_FUNDS)
    expenses = [REPLICATION_FUNDS[a].expense for a in ("XLE", "SMH", "AIQ")]
    assert expenses == [0.0013, 0.0035, 0.0068]
    assert REPLICATED["MTUM"].inception == "2013-04-16"
    assert "Momentum" in REPLICATED["MTUM"].name


def test_a_benchmark_made_of_four_assets_is_found_again():
    """2.09: the planted holdings and weights, and hardly an error in the months after."""
    m = market()
    strategy = recipe(m, select="all", trade_price=0.0)
    result = walk_forward(strategy, m, m.dates[310], simulator=FREE)
    found = result.weights.iloc[-1]
    assert set(found.index[found > 0]) == set(MIX)
    np.testing.assert_allclose(found[list(MIX)], list(MIX.values()), atol=2e-3)
    error = (result.returns - result.benchmark_returns).std() * 252**0.5
    assert error < 0.005
    assert result.decisions.evidence["kkt"].max() < 1e-8
    assert result.decisions.evidence["fitted_error"].max() < 0.005
    assert expected(result.decisions.evidence) is None  # nothing is said of equal weights


def test_every_book_keeps_its_limits():
    """2.16, 2.17: monthly, fully invested, cap and floor to 1e-8, no more holdings than allowed."""
    m = market(seed=1, mix={f"A{i}": w for i, w in enumerate((0.3, 0.25, 0.2, 0.15, 0.1))})
    result = walk_forward(recipe(m, cap=0.3, floor=0.05), m, m.dates[330])
    weights = result.weights.iloc[1:].to_numpy()
    assert result.weights.index[1:].month.is_unique
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-8)
    assert weights.max() <= 0.3 + 1e-8
    assert weights[weights > 0].min() >= 0.05 - 1e-8
    assert ((weights > 0).sum(axis=1) <= 4).all()
    assert set(result.decisions.evidence["learned"].str.split(";").str[0]) <= {
        "xgboost",
        "hist_gradient_boosting",
    }


def test_decisions_fall_on_month_ends_and_earn_in_the_month_after():
    """B09: no return of the month of the fit is counted as earned by it."""
    m = market()
    result = walk_forward(recipe(m, select="all"), m, m.dates[310])
    ends = result.weights.index[1:-1]
    following = m.dates[m.dates.get_indexer(ends) + 1]
    assert (ends.month != following.month).all()
    first = result.weights.index[0]
    assert result.held.loc[:first].to_numpy().sum() == 0.0


def test_always_including_is_the_classifier_with_no_cut():
    """The baseline that shows what the classifier adds."""
    m = market(sessions=420)
    no_cut = asked(recipe(m, cut=0.0), m)
    always = asked(recipe(m, select="all"), m)
    pd.testing.assert_series_equal(no_cut.weights, always.weights)
    assert always.evidence["learned"] == "always included"


def test_a_high_cut_leaves_the_likeliest():
    m = market(sessions=420)
    found = asked(recipe(m, cut=1.1, cap=0.5, holdings=None), m)
    held = found.weights.index[found.weights > 0]
    assert set(held) <= set(found.evidence["probability"].nlargest(2).index)


def test_candidates_reach_the_cut_or_are_the_likeliest():
    """2.17: the cut itself is enough; if too few reach it, the highest fill up, in given order."""
    chance = pd.Series([0.5, 0.2, 0.9, 0.49], list("ABCD"))
    assert candidates(chance, 0.5, 1) == ("A", "C")
    assert candidates(chance, 0.5, 3) == ("A", "C", "D")


def test_the_window_has_so_many_returns_and_none_of_the_dead():
    """2.16: `window` returns, the newest included; an asset that stopped printing is left out."""
    table = prices()
    table.iloc[-6:, 2] = np.nan
    found = tracking_window(market(table), 200)
    assert len(found.returns) == 200
    assert found.returns.index[-1] == table.index[-1]
    assert found.left_out == {"A2": "trades no more"}


@pytest.mark.parametrize(
    "other",
    [
        {"window": 126},
        {"cap": 0.3},
        {"floor": 0.2},
        {"holdings": 3},
        {"select": "momentum"},
        {"trade_price": 1e-6},
        {"tilt": 1e-3, "forecast": "historical"},
    ],
)
def test_no_book_depends_on_what_was_asked_before(other):
    """A market keeps searches and books: each answer is that of a market that was asked nothing."""
    table = prices(sessions=420, seed=3, mix={f"A{i}": (6 - i) / 21 for i in range(6)})
    used, fresh = market(table), market(table)
    asked(recipe(used), used)
    strategy = recipe(used, **other)
    found, alone = asked(strategy, used), asked(strategy, fresh)
    pd.testing.assert_series_equal(found.weights, alone.weights, check_exact=True)
    chance = alone.evidence["probability"]
    pd.testing.assert_series_equal(found.evidence["probability"], chance, check_exact=True)
    assert found.evidence["learned"] == alone.evidence["learned"]
    assert not found.weights.equals(asked(recipe(used), used).weights)


def test_a_search_is_kept_for_its_labels_alone():
    """2.12: other limits make other labels, and so another search in the same market."""
    table = prices(sessions=900, seed=3, mix=dict(zip(MIX, (0.55, 0.2, 0.15, 0.1), strict=True)))
    used, fresh = market(table), market(table)
    learn_inclusion(used, tracking_labels, LabelRule(0.3, 0.005))
    rule = LabelRule(0.9, 0.1)
    found = learn_inclusion(used, tracking_labels, rule).model
    alone = learn_inclusion(fresh, tracking_labels, rule).model
    assert dict(found.point) == dict(alone.point)
    assert found.text == alone.text


def test_top_momentum_holds_no_other():
    m = market(sessions=420)
    found = asked(recipe(m, select="momentum"), m)
    assert found.evidence["probability"].sum() == 4
    assert (found.weights[found.evidence["probability"] == 0] == 0).all()


def test_trades_cost():
    """A price of trades lowers turnover, and a high one keeps the book."""
    m = market(seed=2, mix={f"A{i}": 1 / 8 for i in range(8)})
    turnover = []
    for price in (0.0, 1e-5):
        strategy = recipe(m, select="all", trade_price=price)
        turnover.append(walk_forward(strategy, m, m.dates[310]).turnover.sum())
    assert turnover[1] < turnover[0]
    held = pd.Series([0.25] * 4 + [0.0] * 4, m.assets)
    kept = asked(recipe(m, select="all", trade_price=1.0), m, held)
    np.testing.assert_allclose(kept.weights, held, atol=1e-9)


def test_a_tilt_raises_what_is_expected_and_names_the_model():
    """2.26: the model is chosen by its forecasts of past months."""
    m = market(sessions=460, seed=3)
    plain = asked(recipe(m, select="all"), m)
    tilted = asked(recipe(m, select="all", tilt=1.0, forecast="historical"), m)
    mean = m.returns().mean()
    assert (tilted.weights * mean).sum() > (plain.weights * mean).sum()
    assert tilted.evidence["forecast"] == "historical"
    assert plain.evidence["forecast"] == ""
    assert asked(recipe(m, select="all", tilt=1e-3), m).evidence["forecast"] != ""
    early = market(sessions=100)
    none = asked(recipe(early, select="all", tilt=1.0, forecast="momentum", warmup=80), early)
    assert none.evidence["forecast"].startswith("none: 99 sessions")
    assert none.weights.sum() == pytest.approx(1.0)


# -------------------------------------------------------------------------------- what is not there


def test_an_asset_born_in_the_window_waits_for_one_of_its_own():
    """2.30, spec 4.3 no. 10: the young fund is left out, then takes part."""
    table = prices(sessions=460, mix={"A7": 0.4, "A0": 0.3, "A1": 0.3})
    born = 400
    table.iloc[:born, table.columns.get_loc("A7")] = np.nan
    m = market(table)
    strategy = recipe(m, select="all", window=40)
    early = propose(strategy, m, m.dates[born + 20], pd.Series(0.0, m.assets))
    assert early.weights["A7"] == 0.0
    late = propose(strategy, m, m.dates[-1], pd.Series(0.0, m.assets))
    assert late.weights["A7"] > 0.3
    learned = asked(recipe(m), m)
    assert learned.weights.sum() == pytest.approx(1.0)


def test_a_gap_leaves_out_its_session_not_the_asset():
    table = prices()
    table.iloc[-10, 0] = np.nan
    m = market(table)
    assert asked(recipe(m, select="all"), m).weights["A0"] == pytest.approx(0.4, abs=5e-3)


def test_without_a_benchmark_there_is_nothing_to_track():
    m = Market.from_frames(prices=prices().drop(columns="B"), calendar="rows")
    for select in ("all", "classifier"):
        with pytest.raises(MissingData, match="benchmark="):
            asked(recipe(m, select=select), m)


def test_a_young_benchmark_means_waiting():
    """No order is sent, and the record says why."""
    table = prices(sessions=400)
    table.iloc[:360, table.columns.get_loc("B")] = np.nan
    m = market(table)
    found = asked(recipe(m), m)
    assert found.weights is None
    assert found.evidence["status"] == "held: B has 39 of 63 returns"
    assert "always included" in found.evidence["learned"]
    nothing = prices(sessions=400)
    nothing.iloc[:399, nothing.columns.get_loc("B")] = np.nan
    assert asked(recipe(market(nothing)), market(nothing)).weights is None


def test_too_few_whole_windows_for_the_cap_means_waiting():
    table = prices(sessions=400)
    table.iloc[:380, :6] = np.nan
    found = asked(recipe(market(table), select="all"), market(table))
    assert found.weights is None
    assert found.evidence["status"].startswith("held: 2 assets with a whole window at the cap 0.4")


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"universe": ("A", "B", "C")}, InfeasibleError, "3 assets at the cap 0.3 add up to 0.9"),
        ({"holdings": 12}, StrategyError, "from 1 to the 11 assets"),
        ({"holdings": 3}, InfeasibleError, "3 holdings at the cap 0.3"),
        ({"select": "best"}, StrategyError, "select='best' is not one of"),
        ({"grid": "huge"}, StrategyError, "grid='huge'"),
        ({"forecast": "oracle"}, StrategyError, "forecast='oracle'"),
        ({"floor": 0.5}, InfeasibleError, "must be ordered"),
        ({"cap": 0.05}, InfeasibleError, "11 assets at the cap 0.05 add up to 0.55"),
        ({"window": 1}, StrategyError, "window=1 must be two sessions or more"),
        ({"trade_price": -1.0}, StrategyError, "trade_price=-1.0 not negative"),
    ],
)
def test_what_cannot_be_met_is_refused_at_once(fields, error, said):
    with pytest.raises(error, match=said):
        SparseReplication(**fields)


# -------------------------------------------------------------------------------------- classifier


def test_labels_of_one_class_teach_nothing():
    """2.13: every asset gets the base rate, and the record says so."""
    m = market(sessions=360)

    def all_yes(returns, benchmark, cap, threshold):
        found = tracking_labels(returns, benchmark, cap, threshold)
        return dataclasses.replace(found, labels=found.labels | True)

    found = learn_inclusion(m, all_yes)
    assert found.model.learner == "constant"
    assert "one class" in found.told
    assert (found.probability(m) == 1.0).all()


def test_a_feature_that_is_never_known_is_no_trouble():
    """2.03: twelve-month momentum is missing in a short history, never zero."""
    m = market(sessions=240)
    found = asked(recipe(m, warmup=200), m)
    assert found.evidence["probability"].between(0.0, 1.0).all()
    assert found.weights.sum() == pytest.approx(1.0)


def test_a_month_before_any_label_includes_everything():
    m = market(sessions=30)
    found = learn_inclusion(m, tracking_labels)
    assert found.model is None
    assert "no month with a label is over" in found.told


def test_without_xgboost_another_learner_is_used_and_named(monkeypatch):
    """2.11: the fallback learner, and what happens without any."""
    m = market(sessions=330)
    monkeypatch.setattr(boosting, "_installed", lambda name: name != "xgboost")
    found = asked(recipe(m), m)
    assert found.evidence["learned"].startswith("hist_gradient_boosting; ")
    assert "xgboost is not installed" in found.evidence["learned"]

    def gone(name):
        raise MissingData(f"{name} is not installed")

    monkeypatch.setattr(boosting, "_module", gone)
    again = market(sessions=330)
    found = asked(recipe(again), again)
    assert "always included: sklearn.ensemble is not installed" in found.evidence["learned"]
    assert (found.evidence["probability"] == 1.0).all()


def test_parameters_are_those_of_the_year_before():
    """2.12: the search knows nothing of the year in which its point is used."""
    m = market(sessions=460)
    seen = []
    search = inclusion.fit_inclusion

    def noted(features, labels, plan):
        if plan.folds == 3:
            seen.append(features.index.get_level_values("date").max())
        return search(features, labels, plan)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inclusion, "fit_inclusion", noted)
        told = {learn_inclusion(m.asof(t), tracking_labels).told for t in ("2016-05-31", m.now)}
    assert seen == [pd.Timestamp("2015-11-30")]
    assert all("known at 2015-12-31" in text for text in told)


def test_a_solver_that_fails_is_replaced_and_said(monkeypatch):
    """2.18: constrained regression on all candidates, recorded with its certificate."""

    def broken(*_):
        raise StrategyError("no progress")

    monkeypatch.setattr(tracking, "best_subsets", broken)
    m = market()
    found = asked(recipe(m, select="all", trade_price=0.0), m)
    assert found.evidence["status"].startswith("fallback: constrained regression on all 8 assets")
    assert "no progress" in found.evidence["status"]
    assert found.evidence["kkt"] < 1e-8
    assert found.weights.sum() == pytest.approx(1.0)
    run = walk_forward(recipe(m, select="all"), m, m.dates[-60], simulator=FREE)
    decisions = len(run.weights)
    said = f"{decisions} of {decisions} decisions, first on {m.dates[-60].date()}: fallback:"
    assert any(note.startswith(said) for note in run.notes)
    assert run.decisions.evidence["kkt"].max() < 1e-8


def test_importing_the_recipe_loads_no_learner():
    """The daily path of another recipe never pays for this one."""
    code = (
        "import sys\n"
        "from tiltwise.recipes import discover\n"
        "assert 'sparse_replication' in discover()\n"
        "print({'xgboost', 'sklearn', 'optuna'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_inclusion_without_a_model_includes():
    m = market(sessions=30)
    assert (Inclusion().probability(m) == 1.0).all()
    assert isinstance(tracking_labels(m.returns(), m.returns()["A0"], 0.5), Labels)
