"""Transformations of macro series, the real-time table and the report on revisions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import MissingData
from tiltwise.features.macro.revisions import revisions
from tiltwise.features.macro.table import macro_ages, macro_features
from tiltwise.features.macro.transformations import CHANGES, transformed
from tiltwise.market.macro import fred_md
from tiltwise.market.macro.vintages import Vintages
from tiltwise.market.market import Market
from tiltwise.market.readers import companions


def rows_of(levels: dict[str, list[list[float]]], first: str = "2020-02") -> pd.DataFrame:
    """Vintages from one list of levels per vintage; each ends the month before its name."""
    (count,) = {len(tables) for tables in levels.values()}
    parts = []
    for v, label in enumerate(pd.period_range(first, periods=count, freq="M")):
        n = len(next(iter(levels.values()))[v])
        months = pd.period_range(end=label - 1, periods=n, freq="M").to_timestamp()
        own = {name: tables[v] for name, tables in levels.items()}
        parts.append(pd.DataFrame({"vintage": str(label), "date": months, **own}))
    return pd.concat(parts, ignore_index=True)


def market(found: Vintages, first: str = "2020-01-01", last: str = "2020-08-31") -> Market:
    days = pd.bdate_range(first, last, unit="ns", name="date")
    prices = pd.DataFrame({"A": np.linspace(100, 120, len(days))}, days)
    return Market.from_frames(prices, vintages=found, calendar="rows")


X = np.array([[2.0], [3.0], [6.0], [4.5]])


@pytest.mark.parametrize(("code", "rule", "want"), [
    (1, "codes", [2, 3, 6, 4.5]),
    (2, "codes", [np.nan, 1, 3, -1.5]),
    (3, "codes", [np.nan, np.nan, 2, -4.5]),
    (4, "codes", list(np.log([2, 3, 6, 4.5]))),
    (5, "codes", [np.nan, *np.diff(np.log([2, 3, 6, 4.5]))]),
    (6, "codes", [np.nan, np.nan, *np.diff(np.log([2, 3, 6, 4.5]), 2)]),
    (7, "codes", [np.nan, np.nan, 0.5, -1.25]),
    (0, "codes", [2, 3, 6, 4.5]),
    (1, "changes", [np.nan, 1, 3, -1.5]),
    (2, "changes", [np.nan, 1, 3, -1.5]),
    (4, "changes", [np.nan, 0.5, 1.0, -0.25]),
    (5, "changes", [np.nan, 0.5, 1.0, -0.25]),
    (7, "changes", [np.nan, 0.5, 1.0, -0.25]),
    (0, "changes", [np.nan, 1, 3, -1.5]),
])  # fmt: skip
def test_each_code_is_its_formula(code: int, rule: str, want: list[float]) -> None:
    """3.04: the transformation codes 1 to 7, and the rule table of monthly changes."""
    found = transformed(X, np.array([code], dtype=np.int8), rule)  # type: ignore[arg-type]
    np.testing.assert_allclose(found[:, 0], want, rtol=1e-12)


@pytest.mark.parametrize("code", range(8))
@pytest.mark.parametrize("rule", ["codes", "changes"])
def test_nothing_is_infinite(code: int, rule: str) -> None:
    """3.04: zeros, negative values and gaps give NaN, never an infinity; rates are differenced."""
    x = np.array([[0.0], [1.0], [0.0], [-2.0], [np.nan], [1e-320], [3.0], [5.0]])
    with np.errstate(all="raise", under="ignore", over="ignore"):
        found = transformed(x, np.array([code], dtype=np.int8), rule)  # type: ignore[arg-type]
    assert not np.isinf(found).any()
    if rule == "changes" and code in (1, 2, 3):
        assert CHANGES[code] == "difference"
        assert found[1, 0] == 1.0
        assert found[3, 0] == -2.0


def test_a_row_comes_from_the_one_vintage_known_then() -> None:
    """3.05, 3.06, B16: June's row uses the table named June, though later tables revise it."""
    levels = {"UNRATE": [[4.0, 4.1], [4.0, 4.1, 4.5], [3.0, 3.2, 3.9, 4.9],
                         [3.0, 3.2, 3.9, 4.0, 4.2], [9.0, 9.0, 9.0, 9.0, 9.0, 9.5]]}  # fmt: skip
    found = market(fred_md.every_vintage(rows_of(levels), "test"))
    table, ages = macro_features(found)["UNRATE"], macro_ages(found)["UNRATE"]
    # Vintage 2020-02 counts from 2020-02-29, a Saturday: February's row does not have it.
    # 2020-05-31 is a Sunday as well, so May's row still shows the vintage of April.
    want = {"2020-01-31": (np.nan, np.nan), "2020-02-28": (np.nan, np.nan),
            "2020-03-31": (0.4, 1), "2020-04-30": (1.0, 1), "2020-05-29": (1.0, 2),
            "2020-06-30": (0.5, 1), "2020-07-31": (0.5, 2), "2020-08-31": (0.5, 3)}  # fmt: skip
    assert [f"{d:%Y-%m-%d}" for d in table.index] == list(want)
    np.testing.assert_allclose(table, [value for value, _ in want.values()], rtol=1e-12)
    np.testing.assert_array_equal(ages, [age for _, age in want.values()])


