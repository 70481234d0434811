"""What a market shows of its macro vintages, and when."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.market.macro import fred_md
from tiltwise.market.macro.vintages import Vintages
from tiltwise.market.market import Market
from tiltwise.market.store import Store

SENTINEL = 987654.25


def table(first: str = "2019-10", count: int = 8, seed: int = 0) -> pd.DataFrame:
    """Vintages of three series, revised a little each month, blank at the ragged edge."""
    rng = np.random.default_rng(seed)
    parts = []
    for label in pd.period_range(first, periods=count, freq="M"):
        months = pd.period_range("2018-01", label - 1, freq="M")
        n = len(months)
        level = 100 + np.arange(n)[:, None] + np.round(rng.normal(0, 0.3, (n, 3)), 3)
        part = pd.DataFrame(level, columns=["INDPRO", "UNRATE", "ISRATIOx"])
        part.loc[n - 1, "ISRATIOx"] = np.nan
        part.insert(0, "date", months.to_timestamp())
        part.insert(0, "vintage", str(label))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def prices(first: str = "2019-10-01", last: str = "2020-06-30") -> pd.DataFrame:
    days = pd.bdate_range(first, last, unit="ns", name="date")
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        100 * np.exp(np.cumsum(rng.normal(0, 0.01, (len(days), 2)), 0)), days, ["A", "B"]
    )


def market(rows: pd.DataFrame | None = None) -> Market:
    found = fred_md.every_vintage(table() if rows is None else rows, "test")
    return Market.from_frames(prices(), vintages=found, calendar="rows")


def test_a_vintage_is_known_from_the_last_day_of_its_month() -> None:
    """3.06, B16: the vintage 2019-11 counts from Saturday 2019-11-30, so on Monday; not before."""
    whole = market()
    # 2019-10-31 is a session: the vintage of that month counts at its close.
    assert whole.asof("2019-10-30").vintage.empty
    assert whole.asof("2019-10-31").vintages.labels == ("2019-10",)
    friday, monday = whole.asof("2019-11-29"), whole.asof("2019-12-02")
    assert friday.vintages.labels == ("2019-10",)
    assert monday.vintages.labels == ("2019-10", "2019-11")
    assert friday.vintage.index[-1] == pd.Timestamp("2019-09-01")
    assert monday.vintage.index[-1] == pd.Timestamp("2019-10-01")


def test_vintages_alone_are_cut_by_the_same_day() -> None:
    """3.06, B16: without a market too, a vintage counts from the last day of its month on."""
    found = fred_md.every_vintage(table(), "test")
    assert found.asof("2019-10-30").labels == ()
    assert found.asof("2019-10-31").labels == ("2019-10",)
    assert found.asof("2019-11-29").labels == ("2019-10",)
    assert found.asof("2019-11-30").labels == ("2019-10", "2019-11")


def test_the_frame_is_the_table_of_its_month() -> None:
    rows = table()
    found = market(rows)
    for label, own in rows.groupby("vintage"):
        known = found.vintages
        shown = known.frame(known.labels.index(label))
        want = own.set_index("date")[list(shown.columns)]
        np.testing.assert_array_equal(shown.to_numpy(), want.to_numpy())
        assert np.isnan(shown["ISRATIOx"].iloc[-1])
    with pytest.raises(ValueError, match="read-only"):
        found.vintage.to_numpy()[0, 0] = 1.0


def reachable(thing: Any, depth: int = 0) -> Iterator[Any]:
    """All that public names without arguments lead to."""
    yield thing
    if depth > 2 or isinstance(thing, np.ndarray | pd.DataFrame | pd.Series | pd.Index | str):
        return
    if isinstance(thing, tuple | list):
        for item in thing:
            yield from reachable(item, depth + 1)
        return
    if isinstance(thing, dict):
        yield from reachable(list(thing.values()), depth)
        return
    if not isinstance(thing, Market | Vintages):
        return
    for name in dir(type(thing)) + list(getattr(thing, "__dataclass_fields__", ())):
        if name.startswith("_"):
            continue
        found = getattr(thing, name)
        if name in ("frames", "frame", "tcodes", "alive_rows", "returns", "log_returns"):
            found = found()
        if not callable(found):
            yield from reachable(found, depth + 1)


def holds(thing: Any, number: float) -> bool:
    values = thing.to_numpy() if isinstance(thing, pd.DataFrame | pd.Series) else thing
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        return False
    return bool((values == number).any())


@pytest.mark.parametrize("kind", ["recorded", "lagged"])
def test_what_is_known_later_cannot_be_reached(kind: str) -> None:
    """3.06, B16: no public name of a cut leads to a value, series or remark of a later vintage."""
    rows = table(count=8)
    late = rows["vintage"] > "2020-01"
    if kind == "recorded":
        rows.loc[late, ["INDPRO", "UNRATE", "ISRATIOx"]] = SENTINEL
        rows["HWI"] = np.where(late, SENTINEL, np.nan)
        found = fred_md.every_vintage(rows, "test")
    else:
        file = rows[rows["vintage"] == rows["vintage"].iloc[-1]].drop(columns="vintage")
        file = file.reset_index(drop=True)
        # Two months late, so December is public at the end of February; the others in January.
        file.loc[file["date"] >= "2019-12-01", "ISRATIOx"] = SENTINEL
        file.loc[file["date"] >= "2020-01-01", ["INDPRO", "UNRATE"]] = SENTINEL
        found = fred_md.one_file(with_codes(file), "test")
    whole = Market.from_frames(prices(), vintages=found, calendar="rows")
    cut = whole.asof("2020-02-28")
    things = list(reachable(cut))
    assert any(isinstance(thing, Vintages) for thing in things)
    assert not any(holds(thing, SENTINEL) for thing in things)
    assert not any(isinstance(thing, str) and "HWI" in thing for thing in things)
    assert any(holds(thing, SENTINEL) for thing in reachable(whole))
    assert max(cut.vintages.known) <= cut.now.value
    assert "HWI" not in cut.vintages.names


def with_codes(file: pd.DataFrame) -> pd.DataFrame:
    """A table as the file of one month: dates as text, a row of codes first."""
    names = [name for name in file.columns if name != "date"]
    top = {"sasdate": "Transform:", **{name: float(fred_md.CODE[name]) for name in names}}
    body = file.rename(columns={"date": "sasdate"})
    body["sasdate"] = [f"{d.month}/{d.day}/{d.year}" for d in file["date"]]
    return pd.concat([pd.DataFrame([top]), body], ignore_index=True)


def test_the_id_covers_what_is_known_and_nothing_later() -> None:
    """A later vintage, series or revision leaves the id of a cut; an earlier one changes it."""
    rows = table(count=8)
    short = market(rows[rows["vintage"] <= "2020-01"])
    later = rows.copy()
    later.loc[later["vintage"] > "2020-01", "INDPRO"] += 5.0
    later["HWI"] = np.where(later["vintage"] > "2020-01", 1.0, np.nan)
    earlier = rows.copy()
    earlier.loc[earlier["vintage"] == "2020-01", "INDPRO"] += 1e-9
    at = "2020-02-27"
    ids = [m.asof(at).id for m in (short, market(rows), market(later), market(earlier))]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert market(rows).id != market(later).id
    # A view that starts late still shows the vintages before it, so its id depends on them.
    views = [m.asof(at, lookback=5).id for m in (market(rows), market(earlier))]
    assert views[0] != views[1]
    bare = Market.from_frames(prices(), calendar="rows")
    assert bare.vintages is None
    assert bare.vintage is None
    assert bare.id not in ids


@pytest.mark.parametrize("kind", ["recorded", "lagged"])
def test_a_store_gives_the_vintages_back(tmp_path: Path, kind: str) -> None:
    rows = table()
    if kind == "recorded":
        whole = market(rows)
    else:
        file = rows[rows["vintage"] == "2020-05"].drop(columns="vintage").reset_index(drop=True)
        found = fred_md.one_file(with_codes(file), "test")
        whole = Market.from_frames(prices(), vintages=found, calendar="rows")
    for shown in (whole, whole.asof("2020-01-15")):
        Store(tmp_path).write(shown)
        back = Store(tmp_path).read()
        assert back == shown
        assert back.vintages.notes == shown.vintages.notes
        pd.testing.assert_frame_equal(back.vintage, shown.vintage, check_exact=True)
        pd.testing.assert_series_equal(back.vintages.tcodes(), shown.vintages.tcodes())
        Store(tmp_path).verify()


def test_a_lag_holds_back_each_series_by_its_months() -> None:
    """3.06: a file of one month is used with a stated lag, and says that it is revised."""
    rows = table()
    file = rows[rows["vintage"] == "2020-05"].drop(columns="vintage").reset_index(drop=True)
    found = fred_md.one_file(with_codes(file), "test", {"INDPRO": 1, "UNRATE": 2, "ISRATIOx": 3})
    assert found.revised
    assert "revised, lag only" in found.notes[0]
    shown = found.asof("2020-01-31").frame()
    last = shown.apply(pd.Series.last_valid_index)
    assert last.to_dict() == {
        "INDPRO": pd.Timestamp("2019-12-01"),
        "UNRATE": pd.Timestamp("2019-11-01"),
        "ISRATIOx": pd.Timestamp("2019-10-01"),
    }
    want = file.set_index("date").loc["2018-03":"2019-10", list(shown.columns)]
    np.testing.assert_array_equal(shown.loc["2018-03":"2019-10"].to_numpy(), want.to_numpy())


def test_series_enter_and_leave() -> None:
    """A series is in the vintages that have it, a column of its own, and in no other."""
    rows = table(count=6)
    rows["NAPM"] = np.where(rows["vintage"].between("2019-11", "2020-01"), 50.0, np.nan)
    found = fred_md.every_vintage(rows, "test")
    has = [label for i, label in enumerate(found.labels) if "NAPM" in found.frame(i).columns]
    assert has == ["2019-11", "2019-12", "2020-01"]
    assert found.names == ("INDPRO", "UNRATE", "ISRATIOx", "NAPM")
    assert found.tcodes(1)["NAPM"] == 1
    assert found.asof("2019-10-31").names == ("INDPRO", "UNRATE", "ISRATIOx")


def test_cuts_compose_to_the_earlier_one() -> None:
    found = market().vintages
    for a in ("2019-10-01", "2019-12-31", "2020-03-30", "2030-01-01"):
        for b in ("2019-11-30", "2020-02-29"):
            two, one = found.asof(a).asof(b), found.asof(min(a, b))
            assert (two.labels, two.names) == (one.labels, one.names)
            pd.testing.assert_frame_equal(two.frame(), one.frame())


def test_a_market_keeps_its_vintages_when_assets_are_selected() -> None:
    chosen = market().select(["B"])
    assert chosen.vintages.labels == market().vintages.labels


def test_an_infinite_value_is_refused() -> None:
    rows = table()
    rows.loc[5, "UNRATE"] = np.inf
    with pytest.raises(DataError, match="UNRATE is infinite in 2018-06 of vintage 2019-10"):
        fred_md.every_vintage(rows, "test")
