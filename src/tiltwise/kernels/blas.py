"""Limit of one BLAS thread during fits and decisions.

Two reasons. The threads of BLAS change the last bits of a sum (seen in an eigenvector from 300
assets on), and a result must not depend on the machine's cores. And on small matrices they cost
more than they give: on a busy machine, batches of 60 x 60 took eighty times longer.
"""

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

_SECOND = "scipy.linalg._fblas"
"""SciPy brings a BLAS of its own, which is there from the import of this module on."""

_lock = threading.Lock()
_limits: list[tuple[bool, Any]] = []
_holders = 0


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread until the last of all holders leaves.

    The limit belongs to the process: if each holder restored the previous limit, the first to leave
    would lift it for the others. Holders may be nested, and run side by side.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _holders
    with _lock:
        second = _SECOND in sys.modules
        if not _limits or _limits[-1][0] != second:
            _limits.append((second, _unbound(_libraries(second).limit, limits=1, user_api="blas")))
        _holders += 1


def _leave() -> None:
    global _holders
    with _lock:
        _holders -= 1
        while not _holders and _limits:
            _unbound(_limits.pop()[1].restore_original_limits)


@functools.cache
def _libraries(second: bool) -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _unbound(act: Callable[..., Any], **given: Any) -> Any:
    """Set a limit from any thread; threadpoolctl from 3.8 on obeys only the first one that did."""
    import threadpoolctl

    clear = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if clear is None:
        return act(**given)
    clear(force=True)
    done = act(**given)
    clear(force=True)
    return done
