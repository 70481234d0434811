"""Commands of doubt: audit, null worlds, the vault, dialects."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Command = Callable[..., tuple[int, str, str]]
LEAK = """
import pandas as pd

def rising(prices: pd.DataFrame) -> pd.DataFrame:
    up = (prices.shift(-1) > prices).astype(float)
    return up.div(up.sum(axis=1).clip(lower=1), axis=0)

def risen(prices: pd.DataFrame) -> pd.DataFrame:
    up = (prices > prices.shift(1)).astype(float)
    return up.div(up.sum(axis=1).clip(lower=1), axis=0)
"""


def test_audit_names_the_leak_and_exits_4(tiltwise: Command) -> None:
    """2.42: a function that looks one row ahead is caught, its causal twin is not."""
    Path("mine.py").write_text(LEAK)
    words = ("--data", "synthetic:3", "--cuts", "12", "--json", "-q")
    code, out, _ = tiltwise("audit", "mine.py:rising", *words)
    report = json.loads(out)
    assert code == 4
    assert not report["passed"]
    assert {"node", "kind", "date", "detail"} == set(report["findings"][0])
    code, out, _ = tiltwise("audit", "mine.py:risen", *words)
    assert (code, json.loads(out)["passed"]) == (0, True)


def test_the_vault_keeps_a_final_period_shut(tiltwise: Command) -> None:
    """1.11, H.11: a look into it needs a reason, is recorded, and is told ever after."""
    where = ("--data", "synthetic:3", "-q", "--json")
    assert tiltwise("vault", "seal", "2012-01-03", "--data", "synthetic:3")[0] == 0
    code, out, err = tiltwise("run", "equal_weight", *where)
    assert (code, out) == (4, "")
    assert "sealed from 2012-01-03" in err
    assert "--open-vault" in err
    assert tiltwise("sweep", "equal_weight", *where)[0] == 4
    assert tiltwise("run", "equal_weight", *where, "--end", "2011-12-30")[0] == 0
    code, out, _ = tiltwise("run", "equal_weight", *where, "--open-vault", "the last look")
    assert code == 0
    report = Path(json.loads(out)["files"]["report"]).read_text()
    assert "vault opened 1 time" in report
    rows = json.loads(tiltwise("vault", "status", "--json")[1])
    assert rows[0]["opened"] == ["the last look"]
    assert sum(rows[0]["looks"].values()) == 1
    code, _, err = tiltwise("vault", "seal", "2013-01-02", "--data", "synthetic:3")
    assert code == 2
    assert "cannot be moved" in err


def test_vault_score_asks_one_engine_twice(tiltwise: Command) -> None:
    """1.18, 1.15: the score before the seal is that of a run up to it; with a reason, both."""
    where = ("equal_weight", "--data", "synthetic:3", "-q", "--json")
    assert tiltwise("vault", "score", *where)[0] == 2  # nothing is sealed yet
    assert tiltwise("vault", "seal", "2012-01-03", "--data", "synthetic:3")[0] == 0
    code, out, _ = tiltwise("vault", "score", *where)
    (validation,) = json.loads(out)
    assert code == 0
    alone = json.loads(tiltwise("run", *where, "--end", validation["end"])[1])
    assert validation["run_id"] == alone["run_id"]
    for name in ("sharpe", "gross_sharpe", "max_drawdown"):
        assert validation["metrics"][name] == alone["metrics"][name]
    assert validation["vault"].endswith("vault opened 0 times")
    code, out, _ = tiltwise("vault", "score", *where[:-1], "--open-vault", "final")
    assert code == 0
    assert "validation, " in out
    assert "sealed, 2012-01-03 to" in out
    assert "vault opened 1 time" in out
    assert out.index("gross_sharpe") < out.index(" sharpe")


def test_null_worlds_rank_the_real_search(tiltwise: Command) -> None:
    """H.15: the p-value is the rank of the real score among worlds without skill."""
    words = ("null", "trend", "--data", "synthetic:3", "--worlds", "19", "--json", "-q")
    code, out, _ = tiltwise(*words)
    told = json.loads(out)
    assert code == 0
    assert 0.05 <= told["p_value"] <= 1.0
    assert told["table"]["null worlds"] == 19
    assert json.loads(tiltwise(*words)[1]) == told


def test_dialect_prints_the_other_number_and_why(tiltwise: Command) -> None:
    words = ("run", "equal_weight", "--data", "synthetic:3", "-q", "--json")
    code, out, _ = tiltwise(*words, "--dialect", "quantstats")
    rows = {row["metric"]: row for row in json.loads(out)["dialect"]}
    assert code == 0
    assert rows["sharpe"]["quantstats"] == pytest.approx(rows["sharpe"]["tiltwise"], rel=1e-9)
    ratio = rows["information_ratio"]
    assert ratio["tiltwise"] == pytest.approx(ratio["quantstats"] * np.sqrt(252), rel=1e-9)
    assert "per period" in ratio["why"]
    assert tiltwise(*words, "--dialect", "excel")[0] == 2
