"""The ledger: what is one run, one trial, one family; what is kept; what tampering is found."""

import hashlib
import json
import math
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import LedgerError
from tiltwise.ledger import Ledger, Run
from tiltwise.ledger.artefacts import decode, encode
from tiltwise.ledger.chain import prefer_log

RECIPE = {"strategy": "ResidualMomentum", "factors": 3, "quantile": 0.1, "universe": ["A", "B"]}


def series(seed=0, start="2020-01-01", length=30):
    index = pd.bdate_range(start, periods=length, name="date")
    return pd.Series(np.random.default_rng(seed).normal(0, 0.01, length), index, name="return")


def run(seed=0, **changes):
    values = {
        "strategy": {**RECIPE, "factors": seed},
        "data_id": "ab12",
        "data": "sample:stocks",
        "assets": ("A", "B"),
        "simulator": {"fill": "open", "delay": 1, "capital": 1e6},
        "start": "2020-01-01",
        "end": "2020-02-11",
        "code": "0.1.0",
        "metrics": {"sharpe": {"value": 0.5, "low": -0.1, "high": 1.1}, "sessions": 30.0},
        "returns": series(seed),
    }
    return Run(**(values | changes))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What survives a power cut is not tested here, and waiting for the disk takes its time."""
    monkeypatch.setattr("tiltwise.ledger.artefacts.os.fsync", lambda handle: None)
    monkeypatch.setattr("tiltwise.ledger.chain._SYNCHRONOUS", "OFF")


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "book")


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    ledger = Ledger(tmp_path_factory.mktemp("five"))
    for seed in range(5):
        ledger.add(run(seed, files={"report.html": b"<p>%d</p>" % seed}))
    return ledger.folder


@pytest.fixture
def filled(five, tmp_path):
    """Five runs in rows 1 to 5; a copy, so that each test may damage its own."""
    ledger = Ledger(shutil.copytree(five, tmp_path / "book"))
    assert ledger.verify() == ()
    return ledger


def broken(ledger):
    return [f for f in ledger.verify() if f.broken]


def sql(ledger, *statements):
    with sqlite3.connect(ledger.folder / "ledger.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


# Identity


def test_rerun_adds_a_row_but_no_trial(ledger):
    """Capability H.10: the count of trials is what a deflated Sharpe ratio uses."""
    one = run(0)
    assert [ledger.add(one), ledger.add(run(0)), ledger.add(run(1))] == [1, 2, 3]
    assert ledger.count(one.family) == 2
    assert len(ledger.rows()) == 3
    assert [r.id for r in ledger.runs()] == [one.id, run(1).id]


@pytest.mark.parametrize(
    "change",
    [
        {"data_id": "ff"},
        {"start": "2020-01-02"},
        {"end": "2020-02-12"},
        {"simulator": {"fill": "close", "delay": 2, "capital": 1e6}},
        {"strategy": {**RECIPE, "factors": 0, "quantile": 0.2}},
    ],
)
def test_another_strategy_data_simulator_or_period_is_another_trial(change):
    assert run(0, **change).trial != run(0).trial
    assert run(0, **change).id != run(0).id
    assert run(0, **change).family == run(0).family


def test_code_version_makes_another_run_of_the_same_trial(ledger):
    old, new = run(0), run(0, code="0.2.0", returns=series(7))
    ledger.add(old)
    ledger.add(new)
    assert old.id != new.id
    assert old.trial == new.trial
    assert ledger.count(old.family) == 1
    table = ledger.returns(old.family)
    np.testing.assert_array_equal(table[old.trial], new.returns)  # recorded last


def test_metrics_and_notes_are_not_identity():
    other = run(0, metrics={"sharpe": 9.0}, notes=("no rates",), tainted=True)
    assert other.id == run(0).id


def test_a_renamed_file_is_another_run_of_the_same_trial():
    """Reports name their data, so another name needs another folder; it is no new trial."""
    other = run(0, data="renamed.csv")
    assert other.id != run(0).id
    assert other.trial == run(0).trial


def test_whole_numbers_are_one_setting():
    plain = run(0, strategy={**RECIPE, "quantile": 1}, simulator={"capital": 1_000_000})
    real = run(0, strategy={**RECIPE, "quantile": 1.0}, simulator={"capital": np.float64(1e6)})
    true = run(0, strategy={**RECIPE, "quantile": True}, simulator={"capital": 1e6})
    assert plain.trial == real.trial != true.trial


def test_family_is_recipe_and_asset_set(ledger):
    assert run(0).family.startswith("ResidualMomentum-2-")
    assert run(0, assets=("B", "A")).family == run(0).family
    assert run(0, assets=("A", "C")).family != run(0).family
    other = run(0, strategy={"strategy": "Trend"}, assets=("A", "B"))
    ledger.add(run(0))
    ledger.add(other)
    assert (ledger.count(run(0).family), ledger.count(other.family)) == (1, 1)
    assert ledger.count("nobody") == 0


def test_wrapping_does_not_open_a_new_count():
    limited = {"strategy": "TurnoverLimit", "limit": 0.08, "inner": RECIPE}
    blended = {"strategy": "Blend", "parts": [limited, RECIPE], "weights": [0.5, 0.5]}
    assert run(0, strategy=limited).family == run(0).family
    assert run(0, strategy=blended).family == run(0).family
    mixed = {"strategy": "Blend", "parts": [{"strategy": "Trend"}, RECIPE]}
    assert run(0, strategy=mixed).recipe == "ResidualMomentum+Trend"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": {"factors": 3}}, "no class name"),
        ({"start": "2020-1-1"}, "ISO date"),
        ({"end": "2019-01-01"}, "after its end"),
        ({"returns": series().astype("float32")}, "float64"),
        ({"returns": series()[::-1]}, "ascend"),
        ({"returns": series().tz_localize("UTC")}, "time zone"),
        ({"returns": [0.1]}, "series by session"),
        ({"files": {"run.json": b""}}, "run.json"),
        ({"files": {"../out.html": b""}}, "out.html"),
        ({"files": {"a\\b": b""}}, "cannot be the name"),
        ({"files": {".hidden": b""}}, "hidden"),
        ({"metrics": {"sharpe": "good"}}, "expected numbers"),
    ],
)
def test_a_run_is_checked(change, message):
    with pytest.raises(LedgerError, match=message):
        run(0, **change)


def test_identity_refuses_what_is_not_json():
    with pytest.raises(LedgerError, match=r"Run\.strategy\.when is a Timestamp"):
        _ = run(0, strategy={**RECIPE, "when": pd.Timestamp(0)}).id
    with pytest.raises(LedgerError, match=r"Run\.simulator\.rates\[1\] is NaN"):
        _ = run(0, simulator={"rates": [0.0, math.nan]}).id


# What is kept


def test_a_run_comes_back(ledger):
    metrics = {"sharpe": {"value": 0.5, "low": math.nan, "high": math.inf}, "alpha": math.nan}
    saved = run(
        0, metrics=metrics, notes=("cash earns 0",), tainted=True, files={"report.html": b"<p>"}
    )
    ledger.add(saved, when="2026-01-02T03:04:05Z")
    back = ledger.get(saved.id[:6])
    assert back.id == saved.id
    assert (back.family, back.trial) == (saved.family, saved.trial)
    for name in ("strategy", "simulator", "data", "assets", "start", "end", "notes", "tainted"):
        assert getattr(back, name) == getattr(saved, name)
    assert back.metrics["sharpe"]["value"] == 0.5
    assert back.metrics["sharpe"]["high"] == math.inf
    assert math.isnan(back.metrics["sharpe"]["low"])
    assert math.isnan(back.metrics["alpha"])
    pd.testing.assert_series_equal(
        back.returns, saved.returns, check_freq=False, check_index_type=False
    )
    assert dict(back.files) == {"report.html": b"<p>"}
    assert ledger.entries("run")[0].body["when"] == "2026-01-02T03:04:05Z"


def test_files_of_a_later_rerun_are_kept_too(ledger):
    ledger.add(run(0, files={"a.txt": b"a"}))
    ledger.add(run(0, files={"b.txt": b"b"}, metrics={"sharpe": 2.0}))
    back = ledger.get(run(0).id)
    assert dict(back.files) == {"a.txt": b"a", "b.txt": b"b"}
    assert back.metrics == {"sharpe": 2.0}
    assert ledger.verify() == ()


def test_rows_show_metrics_and_aliases(ledger):
    ledger.add(run(0), when="2026-01-02")
    ledger.add(run(1, metrics={"sharpe": math.nan, "best": math.inf}))
    ledger.alias("champion", run(0).id)
    rows = ledger.rows()
    assert rows["row"].tolist() == [1, 2]
    assert rows["id"].tolist() == [run(0).id, run(1).id]
    assert rows["strategy"].tolist() == ["ResidualMomentum"] * 2
    assert rows["sharpe"].iloc[0] == 0.5
    assert math.isnan(rows["sharpe"].iloc[1])
    assert rows["best"].iloc[1] == math.inf
    assert rows["alias"].tolist() == ["champion", ""]
    assert rows["when"].iloc[0] == "2026-01-02"


def test_an_empty_ledger_answers_and_writes_nothing(ledger):
    assert list(ledger.rows().columns[:4]) == ["row", "id", "trial", "family"]
    assert ledger.runs() == ()
    assert ledger.returns("x").shape == (0, 0)
    assert ledger.aliases() == {}
    assert ledger.head == (0, "0" * 64)
    assert ledger.verify() == ()
    assert not ledger.folder.exists()


def test_returns_are_aligned_on_the_union_of_sessions(ledger):
    early, late = (
        run(0, returns=series(0, "2020-01-01", 10)),
        run(1, returns=series(1, "2020-01-08", 10)),
    )
    ledger.add(early)
    ledger.add(late)
    ledger.add(run(2, assets=("Z",)))
    table = ledger.returns(early.family)
    assert list(table.columns) == [early.trial, late.trial]
    assert len(table) == 15
    assert table.index.is_monotonic_increasing
    assert table.notna().sum().tolist() == [10, 10]
    assert table.loc["2020-01-08", late.trial] == late.returns.iloc[0]


def test_aliases_are_appended_and_the_last_one_counts(ledger):
    for seed in range(2):
        ledger.add(run(seed))
    assert ledger.alias("champion", run(0).id) == 3
    ledger.alias("previous", "champion", note="replaced")
    ledger.alias("champion", run(1).id[:8])
    assert ledger.aliases() == {"champion": run(1).id, "previous": run(0).id}
    assert ledger.get("champion").id == run(1).id
    assert [e.body["note"] for e in ledger.entries("alias")] == ["", "replaced", ""]
    with pytest.raises(LedgerError, match="should mean one run"):
        ledger.alias("candidate", "ffff")
    with pytest.raises(LedgerError, match="lower-case"):
        ledger.alias("No Name", run(0).id)


def test_notes_are_part_of_the_chain(ledger):
    assert ledger.note("vault", {"opened": "2024-01-01", "p": math.nan}, when="2026-01-02") == 1
    (entry,) = ledger.entries("vault")
    assert entry.body == {"payload": {"opened": "2024-01-01", "p": None}, "when": "2026-01-02"}
    with pytest.raises(LedgerError, match="not be of kind 'run'"):
        ledger.note("run", {})
    sql(ledger, "UPDATE entries SET body = replace(body, '2024', '2025')")
    assert [f.row for f in broken(ledger)] == [1]


def test_get_wants_exactly_one(filled):
    for key, count in (("", 5), ("zz", 0)):
        with pytest.raises(LedgerError, match=f"it means {count} "):
            filled.get(key)


def test_parquet_bytes_depend_on_the_series_alone():
    returns = series(3)
    assert encode(returns) == encode(returns.copy())
    other_unit = returns.set_axis(returns.index.as_unit("s")).rename("x")
    assert encode(other_unit) == encode(returns)
    assert b"pandas" not in encode(returns)
    back = decode(encode(returns))
    assert back.to_numpy().tobytes() == returns.to_numpy().tobytes()
    assert decode(encode(returns[:0])).empty


def test_run_json_is_what_the_id_digests(ledger):
    ledger.add(run(0))
    content = json.loads((ledger.folder / "runs" / run(0).id / "run.json").read_text())
    assert set(content) == {"strategy", "data_id", "simulator", "start", "end", "code", "data"}
    assert run(0, **content).id == run(0).id


def test_two_ledgers_of_the_same_runs_hold_the_same_files(tmp_path):
    trees = []
    for name in ("a", "b"):
        ledger = Ledger(tmp_path / name)
        ledger.add(run(0, files={"x.txt": b"x"}))
        trees.append(tree(ledger.folder / "runs"))
    assert trees[0] == trees[1]


def tree(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


# Refusals


def test_the_same_run_with_other_results_is_refused(ledger):
    ledger.add(run(0, files={"a.txt": b"a"}))
    before = ledger.head
    with pytest.raises(LedgerError, match=r"returns\.parquet: the same run gave other bytes"):
        ledger.add(run(0, returns=series(9)))
    with pytest.raises(LedgerError, match=r"a\.txt: the same run gave other bytes"):
        ledger.add(run(0, files={"a.txt": b"b"}))
    assert ledger.head == before
    assert ledger.verify() == ()  # nothing staged was left behind


def test_an_edited_file_is_refused_by_a_rerun_and_on_reading(ledger):
    ledger.add(run(0, files={"a.txt": b"a"}))
    (ledger.folder / "runs" / run(0).id / "a.txt").write_bytes(b"b")
    with pytest.raises(LedgerError, match=r"a\.txt: not the bytes .*\(edited since\)"):
        ledger.add(run(0, files={"a.txt": b"b"}))
    back = ledger.get(run(0).id)
    with pytest.raises(LedgerError, match="changed since recorded"):
        _ = back.files["a.txt"]


def test_another_encoding_of_the_same_series_is_the_same_run(ledger, monkeypatch):
    """A newer pyarrow may write other bytes for the same numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ledger.add(run(0))
    first = (ledger.folder / "runs" / run(0).id / "returns.parquet").read_bytes()

    def otherwise(returns):
        table = pa.table({"date": returns.index.to_numpy(), "return": returns.to_numpy()})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="none")
        return sink.getvalue().to_pybytes()

    monkeypatch.setattr("tiltwise.ledger.artefacts.encode", otherwise)
    assert otherwise(series(0)) != first
    assert ledger.add(run(0)) == 2
    assert (ledger.folder / "runs" / run(0).id / "returns.parquet").read_bytes() == first
    assert ledger.verify() == ()


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "book").write_text("")
    with pytest.raises(LedgerError, match="is a file"):
        Ledger(tmp_path / "book")
    with pytest.raises(LedgerError, match="cannot be written to"):
        Ledger(tmp_path / "book" / "below").add(run(0))


