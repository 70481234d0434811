"""``tiltwise report`` and ``tiltwise compare``, and the evidence that a run carries."""

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tiltwise import Ledger, Market, Strategy, cli, run_experiment
from tiltwise.cli.commands.run import print_result
from tiltwise.errors import LedgerError
from tiltwise.evaluate.significance.paired import paired
from tiltwise.experiment.compare import compare_runs
from tiltwise.experiment.describe import describe
from tiltwise.experiment.recorded_run import RecordedRun
from tiltwise.recipes.benchmarks import EqualWeight
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.holdout import Holdout

MARKET = Market.synthetic(13, sessions=1150)
Command = Callable[..., tuple[int, str, str]]


def recorded(folder: Path, strategy: Strategy, start: str = "2007-01-03") -> RecordedRun:
    return run_experiment(strategy, MARKET, start, ledger=folder, data="synthetic:13", jobs=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RecordedRun, RecordedRun]:
    """A folder with two runs of one family, each as it was when it was recorded."""
    folder = tmp_path_factory.mktemp("runs")
    strategy = ResidualMomentum(universe=MARKET.assets, lookback=300)
    first = recorded(folder, strategy)
    return folder, first, recorded(folder, dataclasses.replace(strategy, quantile=0.3))


@pytest.fixture
def folder(made: tuple[Path, RecordedRun, RecordedRun], tmp_path: Path) -> Path:
    return shutil.copytree(made[0], tmp_path / "copy")


@pytest.fixture
def tiltwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> Command:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tiltwise", *words, "--folder", str(folder)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return call


def test_json_carries_doubt_and_rules(made: tuple[Path, RecordedRun, RecordedRun]) -> None:
    """H.09: the shift is part of every run; so are costs, fills, starts, placebo and rules."""
    told = json.loads(json.dumps(describe(made[1])))
    doubt = told["doubt"]
    assert [point["setting"] for point in doubt["delay"]] == [0, 1, 2, 5]
    assert [point["tainted"] for point in doubt["delay"]] == [True, False, False, False]
    assert [point["setting"] for point in doubt["cost"]] == [0, 2, 5, 10, 20]
    assert {point["label"] for point in doubt["fill"]} >= {"next open", "next close"}
    assert 0 < doubt["rotation_p"] <= 1
    assert doubt["start_spread"] >= 0
    assert set(doubt) >= {"break_even_bps", "notes"}
    assert list(told["against"]) == [
        "MKT",
        "BuyAndHold",
        "EqualWeight",
        "InverseVolatility",
        "Trend",
    ]
    needed = {"sharpe", "sharpe_low", "sharpe_high", "sharpe_p", "mean", "min_track_record_years"}
    assert needed <= set(told["against"]["Trend"])
    asis = next(p for p in doubt["cost"] if p["setting"] == 2)
    metric = told["metrics"]["sharpe"]
    assert list(told["metrics"])[:3] == ["total_return", "cagr", "ann_volatility"]
    assert (asis["sharpe"], asis["low"], asis["high"]) == pytest.approx(tuple(metric.values()))


def test_the_report_shows_them(made: tuple[Path, RecordedRun, RecordedRun]) -> None:
    one, two = (run.page_path.read_text("utf-8") for run in made[1:])
    for page in (one, two):
        for anchor in ("doubt", "against-simple-rules", "trials"):
            assert f'<section id="{anchor}"' in page
        assert "Rotation placebo" in page
    assert "Best of 2" in two
    assert "Best of" not in one
    assert made[1].counts.grid is None
    assert made[2].counts.grid.table().loc["gap", "sharpe"] > 0


def test_the_tables_are_printed(
    made: tuple[Path, RecordedRun, RecordedRun], capsys: pytest.CaptureFixture[str]
) -> None:
    print_result(made[1])
    out = capsys.readouterr().out
    for word in ("delay 0 (looks ahead)", "cost 20 bps", "fill next open", "InverseVolatility"):
        assert word in out
    assert "7 later starts: Sharpe" in out
    assert "rotation placebo: p = " in out


