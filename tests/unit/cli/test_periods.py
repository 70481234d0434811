"""`run` and `compare --periods`: a run beside its benchmarks, period by period."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from command_line import run_main
from tiltwise.cli.inputs import market as read
from tiltwise.evaluate.metrics import METRICS

Command = Callable[..., tuple[int, str, str]]
DATA = ("--data", "synthetic:3", "-q")
PERIODS = "2006:2007,1990:2008,2007:"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A working folder with a run of two rules, and their ids."""
    folder, ids = tmp_path_factory.mktemp("recorded"), []
    for name in ("trend", "inverse_volatility"):
        words = ("run", name, "--start", "2006-07-03", *DATA, "--json")
        code, out, err = run_main(*words, folder=folder)
        assert code == 0, err
        ids.append(json.loads(out)["run_id"])
    return folder, ids


@pytest.fixture
def ids(recorded: tuple[Path, list[str]], tiltwise: Command) -> list[str]:
    """The ids of two runs that the command finds where it is."""
    shutil.copytree(recorded[0], Path.cwd(), dirs_exist_ok=True)
    return recorded[1]


def test_a_run_is_set_beside_its_benchmarks(tiltwise: Command) -> None:
    """4.18, 4.26, 4.28: in print, JSON and report."""
    words = ("regime_allocation", *DATA, "--set", "warmup=400", "--set", "lookback=504")
    words += ("--start", "2008-01-02", "--end", "2009-06-30", "--cost-bps", "5")
    code, out, err = tiltwise("run", *words)
    assert code == 0, err
    told = re.search(r"tracking error to equal weights: (\S+)% a year expected", out)
    assert told is not None
    assert float(told[1]) == pytest.approx(2.0, abs=0.3)
    realised = re.search(r"decisions, (\S+)% \((\S+)% to (\S+)%\) realised", out)
    assert realised is not None
    value, low, high = map(float, realised.groups())
    assert low < value < high
    assert "hurdle, MKT less EW(" in out
    found = json.loads(tiltwise("run", *words, "--json")[1])
    beside = found["yardsticks"]
    numbers = {(row["against"], row["metric"]): row for row in beside["active"]}
    assert numbers["equal_daily", "tracking_error"]["value"] == pytest.approx(value / 100, abs=1e-4)
    assert {key[0] for key in numbers} == {"equal_daily", "equal", "market"}
    assert beside["expected"]["mean"] == pytest.approx(float(told[1]) / 100, abs=1e-4)
    page = Path(found["files"]["report"]).read_text()
    assert "Against its benchmarks" in page
    assert "MKT and equal weights" in page
    assert "a year expected on average over" in page


def test_the_table_of_periods(tiltwise: Command, ids: list[str]) -> None:
    """4.25, 4.27, 4.28, 4.59: on the same sessions; a shortened one says from when it is."""
    code, out, err = tiltwise("compare", *ids, "--periods", PERIODS, "--json")
    assert code == 0, err
    found = json.loads(out)["periods"]
    rows = {(row["period"], row["book"]): row for row in found["books"]}
    books = [f"{ids[0][:8]} Trend", f"{ids[1][:8]} InverseVolatility", "EW(9)", "MKT"]
    assert [book for period, book in rows if period == "2007:"] == books
    whole = rows["1990:2008", "MKT"]
    assert re.fullmatch(r"1990:2008 \(from 2006-07-\d\d\)", whole["label"])
    assert rows["2006:2007", "MKT"]["label"].startswith("2006:2007 (from 2006-07-")
    marks = read("synthetic:3").benchmark_prices.ffill()
    marks = (marks / marks.shift(1) - 1.0).loc[whole["first"] : whole["last"]]
    assert len(marks) == whole["sessions"]
    for name in ("total_return", "cagr", "ann_volatility", "sharpe", "sortino", "max_drawdown"):
        assert whole[name] == pytest.approx(METRICS[name](marks)), name
    stored = pd.read_parquet(Path(".tiltwise", "runs", ids[0], "yardsticks.parquet"))
    cut = stored.loc["2007-01-01":]
    row = rows["2007:", books[0]]
    for other in ("equal", "market"):
        gap = cut["run"] - cut[other]
        ratio = gap.mean() / gap.std() * 252**0.5
        assert row[f"information_ratio_{other}"] == pytest.approx(ratio)
    for row in rows.values():
        assert row["sharpe_low"] < row["sharpe"] < row["sharpe_high"]
        assert row["sortino_low"] < row["sortino"] < row["sortino_high"]
    assert rows["2007:", "EW(9)"]["information_ratio_equal"] is None
    hurdles = {row["period"]: row for row in found["hurdles"]}
    assert hurdles["2007:"]["books"] == "MKT less EW(9)"
    gap = rows["2007:", "MKT"]["sharpe"] - rows["2007:", "EW(9)"]["sharpe"]
    assert hurdles["2007:"]["sharpe"] == pytest.approx(gap)
    assert hurdles["2007:"]["first_volatility"] == rows["2007:", "MKT"]["ann_volatility"]


def test_the_printed_table(tiltwise: Command, ids: list[str]) -> None:
    """4.27, 4.59: one run is enough; Sortino and the intervals of Sharpe ratios are printed."""
    run = ids[0]
    code, out, err = tiltwise("compare", run, "--periods", "2007:2008")
    assert code == 0, err
    assert "2007:2008: " in out
    assert "Sortino" in out
    assert re.search(r"│ MKT +│.*│ +-?\d\.\d\d \(-?\d\.\d\d to -?\d\.\d\d\) │", out)
    assert "the hurdle" in out
    assert tiltwise("compare", run)[0] == 2  # without periods there is nothing to compare with


def test_what_cannot_be_compared_says_so(tiltwise: Command, ids: list[str]) -> None:
    """4.27: a misread period, and runs that a sweep recorded without benchmarks."""
    run = ids[0]
    code, _, err = tiltwise("compare", run, "--periods", "lately")
    assert (code, "2022:2024" in err) == (2, True)
    grid = ("--grid", "lookback=127,200", "--start", "2006-07-03")
    swept = json.loads(tiltwise("sweep", "trend", *DATA, *grid, "--json")[1])
    trial = swept["trials"][0]
    assert trial["sortino"] > trial["sharpe"]  # 4.59
    code, out, _ = tiltwise("compare", run, trial["run"], "--periods", "2007:", "--json")
    found = json.loads(out)["periods"]
    assert code == 0
    assert "without its benchmarks" in found["notes"][0]
    row = next(r for r in found["books"] if r["book"].startswith(trial["run"][:8]))
    assert row["information_ratio_equal"] is None
