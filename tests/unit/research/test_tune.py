"""A search: what it sees, what it records, what it chooses, and that nothing else decides it."""

import dataclasses
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Ledger, Market, Simulator, summary, tune, walk_forward
from tiltwise.calendar import MONTHLY, Schedule
from tiltwise.errors import InfeasibleError, LedgerError, LookaheadError, StrategyError
from tiltwise.evaluate.metrics import sharpe
from tiltwise.evaluate.significance.selection import selection
from tiltwise.market.market import Market as Known
from tiltwise.overlays import TurnoverLimit
from tiltwise.recipes.benchmarks import Trend
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.holdout import Holdout
from tiltwise.research.search import walk
from tiltwise.research.search.axes import Choice, LogUniform, Ratio, Uniform, Whole, parse
from tiltwise.research.search.periods import Periods
from tiltwise.research.search.searchers import BATCH, Optuna, searcher
from tiltwise.research.search.spaces import changed, configuration
from tiltwise.research.search.tuning_result import Tuned
from tiltwise.strategy import Decision, Strategy

MARKET = Market.synthetic(13, sessions=700, assets=4)
END = MARKET.dates[640]
RULE = Trend(universe=MARKET.assets)
MONEY = Simulator(costs=Costs(half_spread_bps=3))


@dataclasses.dataclass(frozen=True)
class Mixture(Strategy):
    """A share in the first asset, the rest in the second: its Sharpe ratio has one hill."""

    share: float = 0.0
    enter: float = 1.0
    exit: float | None = None
    universe: tuple[str, ...] = ()
    lookback: int | None = 2
    decide_on: Schedule = MONTHLY

    def __post_init__(self) -> None:
        if self.share > 0.95:
            raise StrategyError("share is too large to be made")

    def decide(self, model: None, past: Known, held: pd.Series) -> Decision:
        if self.share < 0.05:
            raise InfeasibleError("share is too small to be held")
        return Decision(pd.Series([self.share, 1.0 - self.share], past.assets))


def hill() -> Market:
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 1, (600, 2))
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0)
    returns = noise * [0.01, 0.02] + [0.0006, 0.0010]
    prices = 100 * np.cumprod(1 + returns, axis=0)
    return Market.from_frames(prices=pd.DataFrame(prices, MARKET.dates[:600], ["A", "B"]))


HILL = hill()
SHARE = Uniform(0.06, 0.94)


def top() -> float:
    """The best of a hundred shares, each walked forward by itself."""
    shares = np.linspace(0.1, 0.9, 81)
    values = [
        sharpe(walk_forward(Mixture(share=s), HILL, HILL.dates[10], None, MONEY).returns)
        for s in shares[::4]
    ]
    fit = np.polyfit(shares[::4], values, 4)
    return float(shares[np.argmax(np.polyval(fit, shares))])


def searched(folder: Path, **given: Any) -> Tuned:
    asked: dict[str, Any] = {
        "ledger": Ledger(folder),
        "trials": 12,
        "validation": (MARKET.dates[300], END),
        "simulator": MONEY,
        **given,
    }
    space = asked.pop("space", {"lookback": Whole(20, 250)})
    return tune(asked.pop("strategy", RULE), asked.pop("market", MARKET), space, **asked)


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        (".1,.2", Choice((0.1, 0.2))),
        ("momentum,reversion", Choice(("momentum", "reversion"))),
        ("1..3", Whole(1, 3)),
        ("2:18", Uniform(2, 18)),
        ("2:18:linear:5", Uniform(2, 18, 5)),
        ("5:150:log", LogUniform(5, 150)),
        ("5:150:log:8", LogUniform(5, 150, 8)),
        ("enter*1:4", Ratio("enter", Uniform(1, 4))),
        ("enter*.25:1:log", Ratio("enter", LogUniform(0.25, 1))),
    ],
)
def test_an_axis_is_read_and_told(text: str, axis: Any) -> None:
    assert parse(text) == axis
    assert parse(str(axis)) == axis


@pytest.mark.parametrize(
    "text",
    ["", "a:b", "5:1", "0:3:log", "1..x", "1:2:3", "1:2:log:1", "1,1", "x*y*2:3", "1:2:log:3:4"],
)
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(StrategyError):
        parse(text)


