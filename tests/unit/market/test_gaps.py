"""Missing values, splits, outliers and large files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.errors import DataError, LookaheadError
from tiltwise.market.gaps import POLICIES, Policy, close_gaps
from tiltwise.market.market import Market
from tiltwise.market.quality import quality
from tiltwise.market.readers import files
from tiltwise.market.synthetic import simulate
from tiltwise.recipes.benchmarks import BuyAndHold

DAYS = pd.DatetimeIndex(pd.bdate_range("2020-01-06", periods=8), name="date").as_unit("ns")
NAN = float("nan")


def frames():
    prices = pd.DataFrame(
        {"A": [NAN, 1.0, NAN, NAN, 4.0, 5.0, NAN, NAN], "B": np.arange(8) + 1.0}, DAYS
    )
    volumes = prices * 100.0
    return {"prices": prices, "volumes": volumes, "benchmark": None}


def test_each_field_has_its_own_policy():
    """2.32: prices are carried, volumes set to nothing; no gap is closed before or after life."""
    policies = {"prices": Policy.parse("forward:1"), "volumes": Policy("zero")}
    done, log = close_gaps(frames(), policies)
    np.testing.assert_array_equal(done["prices"]["A"], [NAN, 1, 1, NAN, 4, 5, NAN, NAN])
    np.testing.assert_array_equal(done["volumes"]["A"], [NAN, 100, 0, 0, 400, 500, NAN, NAN])
    assert log == (
        "prices of A: 1 missing, forward, the first on 2020-01-08",
        "volumes of A: 2 missing, zero, the first on 2020-01-08",
    )
    kept, none = close_gaps(frames(), POLICIES)
    assert not none
    pd.testing.assert_frame_equal(kept["prices"], frames()["prices"])


def test_a_line_to_a_later_price_is_refused():
    """2.32: interpolation is forbidden where something is decided, and possible where not."""
    policies = {"prices": Policy("interpolate")}
    with pytest.raises(LookaheadError, match="was not known"):
        close_gaps(frames(), policies)
    done, _ = close_gaps(frames(), policies, causal=False)
    np.testing.assert_array_equal(done["prices"]["A"], [NAN, 1, 2, 3, 4, 5, NAN, NAN])
    for text in ("mean", "forward:x", "forward:0"):
        with pytest.raises(DataError):
            Policy.parse(text)
    with pytest.raises(DataError, match="rpices"):
        close_gaps(frames(), {"rpices": Policy("forward")})


@pytest.mark.parametrize("row", [3, 5])
def test_what_is_carried_never_knows_later_rows(row):
    """2.32: filled rows stay as they are when all later rows change."""
    policies = {"prices": Policy("forward")}
    before, _ = close_gaps(frames(), policies)
    other = frames()
    other["prices"].iloc[row:] *= 9.0
    after, _ = close_gaps(other, policies)
    pd.testing.assert_frame_equal(before["prices"].iloc[:row], after["prices"].iloc[:row])


def test_a_split_in_raw_prices_makes_no_return(tmp_path: Path):
    """2.31: raw closes halve on the day of a split; returns and money see adjusted closes."""
    adjusted = simulate(1, sessions=300)[0]["prices"].iloc[:, :2]
    raw = adjusted.copy()
    raw.iloc[:150, 0] *= 2.0
    opens = raw * 1.001
    table = pd.concat(
        {"Adj Close": adjusted, "Close": raw, "Open": opens}, axis=1
    ).rename_axis("Date")  # fmt: skip
    table.to_csv(tmp_path / "prices.csv")
    market = Market.from_frames(**files.read(tmp_path / "prices.csv"))
    true = np.log(adjusted).diff().iloc[1:].to_numpy()
    np.testing.assert_allclose(market.log_returns().to_numpy(), true, atol=1e-12)
    assert market.opens is not None
    np.testing.assert_allclose(market.opens / market.prices, 1.001)
    assert market.raw is not None
    moved = market.raw.pct_change(fill_method=None).iloc[150]
    assert moved.iloc[0] < -0.4
    result = walk_forward(BuyAndHold(market.assets[:1]), market, market.dates[5])
    assert result.returns.abs().max() < 0.2
    assert quality({"prices": raw}).counts()["split_like_jump"] == 1


def test_a_planted_outlier_is_flagged_and_what_was_done_is_told():
    """2.33: the mistake is found on its day; the report says that the price was kept."""
    prices = simulate(0, sessions=300)[0]["prices"]
    prices.iloc[150, 3] *= 1.7
    rows = json.loads(quality(prices).to_json())["findings"]
    planted = [row for row in rows if row["kind"] == "outlier"]
    assert [row["date"] for row in planted] == [f"{d:%Y-%m-%d}" for d in prices.index[150:152]]
    assert {row["action"] for row in planted} == {"kept as it is: look at the source"}
    prices.iloc[10, 0] = -1.0
    rows = json.loads(quality(prices).to_json())["findings"]
    bad = next(row for row in rows if row["kind"] == "non_positive")
    assert bad["action"] == "not for use: mend the source"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_large_long_file_is_read_in_little_memory(tmp_path: Path, suffix: str):
    """2.35: a million rows (8 MB of prices) are read far below the memory of texts by row."""
    assets, sessions = 200, 5000
    walk = np.random.default_rng(0).normal(0.0, 0.01, (sessions, assets)).cumsum(axis=0)
    days = pd.bdate_range("2000-01-03", periods=sessions).strftime("%Y-%m-%d")
    table = pd.DataFrame(
        {
            "date": np.repeat(days.to_numpy(), assets),
            "ticker": np.tile([f"T{i:04d}" for i in range(assets)], sessions),
            "adj_close": np.exp(walk).ravel().round(6),
        }
    )
    path = tmp_path / f"long.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    code = (
        "import sys, resource, pandas, pyarrow.parquet\n"
        "from tiltwise.market.readers import files\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak()\n"
        "found = files.read(sys.argv[1])['prices']\n"
        "print(peak() - before, found.shape[0], found.shape[1], found.iloc[-1, -1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    grew, rows, columns, last = done.stdout.split()
    assert (int(rows), int(columns)) == (sessions, assets)
    assert float(last) == table["adj_close"].iloc[-1]
    assert int(grew) < LIMIT[suffix]


LIMIT = {"csv": 160, "parquet": 240}  # megabytes; texts by row took 320 and 350
