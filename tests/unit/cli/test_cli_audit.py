"""``tiltwise audit``: recipes, strategies and functions of a file."""

import pytest

from tiltwise import Market
from tiltwise.cli.commands import audit
from tiltwise.cli.exit_codes import UsageError
from tiltwise.errors import MissingData, StrategyError

PLAIN = Market.synthetic(4, sessions=260, assets=5)
MINE = """
import dataclasses

from tiltwise.strategy import Decision, Strategy, from_weights


def honest(prices):
    return prices.pct_change(fill_method=None).rolling(10).mean()


def peeks(market):
    return market.prices.pct_change(fill_method=None).shift(-1).clip(-0.1, 0.1)


@dataclasses.dataclass(frozen=True)
class Mine(Strategy):
    universe: tuple[str, ...] = ()
    lookback: int | None = 20
    size: float = 1.0

    def decide(self, model, past, held):
        return Decision(past.returns().mean() * self.size)


ready = Mine(size=2.0)
wrapped = from_weights(honest)
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return str(path)


def examine(target, **asked):
    return audit.examine(target, "synthetic:4", PLAIN, quiet=True, cuts=6, **asked)


@pytest.mark.parametrize("name", ["honest", "Mine", "ready", "wrapped"])
def test_what_a_file_holds_is_audited(mine, name):
    assert examine(f"{mine}:{name}").passed


def test_a_leak_is_printed_with_node_date_and_cause(mine, capsys):
    report = examine(f"{mine}:peeks")
    audit.print_report(report, "mine.py:peeks")
    said = capsys.readouterr().out
    assert "weights (decision), from 2005-" in said
    assert "Likely cause: the next row is read" in said
    assert "not exercised: macro: not in this market" in said
    assert "6 cuts (" in said
    assert "looks ahead" in said


def test_a_recipe_with_settings_is_audited(capsys):
    report = examine("trend", settings=("lookback=60",), universe="all")
    assert report.name == "Trend"
    audit.print_report(report, "trend")
    assert "trend: no look-ahead seen in what was exercised" in capsys.readouterr().out


def test_what_is_wrong_is_said(mine, tmp_path):
    with pytest.raises(MissingData, match="honest, peeks, Mine, ready, wrapped; name one"):
        examine(mine)
    with pytest.raises(MissingData, match="has no gone"):
        examine(f"{mine}:gone")
    with pytest.raises(MissingData, match="no such file"):
        examine(f"{tmp_path}/absent.py:f")
    with pytest.raises(UsageError, match="strategy classes"):
        examine(f"{mine}:honest", settings=("size=2",))
    (tmp_path / "broken.py").write_text("1 / 0")
    with pytest.raises(StrategyError, match="does not run: ZeroDivisionError"):
        examine(f"{tmp_path}/broken.py:f")


def test_the_only_thing_in_a_file_needs_no_name(tmp_path):
    path = tmp_path / "single.py"
    path.write_text("def only(prices):\n    return prices.pct_change(5, fill_method=None)\n")
    assert examine(str(path)).name == "only"