def test_axes_are_walked_end_to_end() -> None:
    np.testing.assert_allclose(
        [LogUniform(5, 80, 5).at(i) for i in range(5)], [5, 10, 20, 40, 80], rtol=1e-12
    )
    assert [Uniform(2, 18).at(x) for x in (0.0, 0.5, 1.0)] == [2, 10, 18]
    assert [Whole(1, 3).at(i) for i in range(3)] == [1, 2, 3]
    assert parse("10:1000:log:3", whole=True).at(1) == 100
    assert isinstance(parse("10:1000:log", whole=True).at(0.3), int)
    assert parse("2:18", whole=True) == Whole(2, 18)


def test_three_cases_of_an_asymmetry_can_be_declared() -> None:
    """4.11: symmetric, enter below exit, enter above exit: an order is never crossed."""
    enter = LogUniform(5, 200)
    strategy = Mixture()
    symmetric = configuration({"enter": enter}, {"enter": 0.3}, strategy)
    assert changed(strategy, symmetric).exit is None
    for text, sign in (("enter*1:4", 1), ("enter*.25:1", -1)):
        space = {"exit": parse(text), "enter": enter}
        found, _ = searcher("random", space, 50, 0)
        for point in found.ask(50):
            told = configuration(space, point, strategy)
            assert sign * (told["exit"] - told["enter"]) >= 0
            assert told["exit"] == pytest.approx(
                told["enter"] * space["exit"].at(point["exit"]), rel=1e-5
            )
    alone = configuration({"exit": parse("enter*2,3")}, {"exit": 1}, Mixture(enter=7.0))
    assert alone == {"exit": 21.0}


def test_an_order_left_to_the_search_is_told(tmp_path: Path) -> None:
    space = {"enter": Choice((1.0, 2.0)), "exit": parse("enter*.5,2"), "share": Choice((0.5,))}
    done = searched(tmp_path, strategy=Mixture(), market=HILL, space=space, searcher="grid",
                    validation=(HILL.dates[10], None))  # fmt: skip
    assert any("which of the two is larger was left to the search" in note for note in done.notes)
    assert sorted(done.trials["exit"]) == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("kind", ["optuna", "grid"])
def test_the_top_of_a_hill_is_found(tmp_path: Path, kind: str) -> None:
    """4.11: both searchers, the same objective, every trial registered."""
    space = {"share": SHARE if kind == "optuna" else Uniform(0.06, 0.94, 23)}
    done = searched(tmp_path, strategy=Mixture(), market=HILL, space=space, searcher=kind,
                    trials=24, validation=(HILL.dates[10], None))  # fmt: skip
    assert done.searcher == kind
    assert abs(done.strategy.share - top()) < 0.05
    direct = walk_forward(done.strategy, HILL, HILL.dates[10], None, MONEY)
    assert done.run.metrics["sharpe"]["value"] == summary(direct).loc["sharpe", "value"]
    ledger = Ledger(tmp_path)
    assert ledger.count(done.run.family) == done.trials["run"].nunique()
    assert len(done.trials) == (24 if kind == "optuna" else 23)


def test_guided_points_come_nearer_than_random_ones() -> None:
    """The batches that are told about come closer to the top than those that are not."""
    away = {}
    for kind in ("optuna", "random"):
        found, _ = searcher(kind, {"x": Uniform(0, 1), "y": Uniform(0, 1)}, 64, 0)
        for _ in range(8):
            points = np.array([[p["x"], p["y"]] for p in found.ask(BATCH)])
            distance = np.hypot(points[:, 0] - 0.37, points[:, 1] - 0.8)
            found.tell(list(-distance))
        away[kind] = distance.mean()
    assert away["optuna"] < 0.4 * away["random"]


def test_trials_are_as_many_as_asked_and_the_seed_settles_them(tmp_path: Path) -> None:
    """4.12: n trials honoured, deterministic with the seed."""
    first = searched(tmp_path / "a", trials=13)
    again = searched(tmp_path / "b", trials=13)
    other = searched(tmp_path / "c", trials=13, seed=1)
    assert len(first.trials) == 13
    assert sorted(first.trials.index) == list(range(13))
    pd.testing.assert_frame_equal(first.trials, again.trials, check_exact=True)
    assert list(first.trials["lookback"]) != list(other.trials["lookback"])
    assert first.selection == again.selection