def test_a_folder_that_cannot_be_written_to():
    """Nobody may write there, root included: /proc takes no folders."""
    ledger = Ledger("/proc/tiltwise")
    for write in (lambda: ledger.add(run(0)), lambda: ledger.note("vault", {})):
        with pytest.raises(LedgerError, match="cannot be written to"):
            write()


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"date,price\n" * 100)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: .*not a database; it is no ledger"):
        Ledger(tmp_path)


def test_another_programs_database(ledger):
    ledger.folder.mkdir()
    sql(ledger, "CREATE TABLE songs (name TEXT)")
    with pytest.raises(LedgerError, match="another program's database"):
        Ledger(ledger.folder)


def test_a_newer_format(filled):
    sql(filled, "PRAGMA user_version = 2")
    with pytest.raises(LedgerError, match="format 2, newer than the 1"):
        Ledger(filled.folder)
    with pytest.raises(LedgerError, match="upgrade"):
        filled.add(run(9))


def test_a_lost_database_is_not_started_afresh(filled):
    """Deleting the file must not reset the count of trials."""
    (filled.folder / "ledger.sqlite").unlink()
    assert "missing or empty" in broken(filled)[0].detail
    for _ in range(2):
        with pytest.raises(LedgerError, match="missing or empty although"):
            filled.add(run(9))
    assert "missing or empty" in broken(filled)[0].detail


