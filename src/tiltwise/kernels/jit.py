"""Compilation of kernels: serial, without the interpreter lock, cached on disk.

Threads are added above the kernels (over parameters, blocks or folds), never inside them, so a
result cannot depend on their number. One Python function per compiled variant: the disk cache does
not see compile flags.
"""

import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _cache_directory() -> Path | None:
    """Return the first writable folder for compiled kernels, or None."""
    base = os.environ.get("TILTWISE_CACHE") or os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base else Path.home() / ".cache"
    folder = root / "tiltwise" / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


if "NUMBA_CACHE_DIR" not in os.environ:
    _folder = _cache_directory()
    if _folder is not None:
        os.environ["NUMBA_CACHE_DIR"] = str(_folder)
    CACHED = _folder is not None
else:
    CACHED = True

import numba  # noqa: E402  (reads the cache folder when it is imported)

if not CACHED:  # pragma: no cover - depends on the machine
    warnings.warn(
        "no writable cache folder: kernels are compiled anew in each process; "
        "set TILTWISE_CACHE to a writable folder",
        RuntimeWarning,
        stacklevel=2,
    )


def kernel(*signatures: Any, inline: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function of float64 arrays; without signatures on first call."""

    def compile_(function: Callable[..., Any]) -> Any:
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": CACHED}
        if inline:
            options["inline"] = "always"
        return numba.njit(list(signatures) or None, **options)(function)

    return compile_
