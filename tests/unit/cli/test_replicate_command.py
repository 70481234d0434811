"""``tiltwise replicate``: stages, files, bulk keys, the page, the vault."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import replica_demo
from command_line import Answer
from tiltwise.ledger import Ledger
from tiltwise.ledger.frames import FORMS, read_table
from tiltwise.market.market import Market
from tiltwise.research.studies.replication.results import TABLES
from tiltwise.research.studies.replication.stages import STAGES

pytestmark = pytest.mark.slow

Command = Callable[..., tuple[int, str, str]]
DATA = replica_demo.GIVEN
PLOTS = (
    *("growth", "rolling-relative", "risk-return", "beta", "weights", "concentration"),
    *("feature-importance", "importance-stability", "roc", "auc", "contributions", "frontier"),
)


def artefacts(folder: Path) -> dict[str, bytes]:
    """All files but the checkpoints."""
    paths = [p for p in folder.rglob("*") if p.is_file() and "checkpoints" not in p.parts]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A working folder in which one command has run all stages into `whole`."""
    return replica_demo.replicated(tmp_path_factory)


@pytest.fixture
def workplace(made: tuple[Path, Answer], tiltwise: Command) -> Command:
    """The command in a copy of that folder."""
    shutil.copytree(made[0], Path.cwd(), dirs_exist_ok=True)
    return tiltwise


def test_one_command_runs_all_and_each_stage_alone(
    workplace: Command, made: tuple[Path, Answer]
) -> None:
    """2.02, 2.19, 2.40, 2.43, 2.45: all at once and stage by stage, the same files and page."""
    code, out, _ = made[1]
    assert code == 0
    for words in ("targets", "what can be reached, by holdings allowed", "momentum risk"):
        assert words in out
    for words in ("what constrained regression reaches", "predictions, out of sample"):
        assert words in out
    for stage in STAGES:
        given = DATA if stage == "data" else []
        code, _, err = workplace("replicate", "--folder", "parts", "--stage", stage, *given, "-q")
        assert code == 0, err
    whole, parts = artefacts(Path("whole")), artefacts(Path("parts"))
    assert whole == parts
    assert {f"{name}.{form}" for name in TABLES for form in FORMS} <= set(whole)
    page = whole["replica.html"].decode()
    for key in PLOTS:
        assert f'data-figure="{key}"' in page
    for words in ("Published targets", "sum: active return", "Solver status of the monthly books"):
        assert words in page
    for words in ("by sessions fitted", "Predictions of all months, out of sample"):
        assert words in page
    for words in ("up capture ratio", "months ahead of the benchmark", "after a choppy market"):
        assert words in page
    assert page.count('class="says ') >= 15  # four targets and eleven checks
    held = read_table(Path("whole"), "held")
    assert held.sum(axis=1).max() <= 1.0 + 1e-9
    assert len(set(Ledger(Path(".tiltwise")).rows()["id"])) == 1  # one trial, run twice


def test_stages_refuse_what_belongs_to_the_first(tiltwise: Command) -> None:
    """2.02: a stage without its files, or with options of another, says what to do."""
    assert "--stage data" in tiltwise("replicate", "--folder", "x", "--stage", "model")[2]
    code, _, err = tiltwise("replicate", "--folder", "x", "--stage", "model", *DATA[2:])
    assert code == 2
    assert "stage data" in err
    assert tiltwise("replicate", "--folder", "x", "--stage", "profit")[0] == 2
    gaps = ("--gaps", "prices=interpolate")
    code, _, err = tiltwise("replicate", "--folder", "x", "--stage", "data", *DATA, *gaps)
    assert code != 0
    assert "was not known" in err
    assert not Path("x").exists()


def test_a_benchmark_younger_than_the_data_begins_with_its_window(tiltwise: Command) -> None:
    """2.16, 2.30: by default at its first whole window; an earlier start is no trouble either."""
    prices = Market.synthetic(3).asof("2007-06-29").frames()["prices"]
    prices.loc[:"2006-06-14", "MKT"] = np.nan
    prices.to_parquet("young.parquet")
    given = ["--data", "young.parquet", "--benchmark", "MKT", "--set", "grid=middle", "-q"]
    given += ["--universe", "all"]
    code, _, err = tiltwise("replicate", "--folder", "f", *given)
    assert code == 0, err
    first = prices["MKT"].first_valid_index()
    begun = pd.Timestamp(json.loads(Path("f/about.json").read_text())["start"])
    assert prices.index.get_loc(begun) - prices.index.get_loc(first) == 63
    early = ("--stage", "data", "--start", "2005-06-01")
    assert tiltwise("replicate", "--folder", "g", *given, *early)[0] == 0
    for stage in STAGES[1:]:
        code, _, err = tiltwise("replicate", "--folder", "g", "--stage", stage, "-q")
        assert code == 0, err
    books = read_table(Path("g"), "decisions")["status"]
    assert books.iloc[0].startswith("held: MKT has")
    code, _, err = tiltwise("replicate", "--folder", "h", *given, "--end", "2006-08-31")
    assert code == 3
    assert "closes and a window of 63 returns needs 64" in err