# Tampering


@pytest.mark.parametrize("row", [1, 3, 5])
@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, '0.5', '0.6')",
        "body = replace(body, 'ResidualMomentum', 'ResidualMomentun')",
        "body = 'nonsense'",
        "body = '[]'",
        "body = CAST(x'ff' AS TEXT)",
        "hash = replace(hash, substr(hash, 1, 1), 'x')",
        "previous = 'x'",
        "kind = 'alias'",
        "trial = 'x'",
        "family = NULL",
        "run = 'x'",
    ],
)
def test_an_edited_row_is_found(filled, row, change):
    sql(filled, f"UPDATE entries SET {change} WHERE row = {row}")
    findings = broken(filled)
    assert findings[0].row == row
    assert f"row {row}" in findings[0].where


def test_only_the_edited_row_is_blamed(filled):
    sql(filled, "UPDATE entries SET body = replace(body, '0.5', '0.6') WHERE row = 3")
    (finding,) = filled.verify()
    assert str(finding) == "ledger.sqlite row 3: its content was edited or moved"


@pytest.mark.parametrize("row", [1, 3, 5])
def test_a_deleted_row_is_found(filled, row):
    """The last one too, though no later row points at it."""
    sql(filled, f"DELETE FROM entries WHERE row = {row}")
    finding = broken(filled)[0]
    assert finding.row == row
    assert finding.where == f"ledger.sqlite row {row}"
    assert "deleted" in finding.detail


