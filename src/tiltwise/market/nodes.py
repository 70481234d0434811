"""Content-addressed cache of arrays computed from a market, in memory and optionally on disk.

A node is a function of a `Market` and of plain arguments that returns named arrays. Its key is a
digest of the content id of the cut, the name of the function and its arguments; so interrupted runs
resume, and cuts that show the same data share results. The package's code is not part of the key:
use one folder for each version of it.
"""

import dataclasses
import datetime as dt
import hashlib
import io
import json
import os
import threading
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

# NumPy reads the head of an array with `ast`, which under Python 3.11 can fail with a
# SystemError when two threads parse at once (python/cpython#106905): one thread reads at a time.
_PARSING = threading.Lock()


class Nodes:
    """Named arrays by key; without a folder they live as long as the market.

    Parameters
    ----------
    folder : where they are stored as well, one file each; created on the first write.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = None if folder is None else Path(folder)
        self._items: dict[str, Arrays] = {}
        self._busy: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Return the arrays of `key`, computed at most once across threads."""
        arrays = self._items.get(key)
        if arrays is not None:
            return arrays
        with self._lock:
            mine = self._busy.setdefault(key, threading.Lock())
        with mine:
            arrays = self._items.get(key) or self._read(key)
            if arrays is None:
                arrays = {name: _frozen(value) for name, value in compute().items()}
                self._write(key, arrays)
            self._items[key] = arrays
        with self._lock:
            self._busy.pop(key, None)
        return arrays

    def _read(self, key: str) -> Arrays | None:
        """Return the stored arrays; a damaged file counts as absent."""
        if self._folder is None:
            return None
        try:
            stored = io.BytesIO((self._folder / f"{key}.npz").read_bytes())
            with _PARSING, np.load(stored, allow_pickle=False) as file:
                return {name: _frozen(file[name]) for name in file.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def _write(self, key: str, arrays: Arrays) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        named: dict[str, Any] = dict(arrays)
        np.savez(buffer, **named)
        # Several processes may write the same node: each its own part, and the last one wins.
        part = self._folder / f"{key}.{os.getpid()}-{threading.get_ident()}.part"
        part.write_bytes(buffer.getvalue())
        part.replace(self._folder / f"{key}.npz")


def key_of(market_id: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """Return the key of a node; arguments are JSON values, arrays, dates or records of them."""
    plain = json.dumps(arguments, sort_keys=True, default=_plain)
    text = f"{market_id} {function.__module__}.{function.__qualname__} {plain}"
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"{value!r} has no JSON form, so it cannot be part of a node's key")


def _frozen(values: Any) -> NDArray[Any]:
    array = np.array(values)
    array.setflags(write=False)
    return array