def test_the_four_keys_of_bulk_mode(workplace: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.34: each key does what it says, by its published name; the defaults are the source's."""
    _, _, err = workplace("replicate", "--folder", "whole", "--stage", "model")
    assert "2006-10-31" not in err  # MINIMAL_LOGGING
    assert not Path("whole/checkpoints").exists()  # fewer than 24 months
    assert not Path("whole/charts").exists()
    before = artefacts(Path("whole"))
    values = {"SAVE_MONTHLY_CHARTS": "True", "SAVE_EXPECTED_RETURNS_PLOTS": "True"}
    values |= {"CHECKPOINT_EVERY_N_MONTHS": "4", "MINIMAL_LOGGING": "False"}
    for key, value in values.items():
        monkeypatch.setenv(key, value)
    _, _, err = workplace("replicate", "--folder", "whole", "--stage", "model")
    assert "2006-10-31" in err
    names = [path.name for path in sorted(Path("whole/checkpoints").iterdir())]
    assert names == ["2006-12-29.json", "2007-04-30.json"]
    assert workplace("replicate", "--folder", "whole", "--stage", "portfolio", "-q")[0] == 0
    months = len(read_table(Path("whole"), "scores"))
    charts = [path.name for path in Path("whole/charts").iterdir()]
    assert len(charts) == 3 * months
    assert {"2006-09-weights.svg", "2007-06-expected-returns.svg"} <= set(charts)
    after = artefacts(Path("whole"))
    assert {name: after[name] for name in before} == before


def test_killed_and_resumed_it_leaves_the_same_files(
    tmp_path: Path, made: tuple[Path, Answer]
) -> None:
    """2.34: SIGKILL amid the models; the second start ends with the files of a whole run."""
    words = [sys.executable, "-m", "tiltwise.cli", "replicate", *DATA, "-q"]
    words += ["--checkpoint-every-n-months", "1", "--ledger"]
    torn = tmp_path / "torn"

    def start(folder: Path) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([*words, str(folder / "ledger"), "--folder", str(folder / "files")])

    process, deadline = start(torn), time.monotonic() + 120.0
    while len(list(torn.glob("files/checkpoints/*.json"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (torn / "files" / "weights.csv").exists()
    kept = {p.name: p.stat().st_mtime_ns for p in torn.glob("files/checkpoints/*.json")}
    assert start(torn).wait(300) == 0
    assert artefacts(torn / "files") == artefacts(made[0] / "whole")
    now = {p.name: p.stat().st_mtime_ns for p in torn.glob("files/checkpoints/*.json")}
    assert kept.items() <= now.items()


def test_a_sealed_period_is_not_replicated_by_accident(tiltwise: Command) -> None:
    """2.36: the last months are sealed; only a reason opens them, and that is on record."""
    assert tiltwise("vault", "seal", "2007-03-01", "--data", "synthetic:3")[0] == 0
    code, _, err = tiltwise("replicate", "--folder", "f", "--stage", "data", *DATA)
    assert code != 0
    assert "--open-vault" in err
    assert not Path("f").exists()
    before = [*DATA[:-1], "2007-02-28"]
    assert tiltwise("replicate", "--folder", "f", "--stage", "data", *before)[0] == 0
    assert read_table(Path("f"), "prices").index[-1] < pd.Timestamp("2007-03-01")
    opened = ("--open-vault", "the last look")
    assert tiltwise("replicate", "--folder", "g", "--stage", "data", *DATA, *opened)[0] == 0
    (row,) = json.loads(tiltwise("vault", "status", "--json")[1])
    assert row["opened"] == ["the last look"]


def test_monitoring_alerts_are_printed(workplace: Command) -> None:
    """2.37: what has left its limits is said, with value and limits, and in the JSON as well."""
    words = ("replicate", "--folder", "whole", "--stage", "portfolio", "--json", "-q")
    code, out, _ = workplace(*words)
    assert code == 0
    told = json.loads(out)
    alarms = [name for name, row in told["monitoring"].items() if row["status"] == "alert"]
    for name in alarms:
        assert f"alert: {name} is" in told["text"]
    assert {row["of"] for row in told["monitoring"].values()} == {"data", "model", "book"}
    assert alarms or "none of" in told["text"]