def test_the_last_row_cannot_be_deleted_by_editing_the_record_of_it(filled):
    sql(filled, "DELETE FROM entries WHERE row = 5")
    filled.add(run(9))
    assert broken(filled)[0].where == "ledger.sqlite row 5"


def test_rows_deleted_in_the_middle_are_named(filled):
    sql(filled, "DELETE FROM entries WHERE row IN (2, 3)")
    assert broken(filled)[0].where == "ledger.sqlite rows 2 to 3"


def test_swapped_rows_are_found(filled):
    sql(
        filled,
        "UPDATE entries SET row = 99 WHERE row = 2",
        "UPDATE entries SET row = 2 WHERE row = 4",
        "UPDATE entries SET row = 4 WHERE row = 99",
    )
    assert [f.row for f in broken(filled)] == [2, 3, 4, 5]


def test_swapped_rows_with_new_hashes_are_found(filled):
    """Each row consistent in itself, but not with its neighbours."""
    from tiltwise.ledger.integrity import linked

    with sqlite3.connect(filled.folder / "ledger.sqlite") as connection:
        rows = connection.execute("SELECT row, kind, body, previous FROM entries").fetchall()
        for (row, kind, _, previous), (_, _, body, _) in zip(rows[1:3], rows[2:0:-1], strict=True):
            digest = linked(previous, row, kind, body)
            content = json.loads(body)
            columns = [content[name] for name in ("run", "trial", "family")]
            connection.execute(
                "UPDATE entries SET body=?, hash=?, run=?, trial=?, family=? WHERE row=?",
                (body, digest, *columns, row),
            )
    connection.close()
    assert [f.row for f in broken(filled)] == [3, 4]
    assert "does not follow row 2" in broken(filled)[0].detail


