import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.market.macro import fred_md
from tiltwise.market.market import Market
from tiltwise.market.readers import store_folder
from tiltwise.market.readers.store_folder import is_store
from tiltwise.market.store import FRAMES, Store

DATES = pd.bdate_range("2024-03-04", periods=12, unit="ns", name="date")


def frame(seed: int, names: tuple[str, ...] = ("SPY", "XLK", "XLE")) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.uniform(50, 150, (len(DATES), len(names))), DATES, list(names))


def market(seed: int = 0, **changes: Any) -> Market:
    """A market with every field, a gap, a late listing and macro records."""
    prices = frame(seed)
    prices.iloc[:3, 2] = prices.iloc[5, 1] = np.nan
    macro = pd.DataFrame({
        "series": ["INDPRO", "UNRATE"],
        "period": pd.Timestamp("2024-01-01"),
        "known": [pd.Timestamp("2024-02-16"), pd.Timestamp("2024-03-08")],
        "value": [102.1, 3.7],
    })  # fmt: skip
    vintages = fred_md.every_vintage(
        pd.DataFrame({
            "vintage": ["2024-01", "2024-01", "2024-02", "2024-02"],
            "date": pd.to_datetime(["2023-11-01", "2023-12-01", "2023-12-01", "2024-01-01"]),
            "UNRATE": [3.7, np.nan, 3.8, 3.7],
        }), "test",
    )  # fmt: skip
    given = {
        "prices": prices, "opens": prices * 1.001, "raw": prices * 2, "volumes": frame(9),
        "vintages": vintages,
        "macro": macro, "rates": 0.05, "factors": frame(4, ("Mkt-RF", "SMB")) / 1e4,
        "benchmark": "SPY", "net_of_fees": False, "sectors": {"XLK": "Technology"},
    }  # fmt: skip
    return Market.from_frames(**{**given, **changes})


def content(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def part(folder: Path, field: str) -> Path:
    return next((folder / "parts").glob(f"{field}-*.parquet"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = market()
    assert Store(tmp_path / "s").write(written)
    found = Store(tmp_path / "s").read()
    assert found == written
    for name, value in written.frames().items():
        other = found.frames()[name]
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(other, value, check_exact=True)
        elif isinstance(value, pd.Series):
            pd.testing.assert_series_equal(other, value, check_exact=True)
        elif name == "vintages":
            assert other.digests == value.digests
        else:
            assert other == value
    Store(tmp_path / "s").verify()
    assert is_store(tmp_path / "s")
    assert not is_store(tmp_path)


@pytest.mark.parametrize("changes", [
    {"macro": None, "rates": None, "factors": None, "opens": None, "raw": None, "volumes": None,
     "vintages": None},
    {"calendar": "rows", "benchmark": None, "sectors": None},
])  # fmt: skip
def test_fields_that_are_absent_stay_absent(tmp_path: Path, changes: dict[str, Any]) -> None:
    written = market(**changes)
    Store(tmp_path).write(written)
    assert Store(tmp_path).read() == written
    fields = {line["field"] for line in Store(tmp_path).manifest()["parts"]}
    assert fields == set(FRAMES) - set(changes)


def test_a_cut_is_stored_as_what_it_shows(tmp_path: Path) -> None:
    cut = market().asof("2024-03-13", 5)
    Store(tmp_path).write(cut)
    pd.testing.assert_frame_equal(Store(tmp_path).read().prices, cut.prices, check_freq=False)
    assert Store(tmp_path).read().frames()["macro"].shape == (2, 4)
    Store(tmp_path).verify()


def test_equal_markets_make_equal_files_and_writing_them_again_does_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "a").write(market())
    Store(tmp_path / "b").write(market(7))
    Store(tmp_path / "b").write(market())
    assert content(tmp_path / "a") == content(tmp_path / "b")
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "a").rglob("*")}
    assert not Store(tmp_path / "a").write(market())
    assert {f: f.stat().st_mtime_ns for f in (tmp_path / "a").rglob("*")} == before


def test_parts_that_do_not_change_are_not_written_again(tmp_path: Path) -> None:
    Store(tmp_path).write(market())
    kept, dropped = part(tmp_path, "volumes"), part(tmp_path, "prices")
    stamp = kept.stat().st_mtime_ns
    Store(tmp_path).write(market(prices=frame(3), opens=None))
    assert kept.stat().st_mtime_ns == stamp
    assert not dropped.exists()
    assert not list((tmp_path / "parts").glob("opens-*"))


