"""An experiment is a library call: the page, the frames and the record without the command line."""

import pytest

from tiltwise import Ledger, Market, Simulator, cli, run_experiment
from tiltwise.experiment.record import TABLES
from tiltwise.experiment.recorded_run import RecordedRun
from tiltwise.recipes.residual_momentum import ResidualMomentum

START = "2007-01-03"


def command(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["tiltwise", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code in (0, None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    market = Market.synthetic(13)
    strategy = ResidualMomentum(universe=market.assets, lookback=300)
    folder = tmp_path_factory.mktemp("library")
    return run_experiment(strategy, market, START, data="synthetic:13", ledger=folder)


def test_the_library_draws_the_page_of_the_command(run, monkeypatch, tmp_path):
    """Byte for byte, under another name too; and both record the same run."""
    words = ("run", "residual_momentum", "--data", "synthetic:13", "--set", "lookback=300")
    command(monkeypatch, *words, "--start", START, "--folder", str(tmp_path / "cli"), "-q")
    page = tmp_path / "cli" / "reports" / f"{run.id}.html"
    assert run.report(tmp_path / "page.html").read_bytes() == page.read_bytes()
    assert Ledger(tmp_path / "cli").get(run.id).files == run.run.files


def test_a_run_read_back_is_the_run_that_was_recorded(run):
    again = RecordedRun.open(run.id[:8], run.ledger.folder)
    assert again.html() == run.html()
    assert again.summary.equals(run.summary)
    assert again.backtest.nav.equals(run.backtest.nav)
    assert again.robustness.to_bytes() == run.robustness.to_bytes()
    assert again.risks.to_json()["counts"] == run.risks.to_json()["counts"]


def test_the_frames_are_those_of_the_backtest(run):
    nav, returns = run.backtest.nav, run.backtest.returns
    assert nav.index[1:].equals(returns.index)
    assert (nav.to_numpy()[1:] / nav.to_numpy()[:-1] - 1.0).tolist() == returns.tolist()
    assert {f"{name}.parquet" for name in TABLES} <= set(run.run.files)
    assert run.summary.loc["sharpe", "low"] < run.summary.loc["sharpe", "value"]


def test_another_benchmark_is_compared_with(tmp_path):
    market = Market.synthetic(13)
    name = market.assets[0]
    strategy = ResidualMomentum(universe=market.assets[1:], lookback=300)
    run = run_experiment(
        strategy, market, START, "2008-12-31", Simulator(), benchmark=name, ledger=tmp_path
    )
    assert run.backtest.benchmark == name
    assert name in run.robustness.against.index