def test_the_last_row_rewritten_with_its_hash_is_found(filled):
    from tiltwise.ledger.integrity import linked

    with sqlite3.connect(filled.folder / "ledger.sqlite") as connection:
        query = "SELECT kind, body, previous FROM entries WHERE row = 5"
        kind, body, previous = connection.execute(query).fetchone()
        body = body.replace("0.5", "0.6")
        digest = linked(previous, 5, kind, body)
        connection.execute("UPDATE entries SET body=?, hash=? WHERE row=5", (body, digest))
    connection.close()
    (finding,) = broken(filled)
    assert (finding.row, finding.detail) == (5, "is not the row that was written last")


@pytest.mark.parametrize("statement", ["DELETE FROM head", "UPDATE head SET row = 3"])
def test_an_edited_head_is_found_and_stops_writing(filled, statement):
    sql(filled, statement)
    assert broken(filled)
    with pytest.raises(LedgerError, match="ledger verify"):
        filled.add(run(9))


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.999])
def test_one_byte_of_a_stored_series_is_found(filled, where):
    path = filled.folder / "runs" / run(2).id / "returns.parquet"
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 1
    path.write_bytes(data)
    (finding,) = filled.verify()
    assert finding.row == 3
    assert finding.where == f"runs/{run(2).id}/returns.parquet"
    assert "changed" in finding.detail
    with pytest.raises(LedgerError, match="changed since recorded"):
        filled.get(run(2).id)
    with pytest.raises(LedgerError, match="changed since recorded"):
        filled.returns(run(2).family)


