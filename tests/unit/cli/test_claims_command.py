"""The main job from the command line: `tiltwise claims`, and `tiltwise run --variant`."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import claims_demo
import worlds
from command_line import Answer, run_main
from tiltwise.claims.engine import card as cards

pytestmark = pytest.mark.slow

KEYS = ["system", "claim", "claimed", "as_written", "corrected", "low", "high", "dsr", "verdict"]


def check_all(folder: Path) -> Answer:
    claims_demo.prices().to_csv(folder / "funds.csv")
    return run_main("claims", "--data", "funds.csv", "--json", "--quiet", folder=folder)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """A folder with prices in which all claims have been checked once, and what was printed."""
    return worlds.once(tmp_path_factory, "claims", check_all)


@pytest.fixture
def workplace(checked: tuple[Path, Answer], tmp_path: Path) -> Path:
    """A copy of that folder, for a test to write to."""
    return shutil.copytree(checked[0], tmp_path / "copy")


@pytest.fixture
def tiltwise(monkeypatch, typed, workplace):
    monkeypatch.chdir(workplace)
    return typed


def test_claims_prints_one_record_for_each_number(checked, workplace):
    """H.13: the headlines of all five systems in one table, each with its status."""
    code, out, err = checked[1]
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert all(list(record)[: len(KEYS)] == KEYS for record in found)
    assert list(dict.fromkeys(r["system"] for r in found)) == list(cards.names())
    assert len(cards.names()) == 5
    for (
        record
    ) in found:  # H.13: a number claimed, what became of it, and why where nothing can tell
        assert isinstance(record["claimed"], float)
        untold = record["reproduced"] is None or record["survives"] is None
        assert record["verdict"].startswith("not testable") or not untold
        assert record["reason"] or not untold
    assert found[0]["claimed"] == 0.16
    assert found[0]["reproduced"] is None
    own = [r for r in found if r["system"] in ("residual_momentum", "dynamic_loadings")]
    assert all(r["gross_sharpe"] > r["net_sharpe"] for r in own)  # 1.15
    page = (workplace / found[0]["report"]).read_text("utf-8")
    assert page.count("Sharpe before costs</th>") >= 2 * len(cards.names())
    assert "Published claims against the evidence" in page
    assert page.count("<section") == 5 * len(cards.names()) + 1


def test_the_table_ends_with_the_report(tiltwise):
    code, out, _ = tiltwise("claims", "residual_momentum", "--data", "funds.csv")
    assert code == 0
    for word in ("claimed", "as written", "corrected", "reproduced", "survives", "not testable"):
        assert word in out
    for word in (" gross ", " net ", "Sharpe ratio of the corrected path before and after costs"):
        assert word in out
    assert out.rstrip().endswith("claims-residual_momentum.html")


@pytest.mark.parametrize(
    ("variant", "fill", "delay"),
    [
        ("first", "close", 1),
        ("head", "close", 1),
        ("readme", "close", 1),
        ("corrected", "close", 2),
    ],
)
def test_each_variant_runs(tiltwise, variant, fill, delay):
    words = ("run", "residual_momentum", "--data", "funds.csv", "--json", "--quiet")
    code, out, err = tiltwise(*words, "--variant", variant)
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["fill"], told["delay"]) == (fill, delay)
    assert (told["start"], told["end"]) == ("2015-01-05", "2016-09-30")
    assert variant in ("readme", "corrected") or told["strategy"]["as_written"] == variant
    assert Path(told["files"]["report"]).is_file()


def test_a_variant_gives_the_number_of_the_claims_and_no_new_trial(tiltwise, checked):
    claims = json.loads(checked[1][1])
    claimed = {record["claim"]: record for record in claims}
    words = ("run", "residual_momentum", "--data", "funds.csv", "--json", "--quiet")
    for variant, what in (("first", "as_written"), ("corrected", "corrected")):
        asked = ("--variant", variant, "--set", "residual=fixed")
        told = json.loads(tiltwise(*words, *asked)[1])
        row = claimed["fixed_momentum.sharpe"]
        assert told["metrics"]["sharpe"]["value"] == pytest.approx(row[what])
    assert told["trials"]["trials"] == claimed["fixed_momentum.sharpe"]["trials"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--variant", "nope"), "first, head, readme, corrected"),
        (("--variant", "first", "--delay", "2"), "takes no fill, delay or cost"),
        (("--variant", "first", "--start", "2016-01-04"), "--start cannot be given"),
        (("--variant", "first", "--set", "gross=2"), "not gross"),
        (("--variant", "first", "--set", "delta=many"), "a number is needed"),
    ],
)
def test_what_a_variant_cannot_do(tiltwise, words, said):
    code, out, err = tiltwise("run", "residual_momentum", "--data", "funds.csv", "-q", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_companions_reach_the_cards(tiltwise, workplace, monkeypatch):
    """4.04: with macro series a card learns from seventeen features, not from four."""
    card = cards.read("regime_allocation")
    first = dataclasses.replace(card.claims[0], fall=False)
    short = dataclasses.replace(card, claims=(first,))
    monkeypatch.setattr(cards, "read", lambda _: short)
    table = claims_demo.prices("2016-12-30", card.universe)
    table.to_csv(workplace / "factors.csv")
    rng = np.random.default_rng(5)
    series = {"VIXCLS": 20.0, "DGS2": 2.0, "DGS10": 3.0}
    moves = rng.normal(0.0, 0.01, (len(table), 3)).cumsum(axis=0)
    levels = pd.DataFrame(np.exp(moves) * list(series.values()), table.index, list(series))
    levels.to_csv(workplace / "macro.csv")
    words = ("claims", "regime_allocation", "--data", "factors.csv", "--json", "--quiet")
    code, out, err = tiltwise(*words, "--macro", "macro.csv")
    assert (code, err) == (0, "")
    found, without = json.loads(out), json.loads(tiltwise(*words)[1])
    assert found[0]["data_id"] != without[0]["data_id"]
    for name in ("as_written", "corrected"):
        assert found[0][name] != without[0][name]
    code, _, err = tiltwise(*words, "--macro", "absent.csv")
    assert code == 3
    assert "absent.csv" in err


def test_an_unknown_system_is_refused(tiltwise):
    code, _, err = tiltwise("claims", "alchemy", "--data", "funds.csv")
    assert code == 3
    assert f"there are cards of {', '.join(sorted(cards.names()))}" in err