def test_a_ragged_edge_is_filled_from_the_same_vintage() -> None:
    """3.05, B17: the last value of the table stands in, with its age; a later one never does."""
    levels = {
        "UNRATE": [[4.0, 4.5, np.nan], [4.0, 4.5, 4.7, 4.8]],
        "HWI": [[1.0, 3.0, np.nan], [1.0, 3.0, np.nan, np.nan]],
    }
    found = market(fred_md.every_vintage(rows_of(levels, "2020-03"), "test"))
    table, ages = macro_features(found), macro_ages(found)
    assert table.loc["2020-03-31"].tolist() == [0.5, 2.0]
    assert ages.loc["2020-03-31"].tolist() == [2, 2]
    assert table.loc["2020-04-30"].round(9).tolist() == [0.1, 2.0]
    assert ages.loc["2020-04-30"].tolist() == [1, 3]
    fresh = macro_features(found, oldest=2)
    assert np.isnan(fresh.loc["2020-04-30", "HWI"])
    assert macro_features(found, oldest=3).loc["2020-04-30", "HWI"] == 2.0


def test_columns_can_be_chosen() -> None:
    levels = {"UNRATE": [[4.0, 4.5]], "HWI": [[1.0, 3.0]]}
    found = market(fred_md.every_vintage(rows_of(levels, "2020-03"), "test"))
    table = macro_features(found, series=("HWI", "INDPRO"))
    assert list(table.columns) == ["HWI", "INDPRO"]
    assert table["HWI"].iloc[-1] == 2.0
    assert table["INDPRO"].isna().all()


def test_without_macro_data_it_says_so() -> None:
    days = pd.bdate_range("2020-01-01", "2020-03-31", unit="ns", name="date")
    bare = Market.from_frames(pd.DataFrame({"A": 1.0}, days), calendar="rows")
    with pytest.raises(MissingData, match="no macro data"):
        macro_features(bare)


def test_revisions_are_first_release_against_latest() -> None:
    """The months there when a series entered have no known first release."""
    levels = {"UNRATE": [[4.0, 5.0], [4.0, 5.1, 6.0], [4.0, 5.1, 6.5, 7.0],
                         [4.0, 5.1, 6.5, 7.0, 7.5]]}  # fmt: skip
    known = fred_md.every_vintage(rows_of(levels), "test")
    row = revisions(known).loc["UNRATE"]
    assert row["months"] == 3
    assert row["revision"] == pytest.approx(0.5 / 3)
    assert row["revision_share"] == pytest.approx(0.5 / 3 / 7.0)
    assert (row["first"], row["latest"]) == (6.0, 6.5)
    assert row["largest_in"] == pd.Timestamp("2020-02-01")
    # First published changes .9, .5, .5; latest 1.4, .5, .5.
    assert row["feature_revision"] == pytest.approx(0.5 / 3)
    assert row["sign_changed"] == 0.0
    with pytest.raises(MissingData, match="no series 'HWI'"):
        revisions(known, ["HWI"])
    with pytest.raises(MissingData, match="several months"):
        revisions(known.asof("2020-02-29"))


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Market:
    found = companions.read_macros(str(shared / "macro_fred_md_vintages.parquet"))
    return Market.open(shared / "prices_vanguard_sector_daily.parquet", vintages=found.vintages)


@pytest.mark.shared_data
def test_there_are_135_features_in_real_time(recorded: Market) -> None:
    """3.02, 3.04: 135 columns, 252 months, no infinities; at least 120 values in every row."""
    for rule in ("codes", "changes"):
        table = macro_features(recorded, rule)
        assert table.shape == (252, 135)
        assert not np.isinf(table.to_numpy()).any()
        assert table.notna().sum(axis=1).min() >= 120
    ages = macro_ages(recorded)
    assert ages.min().min() == 1
    assert ages.median().median() == 1


@pytest.mark.shared_data
def test_a_recorded_row_is_the_transformed_vintage(recorded: Market) -> None:
    """3.04, 3.06: industrial production on 2020-06-30 is the log change in the June table."""
    june = recorded.vintages.frame(recorded.vintages.labels.index("2020-06"))["INDPRO"]
    want = np.log(june.iloc[-1]) - np.log(june.iloc[-2])
    assert macro_features(recorded).loc["2020-06-30", "INDPRO"] == pytest.approx(want, rel=1e-12)
    now = np.log(recorded.vintage["INDPRO"]).diff()
    assert abs(now.loc["2020-05-01"] - want) > 0.001  # what was known later differs


@pytest.mark.shared_data
def test_recorded_revisions_are_real(recorded: Market) -> None:
    """April 2020 unemployment was published as 14.7 and stands at 14.8 in December 2024."""
    known = recorded.vintages
    table = revisions(known, ["UNRATE", "INDPRO", "FEDFUNDS"])
    assert table["months"].min() >= 300
    assert table.loc["UNRATE", "revision"] < 0.1
    assert table.loc["INDPRO", "revision"] > 5  # rebased more than once
    assert table.loc["INDPRO", "feature_noise"] > 10 * table.loc["FEDFUNDS", "feature_noise"]
    april = pd.Timestamp("2020-04-01")
    may = known.frame(known.labels.index("2020-05"))
    assert (may.loc[april, "UNRATE"], known.frame().loc[april, "UNRATE"]) == (14.7, 14.8)