def test_one_worker_and_two_give_identical_trials(tmp_path: Path) -> None:
    """B25: a parallel search is the serial one."""
    one, two = (searched(tmp_path / str(jobs), jobs=jobs, trials=20) for jobs in (1, 2))
    told = [done.trials.drop(columns="run") for done in (one, two)]  # its id is of the code too
    pd.testing.assert_frame_equal(*told, check_exact=True)
    assert one.run.trial == two.run.trial
    records = [[e.body["trial"] for e in Ledger(tmp_path / n).entries("run")] for n in "12"]
    assert records[0] == records[1]


def test_later_rows_change_nothing(tmp_path: Path) -> None:
    """4.13, B18: rows after the validation period are poison, and no trial notices."""
    frames = MARKET.frames()
    row = MARKET.dates.searchsorted(END) + 1
    poisoned = {}
    for name in ("prices", "opens", "raw", "volumes"):
        if frames[name] is not None:
            poisoned[name] = frames[name].copy()
            poisoned[name].iloc[row:] = poisoned[name].iloc[row:].to_numpy()[::-1] * 3.0
    other = Market.from_frames(**{**frames, **poisoned}).select(MARKET.assets)
    assert not other.prices.equals(MARKET.prices)
    clean, sick = (searched(tmp_path / n, market=m) for n, m in (("a", MARKET), ("b", other)))
    pd.testing.assert_frame_equal(clean.trials, sick.trials, check_exact=True)
    assert Ledger(tmp_path / "a").head == Ledger(tmp_path / "b").head


def test_trials_are_net_of_costs_and_delay(tmp_path: Path) -> None:
    done = searched(tmp_path, trials=4)
    assert (done.trials["sharpe"] < done.trials["gross_sharpe"]).all()
    slow = searched(tmp_path, trials=4, simulator=Simulator(fill="close", delay=5))
    assert slow.run.simulator["delay"] == 5
    assert not np.allclose(slow.trials.sort_index()["value"], done.trials.sort_index()["value"])


def test_a_killed_search_resumes_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H.10, 4.12: what is on record is not run again, and is no new trial."""
    whole = searched(tmp_path / "whole", trials=20)

    def stop(done: int, total: int) -> None:
        if done >= BATCH:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "killed", trials=20, progress=stop)
    ledger = Ledger(tmp_path / "killed")
    before = len(ledger.entries("run"))
    assert 0 < before < whole.trials["run"].nunique()
    calls: list[int] = []
    real = walk.walk_forward
    monkeypatch.setattr(walk, "walk_forward", lambda *a, **k: (calls.append(1), real(*a, **k))[1])
    resumed = searched(tmp_path / "killed", trials=20)
    pd.testing.assert_frame_equal(whole.trials, resumed.trials, check_exact=True)
    assert resumed.reused == before
    assert len(calls) == whole.trials["run"].nunique() - before
    assert resumed.selection == whole.selection
    rows = ledger.head
    again = searched(tmp_path / "killed", trials=20)
    assert again.reused == again.trials["run"].nunique()
    assert ledger.head == rows
    assert len(calls) == whole.trials["run"].nunique() - before
    assert again.selection == whole.selection
    assert ledger.verify() == ()


def test_other_costs_are_other_trials(tmp_path: Path) -> None:
    first = searched(tmp_path, trials=4, searcher="random")
    dearer = searched(tmp_path, trials=4, searcher="random", simulator=Simulator())
    assert dearer.reused == 0
    assert dearer.selection.trials == 2 * first.selection.trials


def test_without_optuna_the_search_is_random_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4.12: fallback random search."""
    drawn = searched(tmp_path / "random", searcher="random")
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = searched(tmp_path / "without")
    assert done.searcher == "random"
    assert any("optuna is not installed" in note for note in done.notes)
    pd.testing.assert_frame_equal(done.trials, drawn.trials)
    with pytest.raises(ImportError):
        Optuna({"share": SHARE}, 0)


def test_optuna_is_quiet_and_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna

    level = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, _ = searcher("optuna", {"share": SHARE, "kind": Choice(("a", "b"))}, 9, 0)
        found.ask(4)
        found.tell([0.1, float("nan"), 0.3, 0.2])
        found.ask(4)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == level == logging.getLogger("optuna").level