def test_missing_files_and_folders_are_found_and_a_rerun_restores_them(filled):
    runs = filled.folder / "runs"
    (runs / run(1).id / "report.html").unlink()
    for path in (runs / run(4).id).iterdir():
        path.unlink()
    (runs / run(4).id).rmdir()
    found = {(f.row, f.where) for f in broken(filled)}
    assert found == {(2, f"runs/{run(1).id}/report.html"), (5, f"runs/{run(4).id}")}
    for seed in (1, 4):
        filled.add(run(seed, files={"report.html": b"<p>%d</p>" % seed}))
    assert filled.verify() == ()


def test_a_damaged_database_is_a_finding(filled):
    path = filled.folder / "ledger.sqlite"
    data = bytearray(path.read_bytes())
    data[4096 : len(data)] = bytes(len(data) - 4096)
    path.write_bytes(data)
    assert broken(filled)[0].where.startswith("ledger.sqlite")


def test_what_nobody_recorded_is_reported_but_harmless(filled):
    runs = filled.folder / "runs"
    (runs / ".unfinished-x").mkdir()
    (runs / "0123").mkdir()
    (runs / run(0).id / "mine.txt").write_text("")
    findings = filled.verify()
    assert broken(filled) == []
    assert {f.where for f in findings} == {
        "runs/.unfinished-x", "runs/0123", f"runs/{run(0).id}/mine.txt",
    }  # fmt: skip


# Storage


def test_the_journal_is_a_log_and_the_file_is_marked(filled):
    connection = sqlite3.connect(filled.folder / "ledger.sqlite")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


def test_a_file_system_without_shared_memory_is_still_served(ledger, monkeypatch):
    class Refusing:
        def execute(self, statement):
            raise sqlite3.OperationalError("locking protocol")

    prefer_log(Refusing())
    monkeypatch.setattr("tiltwise.ledger.chain.prefer_log", lambda connection: None)
    assert [ledger.add(run(seed)) for seed in range(3)] == [1, 2, 3]
    assert ledger.verify() == ()
    connection = sqlite3.connect(ledger.folder / "ledger.sqlite")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_counting_reads_only_the_index(filled):
    connection = sqlite3.connect(filled.folder / "ledger.sqlite")
    query = "EXPLAIN QUERY PLAN SELECT COUNT(DISTINCT trial) FROM entries WHERE family = 'x'"
    plan = " ".join(str(row[-1]) for row in connection.execute(query))
    connection.close()
    assert "USING COVERING INDEX by_family" in plan


def test_importing_is_light():
    code = "import sys, tiltwise.ledger; print({'pandas', 'numpy', 'pyarrow'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
