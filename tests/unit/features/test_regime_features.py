"""Seventeen columns, or four where macro data is missing (4.03, 4.04)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.features.macro import daily
from tiltwise.features.regimes import FULL, SHORT, feature_set, regime_features
from tiltwise.features.scaling import Scaling
from tiltwise.market.market import Market

DAYS = pd.bdate_range("2010-01-04", periods=400, name="date")


def market(known=400, series=("VIXCLS", "DGS2", "DGS10")):
    rng = np.random.default_rng(0)
    steps = rng.normal(3e-4, 0.01, (400, 1)) + rng.normal(0, 0.004, (400, 3))
    prices = pd.DataFrame(100 * np.cumprod(1 + steps, axis=0), DAYS, ["MKT", "A", "B"])
    wide = pd.DataFrame(
        np.exp(1 + rng.normal(0, 0.03, (known, 3)).cumsum(axis=0)), DAYS[-known:],
        ["VIXCLS", "DGS2", "DGS10"],
    )  # fmt: skip
    records = daily.records(wide[list(series)]) if series else None
    return Market.from_frames(prices, benchmark="MKT", macro=records, calendar="rows")


def test_seventeen_columns_with_windows_8_21_63():
    """4.03."""
    whole = market()
    found = regime_features(whole, "A")
    assert tuple(found.columns) == FULL
    assert len(FULL) == len(set(FULL)) == 17
    for group in ("return", "strength", "stochastic"):
        assert [f"{group}_{w}" in FULL for w in (8, 21, 63)] == [True] * 3
    assert found.iloc[63:].notna().all().all()
    assert not found.iloc[62].notna().all()
    assert (found.iloc[63:].std() > 0).all()
    chosen = feature_set(whole)
    assert chosen.full
    assert chosen.reason == "17 columns, with VIXCLS, DGS2, DGS10 as known on each day"


@pytest.mark.parametrize(
    ("known", "series", "why"),
    [
        (400, (), "no macro records of VIXCLS"),
        (400, ("VIXCLS", "DGS10"), "no macro records of DGS2"),
        (200, ("VIXCLS", "DGS2", "DGS10"), "complete on 178 of 400 sessions"),
    ],
)
def test_four_columns_without_macro(known, series, why):
    """4.04: the set and the reason for it are named."""
    whole = market(known, series)
    chosen = feature_set(whole)
    assert not chosen.full
    assert chosen.columns == SHORT
    assert len(SHORT) == 4
    assert why in chosen.reason
    assert chosen.reason.startswith("4 columns")
    found = regime_features(whole, "B")
    assert tuple(found.columns) == SHORT
    assert found.iloc[63:].notna().all().all()


def test_the_caller_says_how_many_sessions_are_enough():
    assert feature_set(market(200), least=178).full
    assert not feature_set(market(200), least=179).full


def test_a_model_keeps_its_set():
    whole = market(200)
    found = regime_features(whole, "A", columns=FULL)
    assert found["vix_21"].notna().sum() == 178
    with pytest.raises(MissingData, match="C is not among A, B"):
        regime_features(whole, "C")


def test_scaling_uses_the_training_window_alone():
    table = regime_features(market(), "A")
    training, later = table.iloc[:300].dropna(), table.iloc[300:]
    scaling = Scaling.fit(table.iloc[:300])
    low = training.mean() - 3 * training.std(ddof=0)
    high = training.mean() + 3 * training.std(ddof=0)
    cut = training.clip(low, high, axis=1)
    np.testing.assert_allclose(
        scaling.apply(training), (cut - cut.mean()) / cut.std(ddof=0), rtol=1e-9, atol=1e-12
    )
    scaled = scaling.apply(training)
    np.testing.assert_allclose(scaled.mean(), 0.0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(ddof=0), 1.0, rtol=1e-12)
    most = scaling.apply(high.to_frame().T).to_numpy()
    assert (scaling.apply(later * 1000) <= most + 1e-12).all().all()
    # A row is scaled the same whatever stands beside it.
    assert scaling.apply(later).iloc[:7].equals(scaling.apply(later.iloc[:7]))


def test_a_column_that_never_moved_becomes_zero():
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.1, 0.1, 0.1]})
    assert (Scaling.fit(table).apply(table)["b"].abs() < 1e-15).all()
    holed = table.assign(a=[np.nan, 2.0, 3.0])
    assert Scaling.fit(holed).apply(holed).isna().sum().sum() == 1


def test_scaling_refuses_what_it_cannot_scale():
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [np.nan, 1.0]})
    with pytest.raises(MissingData, match="b lacks 1"):
        Scaling.fit(table)
    scaling = Scaling.fit(table[["a"]])
    with pytest.raises(DataError, match="trained on the columns a"):
        scaling.apply(table)


def test_real_macro_and_factor_funds(shared):
    """The seven funds and FRED's daily series: no column stands still or runs off."""
    prices = pd.read_parquet(shared / "prices_factor_etf_daily.parquet")
    wide = pd.read_parquet(shared / "macro_fred_daily.parquet")[["VIXCLS", "DGS2", "DGS10"]]
    whole = Market.from_frames(prices.loc["2013-08":], benchmark="SPY", macro=daily.records(wide))
    assert feature_set(whole).full
    for asset in whole.assets:
        table = regime_features(whole, asset)
        rows = table.iloc[63:]
        assert rows.notna().all().all()
        scaled = Scaling.fit(rows).apply(rows)
        assert scaled.abs().max().max() < 8
        assert (table["strength_63"].dropna().between(20, 80)).all()