def test_failures_are_recorded_with_their_reason(tmp_path: Path) -> None:
    """A share that cannot be held, or made, fails its trial and nothing else."""
    space = {"share": Choice((0.01, 0.3, 0.5, 0.99))}
    given = {"strategy": Mixture(), "market": HILL, "space": space, "searcher": "grid",
             "validation": (HILL.dates[10], None)}  # fmt: skip
    done = searched(tmp_path, **given)
    reasons = done.trials.sort_index()["failed"]
    assert reasons[0] == "InfeasibleError: share is too small to be held"
    assert reasons[3] == "StrategyError: share is too large to be made"
    assert list(reasons[1:3]) == ["", ""]
    assert done.trials["value"].isna().sum() == 2
    assert list(done.trials["failed"].ne("")) == [False, False, True, True]
    assert any("2 of 4 trials failed" in note for note in done.notes)
    ledger = Ledger(tmp_path)
    told = [e.body["payload"] for e in ledger.entries("failed-trial")]
    assert [t["reason"] for t in told] == [reasons[0], reasons[3]]
    rows = ledger.head
    searched(tmp_path, **given)
    assert ledger.head == rows
    assert done.ensemble.trials == done.selection.trials == 2


def test_a_warm_up_that_is_too_long_fails_its_trial(tmp_path: Path) -> None:
    done = searched(tmp_path, space={"lookback": Choice((100, 400))}, searcher="grid")
    assert done.strategy.lookback == 100
    (reason,) = done.trials["failed"][done.trials["failed"] != ""]
    assert reason.startswith("MissingData: Trend needs 400 rows")


def test_a_start_left_open_suits_every_setting_that_can_ever_start(tmp_path: Path) -> None:
    space = {"lookback": Choice((60, 300, 9999))}
    done = searched(tmp_path, space=space, searcher="grid", validation=(None, END))
    assert done.periods.start == MARKET.dates[299]
    assert done.trials["value"].notna().sum() == 2


def test_no_value_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match=r"none of 2 trials has a value.*needs 600 rows"):
        searched(tmp_path, space={"lookback": Choice((600, 601))}, searcher="grid")


def test_the_gap_is_the_best_less_the_average(tmp_path: Path) -> None:
    """H.12: the chosen trial beside the average of all and equal shares in all."""
    space = {"lookback": Choice((20, 60, 120))}
    done = searched(tmp_path, space=space, searcher="grid")
    values = done.trials["value"]
    assert done.ensemble.gap == pytest.approx(values.max() - values.mean(), abs=1e-12)
    together = pd.concat(
        [
            walk_forward(
                dataclasses.replace(RULE, lookback=n), MARKET, MARKET.dates[300], END, MONEY
            ).returns
            for n in (20, 60, 120)
        ],
        axis=1,
    ).mean(axis=1)  # fmt: skip
    live = together[(together != 0).idxmax() :]
    assert done.ensemble.together[0] == pytest.approx(
        np.sqrt(252) * live.mean() / live.std(), rel=1e-9
    )
    assert done.ensemble.best == tuple(done.run.metrics["sharpe"].values())
    assert done.selection == selection(done.run, Ledger(tmp_path))
    assert list(done.ensemble.table().index) == [
        "best of 3",
        "equal shares in all",
        "mean of all",
        "gap",
    ]


@pytest.mark.parametrize("objective", ["sortino", "calmar"])
def test_the_objective_chooses(tmp_path: Path, objective: str) -> None:
    done = searched(tmp_path, objective=objective, trials=8, searcher="random")
    assert done.run.metrics[objective]["value"] == done.trials["value"].max()
    assert done.ensemble.best[0] == done.trials["value"].max()


def test_a_learning_strategy_and_a_wrapped_one_are_tuned(tmp_path: Path) -> None:
    inner = ResidualMomentum(universe=MARKET.assets, lookback=250)
    space = {"cap": Choice((0.05, 0.5)), "strategy.factors": Whole(1, 2)}
    done = searched(
        tmp_path,
        strategy=TurnoverLimit(inner, 0.1),
        space=space,
        searcher="grid",
        validation=(None, END),
    )
    assert sorted(done.trials["strategy.factors"]) == [1, 1, 2, 2]
    assert done.run.recipe == "ResidualMomentum"
    assert done.strategy.strategy.factors == done.trials["strategy.factors"].iloc[0]
    assert done.trials["run"].nunique() == 4


