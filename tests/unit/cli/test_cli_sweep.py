"""``tiltwise sweep`` without the command line around it."""

import dataclasses
import itertools
import json
import math
import os
from pathlib import Path

import pytest

from tiltwise import Ledger, Market, Strategy
from tiltwise.cli.commands import sweep
from tiltwise.cli.exit_codes import UsageError
from tiltwise.experiment.sweep import SweepResult, sweep_experiment
from tiltwise.recipes.residual_momentum import ResidualMomentum

MARKET = Market.synthetic(13, sessions=700)
BASE = ResidualMomentum(universe=MARKET.assets, lookback=300)


def swept(folder: Path, *strategies: Strategy, capped: bool = False) -> SweepResult:
    return sweep_experiment(
        strategies, MARKET, ledger=Ledger(folder), capped=capped, data="synthetic:13", jobs=1
    )


def test_combinations_are_all_of_them() -> None:
    made = sweep.combinations(["factors=1,2", "signal=momentum,reversion"])
    assert made[1] == ("factors=1", "signal=reversion")
    assert len(made) == 4
    assert sweep.combinations(None) == [()]
    for text in ("factors", "factors="):
        with pytest.raises(UsageError, match="key=value"):
            sweep.combinations([text])


def test_a_grid_is_run_recorded_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = itertools.product((1, 2), (0.1, 0.3))
    strategies = [dataclasses.replace(BASE, factors=f, quantile=q) for f, q in grid]
    done = swept(tmp_path, *strategies)
    assert len(done.trials) == 4
    assert done.best.trials == 4
    assert len(Ledger(tmp_path).runs()) == 4
    assert done.grid is not None
    assert done.grid.sharpes.max() == pytest.approx(done.trials["sharpe"].iloc[0], rel=0.01)
    told = json.loads(json.dumps(done.to_json(), default=str))
    assert len(told["trials"]) == 4
    assert set(told["against"]) == {
        "MKT",
        "BuyAndHold",
        "EqualWeight",
        "InverseVolatility",
        "Trend",
    }
    sweep.print_result("ResidualMomentum on synthetic:13: 4 configurations", done)
    out = capsys.readouterr().out
    assert "ResidualMomentum on synthetic:13: 4 configurations" in out
    assert "best of 4 trials counted in this ledger" in out
    assert "equal shares in all" in out
    assert "InverseVolatility" in out


def test_a_limit_on_turnover_has_its_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1.14: realised turnover is within each cap, less of it costs less; the curve is printed."""
    caps = sweep.limited([BASE], "none,0.16,0.08,0.04,0.02")
    done = swept(tmp_path, *caps, capped=True)
    curve = done.limits
    assert curve is not None
    assert curve["cap"].tolist() == [math.inf, 0.16, 0.08, 0.04, 0.02]
    assert (curve["one_way"] <= curve["cap"]).all()
    assert (curve["one_way"].iloc[1:] > 0.8 * curve["cap"].iloc[1:]).all()
    assert curve["cost_drag"].is_monotonic_decreasing
    run = next(r for r in Ledger(tmp_path).runs() if r.strategy["cap"] == 0.08)
    assert curve["sharpe"].iloc[2] == run.metrics["sharpe"]["value"]
    assert (curve["gross_sharpe"] > curve["sharpe"]).all()
    sweep.print_result("caps", done)
    out = capsys.readouterr().out
    table = out.split("what a limit on turnover costs and saves")[1]
    for word in ("realised a session", "cost a year", "Sharpe before costs", "after costs", "none"):
        assert word in table
    with pytest.raises(UsageError, match=r"none,0\.16,0\.08"):
        sweep.limited([BASE], "much")
    with pytest.raises(UsageError, match="one configuration"):
        sweep.limited([BASE, BASE], "none")


def test_one_configuration_has_no_average(tmp_path: Path) -> None:
    done = swept(tmp_path, BASE)
    assert done.grid is None
    assert done.to_json()["grid"] is None


def test_a_wrong_field_is_a_usage_error(tiltwise) -> None:
    words = ("sweep", "residual_momentum", "--data", "synthetic:13", "--grid", "nothing=1,2")
    code, _, err = tiltwise(*words)
    assert code == 2
    assert "has the fields" in err


@pytest.mark.parametrize("command", [("sweep", "--grid"), ("tune", "--space")], ids=lambda c: c[0])
def test_workers_find_a_strategy_of_one_s_own(command, tiltwise, monkeypatch) -> None:
    """A file of one's own is run by two workers as by one: the same bytes on stdout."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert tiltwise("new", "mine")[0] == 0
    name, option = command
    asked = (name, "mine.py", option, "names=2,3", "--data", "synthetic:13", "--end", "2006-12-29")
    told = [
        tiltwise(*asked, "--folder", f"{jobs}/ledger", "--jobs", str(jobs), "--quiet")
        for jobs in (1, 2)
    ]
    assert told[0][0] == 0, told[0][2]
    assert told[0] == told[1]
    assert "names" in told[0][1]
