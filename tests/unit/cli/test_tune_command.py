"""``tiltwise tune`` as a user types it."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tiltwise import Decision, Ledger, Strategy
from tiltwise.cli.commands import tune
from tiltwise.cli.exit_codes import UsageError
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.holdout import Holdout
from tiltwise.research.search.axes import Choice, LogUniform, Ratio, Uniform, Whole

Command = Callable[..., tuple[int, str, str]]
WORDS = ("tune", "trend", "--data", "synthetic:3", "--space", "lookback=20..250", "-q")
MINE = """
import dataclasses
from tiltwise.recipes.benchmarks import EqualWeight

@dataclasses.dataclass(frozen=True)
class Mine(EqualWeight):
    lookback: int | None = 5
"""


@dataclasses.dataclass(frozen=True)
class Tilt(Strategy):
    """The fields of a regime tilt; it never trades."""

    enter: float = 50.0
    exit: float | None = None
    max_features: float = 9.5

    def decide(self, model, past, held):
        return Decision.hold()


def test_spaces_take_the_types_of_the_fields() -> None:
    """4.11: the three cases of an asymmetry can be typed."""
    texts = ("enter=5:200:log", "exit=enter*1:4", "max_features=2:18")
    assert tune.space_of(Tilt, texts) == {
        "enter": LogUniform(5, 200),
        "exit": Ratio("enter", Uniform(1, 4)),
        "max_features": Uniform(2, 18),
    }
    assert tune.space_of(Tilt, ("exit=enter*.25:1",))["exit"] == Ratio("enter", Uniform(0.25, 1))
    assert tune.space_of(Tilt, ("exit=none,20",))["exit"] == Choice((None, 20.0))
    found = tune.space_of(
        ResidualMomentum,
        ("quantile=.1,.2", "factors=1..3", "lookback=252:756", "signal=momentum,reversion"),
    )
    assert list(found.values()) == [
        Choice((0.1, 0.2)),
        Whole(1, 3),
        Whole(252, 756),
        Choice(("momentum", "reversion")),
    ]
    for texts in (("factors",), ("speed=1,2",), ("factors=1,2", "factors=3,4"), ("factors=a,b",)):
        with pytest.raises(UsageError):
            tune.space_of(ResidualMomentum, texts)


def test_a_search_before_a_seal(tiltwise: Command) -> None:
    """4.12, 4.13, H.10, H.12: counted, held out, and told beside the average."""
    words = (*WORDS, "--trials", "6", "--seal", "2012-01-03", "--case", "window", "--json")
    code, out, _ = tiltwise(*words)
    assert code == 0
    told = json.loads(out)
    assert len(told["trials"]) == 6
    assert told["searcher"] == "optuna"
    assert told["periods"]["seal"] == "2012-01-03"
    assert told["periods"]["end"] < "2011-12-05"
    values = [row["value"] for row in told["trials"]]
    assert told["ensemble"]["gap"]["value"] == pytest.approx(max(values) - sum(values) / 6)
    assert told["best"]["trials"] == len({row["run"] for row in told["trials"]})
    assert set(told["against"]) >= {"BuyAndHold", "EqualWeight", "InverseVolatility", "Trend"}
    ledger = Ledger(Path(".tiltwise"))
    assert Holdout(ledger).evaluations("synthetic:3") == {}
    rows = ledger.head
    again = json.loads(tiltwise(*words)[1])
    assert again["trials"] == told["trials"]
    assert again["reused"] == told["best"]["trials"]
    assert ledger.head == rows


def test_the_page_says_what_choosing_was_worth(tiltwise: Command) -> None:
    """H.12: printed for every tuned strategy."""
    code, out, _ = tiltwise(
        "tune", "inverse_volatility", "--data", "synthetic:3", "--searcher", "grid", "-q",
        "--space", "lookback=30:240:log:4", "--end", "2010-12-31", "--objective", "sortino",
        "--cost-bps", "5", "--fill", "close", "--delay", "2",
    )  # fmt: skip
    assert code == 0
    assert "4 trials, grid search; the best 4" in out
    assert "best sortino" in out
    assert "chosen against average, sortino" in out
    assert "gap" in out
    assert "nothing held out" in out
    assert "note: nothing is held out" in out
    assert "best of 4 trials counted in this ledger: deflated Sharpe ratio" in out
    last = out.splitlines()[-1]
    assert last.startswith("settings --set lookback=")
    best = Ledger(Path(".tiltwise")).get(out.splitlines()[-2].split()[1])
    assert best.strategy["lookback"] == int(last.split("=")[1])
    assert best.simulator["costs"]["half_spread_bps"] == 5
    assert (best.simulator["fill"], best.simulator["delay"]) == ("close", 2)


def test_failed_trials_are_shown(tiltwise: Command) -> None:
    code, out, _ = tiltwise(
        "tune", "trend", "--data", "synthetic:3", "--searcher", "grid", "-q",
        "--space", "lookback=60,9999", "--start", "2006-01-03",
    )  # fmt: skip
    assert code == 0
    assert "MissingData" in out
    assert "1 of 2 trials failed" in out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--space", "lookback=5"), 2, "write each field once"),
        (("--searcher", "gradient"), 2, "must be 'optuna'"),
        (("--searcher", "grid"), 2, "231 combinations but 50 trials"),
        (("--end", "2011-12-30", "--seal", "2012-01-10"), 2, "2011-12-30 and the holdout begins"),
        (("--delay", "0"), 2, "--delay 0"),
    ],
)
def test_what_cannot_be_searched_is_a_usage_error(
    tiltwise: Command, words: tuple[str, ...], code: int, told: str
) -> None:
    found, out, err = tiltwise(*WORDS, *words)
    assert (found, out) == (code, "")
    assert told in err


def test_a_short_period_has_no_rules_beside_it(tiltwise: Command) -> None:
    code, out, _ = tiltwise(
        "tune", "equal_weight", "--data", "synthetic:3", "--space", "lookback=5,9", "-q",
        "--searcher", "grid", "--end", "2005-08-01",
    )  # fmt: skip
    assert code == 0
    assert "note: nothing to compare the best with: Trend needs 253 rows" in out


def test_a_file_of_one_s_own_is_tuned(tiltwise: Command) -> None:
    Path("mine.py").write_text(MINE)
    code, out, _ = tiltwise(
        "tune", "mine.py:Mine", "--data", "synthetic:3", "--space", "lookback=5,9", "-q",
        "--searcher", "grid", "--jobs", "2", "--json",
    )  # fmt: skip
    assert code == 0
    assert sorted(row["lookback"] for row in json.loads(out)["trials"]) == [5, 9]