def flipped(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


@pytest.mark.parametrize("damage", [flipped, lambda d: d[:-30], lambda d: b"", lambda d: d + b"x"])
@pytest.mark.parametrize("field", ["prices", "macro"])
def test_a_corrupt_part_is_named_with_both_hashes(tmp_path: Path, damage: Any, field: str) -> None:
    Store(tmp_path).write(market())
    line = next(x for x in Store(tmp_path).manifest()["parts"] if x["field"] == field)
    file = part(tmp_path, field)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match="is corrupt") as caught:
        Store(tmp_path).read()
    for words in (file.name, line["sha256"], f"the part {field}", "write the store again"):
        assert words in str(caught.value)
    assert Store(tmp_path).write(market())  # writing repairs it
    assert Store(tmp_path).read() == market()


def test_a_lost_part_and_a_lost_store_are_missing_data(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="no store here"):
        Store(tmp_path).read()
    Store(tmp_path).write(market())
    part(tmp_path, "rates").unlink()
    with pytest.raises(MissingData, match="the part rates is gone"):
        Store(tmp_path).verify()


def test_a_reader_follows_a_writer_that_overtakes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path).write(market())
    manifest = store_folder.manifest
    calls = []

    def overtaken(path: Path) -> dict[str, Any]:
        found = manifest(path)
        calls.append(found)
        if len(calls) == 1:
            Store(tmp_path).write(market(5))
        return found

    monkeypatch.setattr(store_folder, "manifest", overtaken)
    assert Store(tmp_path).read() == market(5)


@pytest.mark.parametrize(("edit", "message"), [
    (lambda m: m["scalars"].update(benchmark="XLK"), "edited or damaged"),
    (lambda m: m.update(format=99), "store format 99, this version reads 1"),
    (lambda m: m.pop("sha256"), "not a manifest"),
])  # fmt: skip
def test_an_edited_manifest_is_refused(tmp_path: Path, edit: Any, message: str) -> None:
    Store(tmp_path).write(market())
    file = tmp_path / "manifest.json"
    manifest = json.loads(file.read_text())
    edit(manifest)
    file.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=message):
        Store(tmp_path).read()
    file.write_text("{")
    with pytest.raises(DataError, match="not a manifest"):
        Store(tmp_path).read()


@pytest.mark.parametrize("other", ["0123", "ffff"])  # one sorts before the id, one after it
def test_an_id_that_another_version_computed_is_reported_by_verify_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    Store(tmp_path).write(market())
    monkeypatch.setattr(Market, "id", other)
    Store(tmp_path).read()
    with pytest.raises(DataError, match="another version of tiltwise"):
        Store(tmp_path).verify()


def test_a_benchmark_selected_as_an_asset_cannot_be_stored_silently(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the benchmark SPY is also selected as an asset"):
        Store(tmp_path).write(market().select(["SPY", "XLK"]))
    assert not is_store(tmp_path)


class Killed(BaseException):
    pass


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop at the given one of the calls that change what is on disk."""
    count = iter(range(1, 10_000))

    def dying(call: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if next(count) == step:
                raise Killed
            return call(*args, **kwargs)

        return wrapper

    monkeypatch.setattr(os, "replace", dying(os.replace))
    monkeypatch.setattr(os, "fsync", dying(os.fsync))
    monkeypatch.setattr(Path, "unlink", dying(Path.unlink))


def test_a_kill_at_any_moment_leaves_the_old_store_or_the_new(tmp_path: Path) -> None:
    fewer = {"opens": None, "raw": None, "factors": None, "rates": None}
    old, new = market(1, **fewer), market(2, **fewer)
    Store(tmp_path / "clean").write(new)
    seen = []
    for step in range(1, 200):
        folder = tmp_path / str(step)
        Store(folder).write(old)
        with pytest.MonkeyPatch.context() as patch:
            kill_at(step, patch)
            try:
                Store(folder).write(new)
                break
            except Killed:
                pass
        found = Store(folder).read()
        seen.append(found == new)
        assert found in (old, new)
        Store(folder).write(new)
        assert content(folder) == content(tmp_path / "clean")
    assert len(seen) > 5
    assert seen == sorted(seen)  # old until the manifest is replaced, new from then on
    assert set(seen) == {False, True}


def test_a_kill_during_the_first_write_leaves_no_store(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_at(4, patch)
        with pytest.raises(Killed):
            Store(tmp_path / "s").write(market())
    assert not is_store(tmp_path / "s")
    Store(tmp_path / "s").write(market())
    assert Store(tmp_path / "s").read() == market()
