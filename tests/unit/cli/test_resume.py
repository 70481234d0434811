"""A long run that is killed goes on where it was, to the same bytes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ASKED = [
    "run", "tuned_regime_allocation", "--data", "synthetic:3", "--set", "penalties=10,40,90",
    "--set", "sparsities=3,9", "--set", "least=400", "--set", "window=500",
    "--set", "validation=120", "--set", "warmup=520", "--set", "lookback=1000",
    "--end", "2007-08-31", "--json", "--quiet",
]  # fmt: skip


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tiltwise.cli", *ASKED, "--folder", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def nodes(folder: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in folder.glob("nodes/*/*.npz")}


def wait_for(folder: Path, process: subprocess.Popen[str], count: int) -> None:
    deadline = time.monotonic() + 300.0
    while len(nodes(folder)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_killed_anywhere_it_ends_with_the_same_bytes(tmp_path):
    """H.17: nothing computed before a kill is computed again, and nothing differs."""
    whole = start(tmp_path / "whole")
    told, _ = whole.communicate(timeout=600)
    assert whole.returncode == 0
    torn = tmp_path / "torn"
    for count in (3, 60):  # early, while models are learned, and later
        process = start(torn)
        wait_for(torn, process, count)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    kept = nodes(torn)
    assert not list(torn.glob("runs/*"))
    again = start(torn)
    retold, _ = again.communicate(timeout=600)
    assert again.returncode == 0
    first, second = json.loads(told), json.loads(retold)
    assert first["metrics"] == second["metrics"]
    assert first["run_id"] == second["run_id"]
    after = nodes(torn)
    assert {name: after[name] for name in kept} == kept
    assert set(after) == set(nodes(tmp_path / "whole"))
    runs = [next((folder / "runs").iterdir()) for folder in (tmp_path / "whole", torn)]
    names = sorted(p.name for p in runs[0].glob("*.parquet"))
    assert "returns.parquet" in names
    assert names == sorted(p.name for p in runs[1].glob("*.parquet"))
    for name in names:
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes()
