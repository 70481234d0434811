"""The five factors, downloaded once: a server on this machine, never the network (1.09)."""

import hashlib
import http.server
import io
import json
import sys
import threading
import zipfile

import numpy as np
import pandas as pd
import pytest

from tiltwise import cli
from tiltwise.errors import SourceError
from tiltwise.market.readers.french import read_french
from tiltwise.sources import cache
from tiltwise.sources.french import FIVE_FACTORS, pull_french

FIVE = """Invented factors.

,Mkt-RF,SMB,HML,RMW,CMA,RF
20990102,   -0.67,    0.02,   -0.35,    0.03,    0.13,   0.012
20990105,    0.79,   -0.28,    0.28,   -0.08,   -0.21,   0.012
20990106,    1.00,  -99.99,    0.04,    0.11,    0.18,   0.013

Copyright 2099 Nobody At All
"""


def archive(text=FIVE):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo("five.CSV"), text)
    return sink.getvalue()


class Library(http.server.ThreadingHTTPServer):
    """Serves `pages` by path and counts what was asked of it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.pages, self.asked, self.cut, self.agents = {}, [], {}, set()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, name="five_daily_CSV.zip"):
        return f"http://127.0.0.1:{self.server_address[1]}/ftp/{name}"

    def stop(self):
        self.shutdown()
        self.server_close()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.agents.add(self.headers["User-Agent"])
        data = self.server.pages.get(self.path)
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: self.server.cut.get(self.path)])

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def library(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Library()
    server.pages["/ftp/five_daily_CSV.zip"] = archive()
    yield server
    server.stop()


def left(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_a_download_is_parsed_and_kept_by_its_content(tmp_path, library):
    """`1.09`: percent to decimals, -99.99 to missing, no footer; the file is named by its bytes."""
    folder = tmp_path / "new" / "factors"
    factors, path = pull_french(folder, library.url())
    assert factors.columns.tolist() == ["Mkt-RF", "SMB", "HML", "RMW", "CMA", "RF"]
    np.testing.assert_allclose(factors.iloc[0, :2], [-0.0067, 0.0002], rtol=1e-12)
    assert len(factors) == 3
    assert np.isnan(factors.loc["2099-01-06", "SMB"])
    digest = hashlib.sha256(archive()).hexdigest()
    assert path.name == f"five_daily_CSV-{digest[:16]}.zip"
    assert path.read_bytes() == archive()
    pd.testing.assert_frame_equal(factors, read_french(path))
    assert len(left(folder)) == 2  # the archive, and which address it is of


def test_the_second_read_needs_no_network(tmp_path, library):
    """`1.09`: the cache answers, bit for bit, with the server stopped."""
    first = pull_french(tmp_path, library.url())
    assert library.asked == ["/ftp/five_daily_CSV.zip"]
    library.stop()
    second = pull_french(tmp_path, library.url())
    pd.testing.assert_frame_equal(first.factors, second.factors)
    assert second.path == first.path
    assert len(library.asked) == 1
    with pytest.raises(SourceError, match=r"five_daily_CSV\.zip: no answer .*try again"):
        pull_french(tmp_path, library.url(), refresh=True)
    assert pull_french(tmp_path, library.url()).path == first.path


def test_a_revision_is_fetched_when_asked_for_and_the_old_file_stays(tmp_path, library):
    old = pull_french(tmp_path, library.url())
    library.pages["/ftp/five_daily_CSV.zip"] = archive(FIVE.replace("0.79", "0.81"))
    assert pull_french(tmp_path, library.url()).path == old.path
    new = pull_french(tmp_path, library.url(), refresh=True)
    assert new.factors.loc["2099-01-05", "Mkt-RF"] == pytest.approx(0.0081)
    assert old.path.read_bytes() == archive()
    assert pull_french(tmp_path, library.url()).path == new.path != old.path


@pytest.mark.parametrize("bytes_sent", [0, 40, 200])
def test_a_truncated_download_is_refused(tmp_path, library, bytes_sent):
    """`1.09`: a connection that ends early leaves the folder as it was."""
    library.cut["/ftp/five_daily_CSV.zip"] = bytes_sent
    whole = len(archive())
    with pytest.raises(SourceError, match=f"stopped after {bytes_sent} of {whole} bytes; try ag"):
        pull_french(tmp_path, library.url())
    assert left(tmp_path) == []
    library.cut.clear()
    assert len(pull_french(tmp_path, library.url()).factors) == 3


@pytest.mark.parametrize(
    ("name", "page", "told"),
    [
        ("gone.zip", None, "the server answers 404 Not Found; check the address"),
        ("page.zip", b"<html>moved</html>", "sent something else .not an archive"),
        ("half.zip", archive()[:150], "sent something else .not an archive"),
        ("monthly.zip", archive(",Mkt-RF\n209901, 1.00\n"), "six digits: take the daily file"),
    ],
)
def test_what_is_no_daily_archive_is_not_kept(tmp_path, library, name, page, told):
    """`1.09`: the message names the address and what to do."""
    if page is not None:
        library.pages[f"/ftp/{name}"] = page
    with pytest.raises(SourceError, match=told) as caught:
        pull_french(tmp_path, library.url(name))
    assert library.url(name) in str(caught.value)
    assert left(tmp_path) == []


def test_a_kept_file_that_changed_is_refused(tmp_path, library):
    path = pull_french(tmp_path, library.url()).path
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(SourceError, match=f"{path.name}: changed since .* refresh"):
        pull_french(tmp_path, library.url())
    assert pull_french(tmp_path, library.url(), refresh=True).path.read_bytes() == archive()
    pointer = next(tmp_path.glob("*.json"))
    pointer.write_text("{")
    with pytest.raises(SourceError, match="cannot be followed"):
        pull_french(tmp_path, library.url())
    # A pointer never leads out of its folder.
    outside = tmp_path.parent / "outside.zip"
    outside.write_bytes(archive())
    told = {"file": "../outside.zip", "sha256": hashlib.sha256(archive()).hexdigest()}
    pointer.write_text(json.dumps(told))
    with pytest.raises(SourceError, match="cannot be followed"):
        pull_french(tmp_path, library.url())


def test_only_the_web_is_asked(tmp_path, library, monkeypatch):
    with pytest.raises(SourceError, match="begins with http"):
        pull_french(tmp_path, f"file://{tmp_path}/five.zip")
    monkeypatch.setattr(cache, "LARGEST", 100)
    with pytest.raises(SourceError, match="more than 100 bytes"):
        pull_french(tmp_path, library.url())
    assert library.agents == {"tiltwise"}
    assert FIVE_FACTORS.startswith("https://")
    assert FIVE_FACTORS.endswith("5_Factors_2x3_daily_CSV.zip")


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["tiltwise", *words])
    try:
        cli.main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, *capsys.readouterr()


def test_the_command_writes_what_run_reads(tmp_path, library, monkeypatch, capsys):
    """`1.09`: ``tiltwise data pull french``; errors are exit code 3, words it does not know 2."""
    monkeypatch.chdir(tmp_path)
    words = ("data", "pull", "french", "--folder", "kept", "--url", library.url())
    code, out, _ = call(monkeypatch, capsys, *words, "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["rows"], told["first"], told["last"]) == (3, "2099-01-02", "2099-01-06")
    assert told["missing"] == 1
    from tiltwise.market.readers.companions import read_factors

    got = read_factors(told["factors"])
    assert got.columns.tolist() == told["columns"]
    np.testing.assert_array_equal(got, read_french(told["archive"]))
    library.stop()
    code, out, _ = call(monkeypatch, capsys, *words)
    assert code == 0
    assert "3 sessions, 2099-01-02 to 2099-01-06: Mkt-RF, SMB" in out
    code, _, err = call(monkeypatch, capsys, *words, "--refresh")
    assert (code, "no answer" in err) == (3, True)
    code, _, err = call(monkeypatch, capsys, "data", "pull", "yahoo", "--folder", "kept")
    assert (code, "there is french" in err) == (2, True)