def test_a_report_is_drawn_again(
    made: tuple[Path, RecordedRun, RecordedRun], folder: Path, tiltwise: Command
) -> None:
    """The last page is byte for byte the same; the first one now counts two trials."""
    first, second = made[1].id, made[2].id
    old = {i: (folder / "reports" / f"{i}.html").read_bytes() for i in (first, second)}
    shutil.rmtree(folder / "reports")
    code, out, _ = tiltwise("report", second[:8], "--json")
    assert code == 0
    told = json.loads(out)
    assert told == {"run_id": second, "report": str(folder / "reports" / f"{second}.html")}
    assert Path(told["report"]).read_bytes() == old[second]
    assert tiltwise("report", first[:8])[0] == 0
    again = (folder / "reports" / f"{first}.html").read_bytes()
    assert b"Best of 2" in again
    assert b"Best of 2" not in old[first]
    assert len(Ledger(folder).entries("run")) == 2


def test_openings_of_the_vault_are_stamped(
    made: tuple[Path, RecordedRun, RecordedRun], folder: Path
) -> None:
    """1.11, H.11."""
    vault = Holdout(folder)
    vault.seal("synthetic:13", "2007-06-01")
    with vault.open("synthetic:13", "the last look"):
        pass
    page = RecordedRun.open(made[1].id, folder).html()
    assert "Sealed from 2007-06-01: vault opened 1 time" in page
    assert page.count("vault opened 1 time") == 2


def test_what_was_recorded_without_tables_has_no_report(
    made: tuple[Path, RecordedRun, RecordedRun], tmp_path: Path
) -> None:
    whole = Ledger(made[0]).get(made[1].id)
    bare = Ledger(tmp_path / "bare")
    bare.add(dataclasses.replace(whole, files={}))
    with pytest.raises(LedgerError, match=r"evidence\.json, nav\.parquet, page\.json"):
        RecordedRun.open(whole.id, bare).report()
    with pytest.raises(LedgerError, match="it means 0"):
        RecordedRun.open("ffff", bare)


def test_a_row_with_fewer_metrics_hides_none(
    made: tuple[Path, RecordedRun, RecordedRun], folder: Path
) -> None:
    ledger, key = Ledger(folder), made[2].id
    few = dataclasses.replace(ledger.get(key), metrics={"sharpe": {"value": 1.0}}, files={})
    page = (folder / "reports" / f"{key}.html").read_bytes()
    ledger.add(few)
    assert RecordedRun.open(key, folder).report().read_bytes() == page


def test_runs_are_compared(
    made: tuple[Path, RecordedRun, RecordedRun], folder: Path, tiltwise: Command
) -> None:
    keys = [run.id for run in made[1:]]
    code, out, _ = tiltwise("compare", *(key[:10] for key in keys), "--json")
    assert code == 0
    told = json.loads(out)
    assert [row["run"] for row in told["runs"]] == keys
    assert [row["settings"] for row in told["runs"]] == ["quantile=0.1", "quantile=0.3"]
    assert [row["trials"] for row in told["runs"]] == [2, 2]
    assert told["runs"][0]["sharpe"] == made[1].summary.loc["sharpe", "value"]
    (pair,) = told["differences"]
    series = [Ledger(folder).get(key).returns.to_numpy() for key in keys]
    expected = paired(*series)
    assert (pair["run"], pair["less"], pair["sessions"]) == (*keys, len(series[0]))
    assert (pair["sharpe"], pair["sharpe_p"]) == (expected.sharpe, expected.sharpe_p)
    code, out, _ = tiltwise("compare", *keys)
    assert code == 0
    assert f"{keys[0][:8]} less {keys[1][:8]}" in out
    assert "quantile=0.3" in out


def test_other_periods_are_said_and_one_run_is_refused(
    made: tuple[Path, RecordedRun, RecordedRun], folder: Path
) -> None:
    key = made[1].id
    other = recorded(folder, EqualWeight(universe=MARKET.assets), "2007-03-01").id
    done = compare_runs([key, other], folder)
    assert "the periods differ" in done.notes[0]
    sessions = pd.DatetimeIndex(Ledger(folder).get(other).returns.index)
    assert done.differences["sessions"].tolist() == [len(sessions)]
    for keys in ([key], [key, key]):
        with pytest.raises(LedgerError, match="two runs or more"):
            compare_runs(keys, folder)
