"""The ledger under fire: many processes at once, and processes killed at any moment."""

import contextlib
import hashlib
import multiprocessing
import os
import random
import signal
import sys
import time

import numpy as np
import pandas as pd
import pytest

from tiltwise.ledger import Ledger, Run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills processes the POSIX way")


def made(number, **changes):
    index = pd.bdate_range("2020-01-01", periods=20, name="date")
    values = {
        "strategy": {"strategy": "Trend", "window": number},
        "data_id": "ab",
        "data": "synthetic:0",
        "assets": ("A",),
        "simulator": {"delay": 1},
        "start": "2020-01-01",
        "end": "2020-01-28",
        "code": "0.1.0",
        "metrics": {"sharpe": number / 10},
        "returns": pd.Series(np.random.default_rng(number).normal(size=20), index),
        "files": {"report.html": b"<p>%d</p>" % number},
    }
    return Run(**(values | changes))


def broken(ledger):
    return [str(f) for f in ledger.verify() if f.broken]


def tree(folder, run):
    return {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in (folder / "runs" / run).iterdir()
    }


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Spare this process the wait for the disk; those that are killed do wait."""
    monkeypatch.setattr("tiltwise.ledger.artefacts.os.fsync", lambda handle: None)
    monkeypatch.setattr("tiltwise.ledger.chain._SYNCHRONOUS", "OFF")


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "pandas", "pyarrow.parquet", "tiltwise.ledger"])
    return context


def write_twenty(folder, writer, gate):
    ledger = Ledger(folder)
    gate.wait()
    for i in range(20):
        ledger.add(made(0 if i == 10 else 1000 * writer + i))  # one run is everybody's


@pytest.mark.slow
def test_eight_processes_lose_nothing(tmp_path, processes):
    gate = processes.Barrier(8)
    writers = [
        processes.Process(target=write_twenty, args=(tmp_path / "book", w, gate))
        for w in range(1, 9)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [w.exitcode for w in writers] == [0] * 8
    ledger = Ledger(tmp_path / "book")
    assert ledger.verify() == ()
    assert ledger.head[0] == 160
    assert ledger.count(made(0).family) == 8 * 19 + 1
    mine = {1000 * w + i for w in range(1, 9) for i in range(20) if i != 10} | {0}
    assert {e.body["strategy"]["window"] for e in ledger.entries("run")} == mine


def write_on(folder, first, pipe):
    ledger = Ledger(folder)
    for number in range(first, first + 10_000):
        ledger.add(made(number))
        pipe.send(number)


@pytest.mark.slow
def test_a_writer_killed_at_random_moments_leaves_a_valid_chain(tmp_path, processes):
    """What was reported as recorded is there, and the next writer goes on."""
    chance, reported = random.Random(0), set()
    folder = tmp_path / "book"
    for attempt in range(8):
        pipe, theirs = processes.Pipe(duplex=False)
        writer = processes.Process(target=write_on, args=(folder, 100 * attempt, theirs))
        writer.start()
        theirs.close()
        reported.add(pipe.recv())
        time.sleep(chance.uniform(0.0, 0.1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        with contextlib.suppress(EOFError):
            while True:
                reported.add(pipe.recv())
        pipe.close()
        ledger = Ledger(folder)
        assert broken(ledger) == []
    stored = {e.body["strategy"]["window"] for e in ledger.entries("run")}
    assert reported <= stored
    assert len(stored) <= len(reported) + 8  # at most the one in flight each time


WRITING = ("artefacts.py", "chain.py", "ledger.py")  # the modules that touch the disk


def killed_at(line, folder):
    """Record a run and die as one of them is about to execute its `line`-th line."""
    left = [line]

    def trace(frame, event, _):
        if not frame.f_code.co_filename.endswith(WRITING):
            return None
        left[0] -= event == "line"
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    run = made(1)
    sys.settrace(trace)
    Ledger(folder).add(run)


@pytest.mark.slow
def test_a_run_killed_at_any_line_can_be_repeated(tmp_path, processes):
    """Kill `run` at any moment: earlier results are intact, a rerun gives identical files."""
    clean = Ledger(tmp_path / "clean")
    for number in (0, 1):
        clean.add(made(number))
    wanted = {number: tree(clean.folder, made(number).id) for number in (0, 1)}
    outcomes, line = [], 0
    while 0 not in outcomes:
        folder = tmp_path / str(line)
        ledger = Ledger(folder)
        if line % 2:  # otherwise the killed one is the first ever
            ledger.add(made(0))
        writer = processes.Process(target=killed_at, args=(line, folder))
        writer.start()
        writer.join()
        outcomes.append(writer.exitcode)
        assert broken(ledger) == [], line
        if (folder / "runs" / made(1).id).exists():  # whole from the moment it can be seen
            assert tree(folder, made(1).id) == wanted[1]
        if line % 2:
            assert tree(folder, made(0).id) == wanted[0]
        ledger.add(made(1))
        assert broken(ledger) == []
        assert tree(folder, made(1).id) == wanted[1]
        assert ledger.count(made(1).family) == 1 + line % 2
        line += 7
    assert set(outcomes[:-1]) == {-signal.SIGKILL}
    assert len(outcomes) > 20


def test_threads_of_one_process_share_a_ledger(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    ledger = Ledger(tmp_path / "book")
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda number: ledger.add(made(number)), range(40)))
    assert sorted(rows) == list(range(1, 41))
    assert ledger.verify() == ()


def read_as_nobody(folder):
    os.setuid(65534)
    ledger = Ledger(folder)
    assert ledger.verify() == ()
    assert ledger.count(made(0).family) == 1
    assert ledger.get(made(0).id).returns.iloc[0] == made(0).returns.iloc[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to drop rights")
def test_a_ledger_that_may_only_be_read_is_read(tmp_path, processes):
    Ledger(tmp_path / "book").add(made(0))
    folder = tmp_path
    while folder.stat().st_mode & 0o055 != 0o055:  # pytest keeps its folders to their owner
        folder.chmod(0o755)
        folder = folder.parent
    reader = processes.Process(target=read_as_nobody, args=(tmp_path / "book",))
    reader.start()
    reader.join()
    assert reader.exitcode == 0
