"""What other libraries print, held to what they really printed."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.evaluate.conventions import COMPARED, DIALECTS, dialect
from tiltwise.evaluate.metrics import METRICS

GOLDEN = json.loads(
    (Path(__file__).parents[2] / "golden" / "dialects.json").read_text(encoding="utf-8")
)
CASES = [(case, tool) for case, held in GOLDEN["cases"].items() for tool in held["numbers"]]


def history(name):
    held = GOLDEN["series"][name]
    index = pd.date_range(held["start"], periods=len(held["returns"]), freq=held["freq"])
    return pd.Series(held["returns"], index), pd.Series(held["benchmark"], index)


def spoken(case, tool):
    held = GOLDEN["cases"][case]
    returns, benchmark = history(held["series"])
    periods = 12 if case == "months" else 252
    return dialect(tool, returns, benchmark, rf_annual=held["rf_annual"], periods_per_year=periods)


def ours(case):
    returns, benchmark = history(GOLDEN["cases"][case]["series"])
    return {
        name: METRICS[name](
            returns, 252, benchmark=benchmark if METRICS[name].needs_benchmark else None
        )
        for name in COMPARED
    }


@pytest.mark.parametrize(("case", "tool"), CASES)
def test_the_number_is_what_the_library_printed(case, tool):
    golden = GOLDEN["cases"][case]["numbers"][tool]
    table = spoken(case, tool)
    assert tuple(table.index) == COMPARED
    assert list(table.columns) == ["value", "why"]
    for metric, value in table["value"].items():
        if metric in golden:
            assert value == pytest.approx(golden[metric], rel=1e-10, abs=1e-12), metric
        else:
            assert math.isnan(value), metric


@pytest.mark.parametrize(("case", "tool"), CASES)
def test_every_difference_has_its_own_reason(case, tool):
    table = spoken(case, tool)
    assert not table["why"].str.contains("special case").any()
    assert table["why"].str.endswith(".").all()


def test_how_the_libraries_differ():
    """The relations of the comparison table, on ten years of days."""
    mine = ours("long_history")
    said = {tool: spoken("long_history", tool)["value"] for tool in DIALECTS}
    for tool in ("quantstats", "empyrical", "ffn"):
        for metric in ("ann_volatility", "sharpe", "sortino", "max_drawdown"):
            assert said[tool][metric] == pytest.approx(mine[metric], rel=1e-12)
    assert said["ffn"]["cagr"] > mine["cagr"]  # 2,520 sessions are fewer than ten calendar years
    assert said["ffn"]["calmar"] / mine["calmar"] == pytest.approx(
        said["ffn"]["cagr"] / mine["cagr"], rel=1e-12
    )
    year = math.sqrt(365 / 252)
    for metric in ("ann_volatility", "sharpe", "sortino"):
        assert said["vectorbt"][metric] == pytest.approx(mine[metric] * year, rel=1e-12)
    assert said["vectorbt"]["max_drawdown"] == mine["max_drawdown"]
    assert said["skfolio"]["max_drawdown"] > -mine["max_drawdown"]
    assert said["skfolio"]["calmar"] < mine["calmar"] / 100
    assert said["skfolio"]["sortino"] < mine["sortino"]
    assert said["empyrical"]["alpha"] == pytest.approx(
        (1 + mine["alpha"] / 252) ** 252 - 1, rel=1e-12
    )
    assert said["quantstats"]["alpha"] == pytest.approx(mine["alpha"], rel=1e-12)
    for tool in ("quantstats", "empyrical", "ffn", "vectorbt"):
        assert said[tool]["information_ratio"] * math.sqrt(252) == pytest.approx(
            mine["information_ratio"], rel=1e-12
        )
    assert said["quantstats"]["var_95"] < mine["var_95"]
    assert said["quantstats"]["cvar_95"] > mine["cvar_95"]


def test_a_first_loss_is_missed_by_one_of_them():
    assert spoken("first_loss", "vectorbt")["value"]["max_drawdown"] == pytest.approx(-0.01)
    assert "misses a first loss" in spoken("first_loss", "vectorbt")["why"]["max_drawdown"]
    for tool in ("quantstats", "empyrical", "ffn"):
        assert spoken("first_loss", tool)["value"]["max_drawdown"] == pytest.approx(-0.1)


def test_months_are_taken_for_days():
    returns, _ = history("months")
    said = dialect("empyrical", returns)
    assert said["value"]["sharpe"] == pytest.approx(
        METRICS["sharpe"](returns) * math.sqrt(21), rel=1e-12
    )
    assert "252" in said["why"]["sharpe"]
    for tool in ("ffn", "vectorbt"):
        with pytest.raises(DataError, match="pass daily returns"):
            dialect(tool, returns)


def test_why_without_a_benchmark_and_without_a_number():
    returns, _ = history("long_history")
    table = dialect("ffn", returns)
    assert table["why"]["beta"] == "there is no benchmark to compare with."
    assert table["why"]["var_95"] == "ffn prints no such number."
    assert table["why"]["sharpe"] == "the same as ours."
    assert math.isnan(table["value"]["information_ratio"])


def test_refusals():
    returns, _ = history("first_loss")
    with pytest.raises(ValueError, match="known are quantstats, empyrical"):
        dialect("zipline", returns)
    with pytest.raises(DataError, match="calendar days"):
        dialect("ffn", returns.reset_index(drop=True), periods_per_year=252)
    with pytest.raises(DataError, match="nan"):
        dialect("ffn", returns.where(np.arange(6) != 2))
