"""The command line as a user meets it: results on stdout, clear refusals, exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise import cli

Command = Callable[..., tuple[int, str, str]]


def prices(rows: int = 420, names: str = "ABCD", seed: int = 0) -> pd.DataFrame:
    steps = np.random.default_rng(seed).normal(3e-4, 0.01, (rows, len(names)))
    days = pd.bdate_range("2015-01-01", periods=rows + 40)
    from tiltwise import Calendar

    sessions = Calendar.exchange("XNYS").between(days[0], days[-1])[:rows]
    return pd.DataFrame(
        100 * np.exp(steps.cumsum(axis=0)), index=sessions.rename("date"), columns=list(names)
    )


def test_run_prints_one_object_and_writes_the_report(tiltwise: Command) -> None:
    prices().to_csv("prices.csv")
    words = ("run", "trend", "--data", "prices.csv", "--universe", "all", "--json", "--quiet")
    code, out, err = tiltwise(*words)
    assert (code, err) == (0, "")
    told = json.loads(out)
    needed = "run_id recipe data_id start end sessions fill delay metrics turnover weights_last"
    assert {*needed.split(), "files"} <= set(told)
    assert (told["recipe"], told["fill"], told["delay"]) == ("trend", "close", 2)
    assert told["turnover"]["two_way_daily"] == pytest.approx(2 * told["turnover"]["one_way_daily"])
    assert set(told["metrics"]["sharpe"]) == {"value", "low", "high"}
    assert told["metrics"]["sharpe"]["low"] < told["metrics"]["sharpe"]["high"]
    page = Path(told["files"]["report"]).read_text()
    assert "Trend" in page
    assert "http" not in page.split("</script>")[-1]
    again = json.loads(tiltwise(*words)[1])
    assert again == told


def test_a_rerun_writes_identical_files(tiltwise: Command) -> None:
    """H.17."""
    prices().to_csv("prices.csv")
    words = ("run", "equal_weight", "--data", "prices.csv", "--universe", "A,B", "--quiet")
    files = []
    for folder in ("one", "two"):
        assert tiltwise(*words, "--folder", folder)[0] == 0
        found = sorted(p for p in Path(folder, "runs").rglob("*") if p.is_file())
        files.append({p.relative_to(folder): p.read_bytes() for p in found})
    assert files[0] == files[1]
    assert len(files[0]) >= 6


def _write(kind: str) -> None:
    table = prices()
    match kind:
        case "empty":
            Path("prices.csv").write_text("")
            return
        case "one column":
            Path("prices.csv").write_text("date\n2015-01-02\n")
            return
        case "text":
            table = table.astype(object)
            table.iloc[5, 1] = "oops"
        case "duplicate":
            table = pd.concat([table.iloc[:6], table.iloc[5:]])
        case "unsorted":
            table = pd.concat([table.iloc[9:], table.iloc[:9]])
        case "all missing":
            table["B"] = np.nan
        case "negative":
            table.iloc[5, 1] = -3.0
        case "infinite":
            table.iloc[5, 1] = np.inf
    table.to_csv("prices.csv")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("empty", ["prices.csv", "empty"]),
        ("one column", ["prices.csv", "column"]),
        ("text", ["prices.csv", "B", "2015-01-09", "oops"]),
        ("duplicate", ["prices.csv", "2015-01-09"]),
        ("unsorted", ["prices.csv", "2015-01-02"]),
        ("all missing", ["prices.csv", "B"]),
        ("negative", ["prices.csv", "B", "2015-01-09", "-3"]),
        ("infinite", ["prices.csv", "B", "2015-01-09", "inf"]),
    ],
)
def test_bad_files_are_refused_by_file_asset_and_date(
    tiltwise: Command, kind: str, told: list[str]
) -> None:
    _write(kind)
    code, out, err = tiltwise("run", "trend", "--data", "prices.csv", "--universe", "all")
    assert code in (2, 3)
    assert out == ""
    for word in told:
        assert word in err
    assert not Path(".tiltwise").exists()


MINE = '''
import dataclasses
import pandas as pd
from tiltwise import DAILY, Decision, Schedule, Strategy

@dataclasses.dataclass(frozen=True)
class Mine(Strategy):
    """Mine."""
    universe: tuple[str, ...] = ()
    decide_on: Schedule = DAILY
    kind: str = "ok"

    def decide(self, model, past, held):
        weights = {{
            "ok": {{"A": 1.0}},
            "nan": {{"A": float("nan")}},
            "unknown": {{"ZZ": 1.0}},
        }}[self.kind]
        return Decision(pd.Series(weights))
'''.replace("{{", "{").replace("}}", "}")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["run", "nothing_such"], 3, "no recipe is called 'nothing_such': there is buy_and_hold"),
        (["run", "trend", "--data", "gone.csv"], 3, "gone.csv: there is no such file"),
        (["run", "trend", "--universe", "A,QQ"], 3, "unknown asset QQ"),
        (["run", "trend", "--start", "1999-01-04"], 3, "first feasible start is 2016-01-04"),
        (["run", "trend", "--delay", "0"], 2, "--allow-lookahead"),
        (["run", "trend", "--fill", "open"], 3, "opening prices"),
        (["run", "trend", "--set", "nonsense=3"], 2, "Trend has the fields"),
        (["run", "trend", "--set", "lookback=three"], 2, "a value of type"),
        (["run", "mine.py:Mine", "--set", "kind=nan"], 2, "the weight of A on 2015-01-02 is nan"),
        (["run", "mine.py:Mine", "--set", "kind=unknown"], 2, "a weight for ZZ"),
        (["run", "mine.py:Other"], 3, "mine.py has no strategy Other: Mine"),
        (["run", "absent.py"], 3, "absent.py: there is no such file"),
        (["run", "trend", "--config", "bad.toml"], 2, "bad.toml: colour"),
        (["run", "trend", "--folder", "prices.csv"], 2, "prices.csv is a file"),
    ],
)
def test_refusals(tiltwise: Command, words: list[str], code: int, told: str) -> None:
    prices().to_csv("prices.csv")
    Path("mine.py").write_text(MINE)
    Path("bad.toml").write_text('colour = "red"\n')
    given = [] if "--data" in words else ["--data", "prices.csv"]
    universe = [] if "--universe" in words or "mine" in words[1] else ["--universe", "all"]
    got, out, err = tiltwise(*words, *given, *universe)
    assert told in err
    assert got == code
    assert out == ""
    assert not Path(".tiltwise").exists()


def test_a_corrupt_store_is_named(tiltwise: Command) -> None:
    from tiltwise import Market, Store

    Store("store").write(Market.from_frames(prices()))
    assert tiltwise("run", "trend", "--data", "store", "--universe", "all", "-q")[0] == 0
    part = next(Path("store", "parts").glob("prices*"))
    part.write_bytes(part.read_bytes()[:-9])
    code, _, err = tiltwise("run", "trend", "--data", "store", "--universe", "all")
    assert code == 3
    assert part.name in err


def test_a_newcomer_writes_a_strategy(tiltwise: Command) -> None:
    prices().to_csv("prices.csv")
    assert tiltwise("new", "low_volatility")[0] == 0
    text = Path("low_volatility.py").read_text()
    assert len(text.splitlines()) < 60
    edited = text.replace("past.returns().mean()", "-past.returns().std()")
    Path("low_volatility.py").write_text(edited)
    code, out, _ = tiltwise("run", "low_volatility.py", "--data", "prices.csv", "--json", "-q")
    told = json.loads(out)
    assert code == 0
    assert told["strategy"]["strategy"] == "LowVolatility"
    assert "LowVolatility" in Path(told["files"]["report"]).read_text()
    code, _, err = tiltwise("new", "low_volatility")
    assert code == 2
    assert "is there already" in err


def test_data_check_lists_what_is_wrong_and_exits_3(tiltwise: Command) -> None:
    table = prices()
    table.iloc[5, 1] = -3.0
    table.to_csv("prices.csv")
    code, out, _ = tiltwise("data", "check", "prices.csv", "--json")
    report = json.loads(out)
    assert code == 3
    assert any(f["kind"] == "non_positive" and f["asset"] == "B" for f in report["findings"])
    prices().to_csv("good.csv")
    assert tiltwise("data", "check", "good.csv")[0] == 0


def test_recipes_and_ledger(tiltwise: Command) -> None:
    listed = {r["recipe"]: r for r in json.loads(tiltwise("recipes", "--json")[1])}
    rules = {"buy_and_hold", "equal_weight", "inverse_volatility", "trend"}
    assert {"residual_momentum", *rules} <= set(listed)
    assert listed["residual_momentum"]["source"].startswith('"Dynamic Factor Arbitrage"')
    prices().to_csv("prices.csv")
    run = ("run", "trend", "--data", "prices.csv", "--universe", "all", "-q")
    assert tiltwise(*run)[0] == 0
    assert tiltwise(*run, "--cost-bps", "5")[0] == 0
    rows = json.loads(tiltwise("ledger", "list", "--json")[1])
    assert len(rows) == 2
    assert tiltwise("ledger", "verify")[0] == 0
    series = next(Path(".tiltwise/runs").rglob("returns.parquet"))
    series.write_bytes(series.read_bytes() + b"x")
    code, out, _ = tiltwise("ledger", "verify", "--json")
    assert code == 4
    assert not json.loads(out)["passed"]


def test_a_run_killed_at_any_moment_leaves_a_whole_ledger(tmp_path: Path) -> None:
    prices().to_csv(tmp_path / "prices.csv")
    program = [sys.executable, "-m", "tiltwise.cli", "run", "trend", "--data", "prices.csv"]
    words = [*program, "--universe", "all", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}
    for wait in (0.6, 1.3, 2.0):
        child = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        time.sleep(wait)
        child.send_signal(signal.SIGKILL)
        child.wait()
    subprocess.run(words, cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
    check = [sys.executable, "-m", "tiltwise.cli", "ledger", "verify", "--json"]
    done = subprocess.run(check, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert json.loads(done.stdout)["passed"], done.stdout