def test_periods_are_in_order_and_apart() -> None:
    """4.13: train < validation < holdout, with an embargo; an error names both dates."""
    days = MARKET.dates
    kept = Periods.of([RULE], MARKET, (days[300], None), seal=days[640], trained=days[250])
    assert (kept.start, kept.end) == (days[300], days[640 - 22])
    assert Periods.of([RULE], MARKET, (None, days[600])).start == days[252]
    assert Periods.of([RULE], MARKET, (None, None)).end == MARKET.now
    assert "nothing is held out" in Periods.of([RULE], MARKET, (None, None)).notes[0]
    exact = Periods.of([RULE], MARKET, (days[300], days[600]), seal=days[622])
    assert exact.seal == days[622]
    close = f"{days[600].date()}.*{days[621].date()}: 20 sessions.*asks for 21"
    with pytest.raises(StrategyError, match=close):
        Periods.of([RULE], MARKET, (days[300], days[600]), seal=days[621])
    with pytest.raises(StrategyError, match=f"{days[600].date()}.*{days[590].date()}"):
        Periods.of([RULE], MARKET, (days[300], days[600]), seal=days[590], embargo=0)
    with pytest.raises(StrategyError, match=f"{days[290].date()}.*{days[300].date()}"):
        Periods.of([RULE], MARKET, (days[300], days[600]), trained=days[290])
    with pytest.raises(StrategyError, match=f"{days[600].date()} to {days[300].date()}"):
        Periods.of([RULE], MARKET, (days[600], days[300]))
    with pytest.raises(StrategyError, match="negative"):
        Periods.of([RULE], MARKET, (None, None), embargo=-1)


def test_a_seal_is_declared_kept_and_never_looked_behind(tmp_path: Path) -> None:
    """4.13, 1.11: the holdout is sealed before the search, and stays so."""
    day = MARKET.dates[660]
    given = {"data": "synthetic:13", "trials": 3, "searcher": "random"}
    done = searched(tmp_path, seal=day, validation=(MARKET.dates[300], None), **given)
    vault = Holdout(tmp_path)
    assert vault.sealed("synthetic:13").start == day
    assert vault.openings("synthetic:13") == ()
    assert vault.evaluations("synthetic:13") == {}
    assert done.periods.end == MARKET.dates[660 - 22]
    later = searched(tmp_path, validation=(MARKET.dates[300], None), **given)
    assert later.periods == done.periods
    with pytest.raises(LedgerError, match="cannot be moved"):
        searched(tmp_path, seal=MARKET.dates[680], **given)
    with pytest.raises(StrategyError, match=str(day.date())):
        searched(tmp_path, validation=(MARKET.dates[300], MARKET.dates[670]), **given)


def test_a_search_is_declared_before_it_begins(tmp_path: Path) -> None:
    """H.10: the case stands in the ledger before its first trial, and a second one is told."""
    first = searched(tmp_path, case="symmetric", trials=3, searcher="random")
    kinds = [entry.kind for entry in Ledger(tmp_path).entries()]
    assert kinds[0] == "tuning"
    assert kinds[-1] == "tuned"
    assert kinds.count("run") == 3
    assert not any("declared before" in note for note in first.notes)
    second = searched(tmp_path, case="symmetric", trials=4, searcher="random")
    assert any("case symmetric was declared before" in note for note in second.notes)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"space": {}}, "nothing to tune"),
        ({"space": {"speed": Whole(1, 2)}}, "Trend has no field speed"),
        ({"space": {"lookback": parse("lookback*1:2")}}, "must not be a ratio"),
        ({"searcher": "gradient"}, "'optuna', 'grid' or 'random'"),
        ({"searcher": "grid"}, "231 combinations but 12 trials"),
        ({"searcher": "grid", "space": {"lookback": Uniform(1, 2)}}, "is a continuum"),
        ({"objective": "ann_volatility"}, "must be one of sharpe"),
        ({"trials": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    tmp_path: Path, given: dict[str, Any], match: str
) -> None:
    with pytest.raises(StrategyError, match=match):
        searched(tmp_path, **given)
    assert Ledger(tmp_path).entries() == ()


def test_looking_ahead_is_not_tuned(tmp_path: Path) -> None:
    with pytest.raises(LookaheadError, match="looks ahead best"):
        searched(tmp_path, simulator=Simulator(allow_lookahead=True))
