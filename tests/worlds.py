"""Costly results that several test modules read, made once and shared by the workers."""

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]
) -> tuple[Path, Any]:
    """Return the folder of a world and what `make(folder)` returned; the first worker makes it.

    The value comes back from a pickle, so that no worker can tell who made it. Tests read the
    folder; one that writes takes a copy.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, value = base / "worlds" / name, base / "worlds" / f"{name}.pickle"
    folder.parent.mkdir(exist_ok=True)
    with value.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not value.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            value.write_bytes(pickle.dumps(make(folder)))
        return folder, pickle.loads(value.read_bytes())
