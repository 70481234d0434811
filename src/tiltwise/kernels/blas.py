"""One BLAS thread while a decomposition runs.

Two reasons. The threads of LAPACK change the last bits of an eigenvector (seen from 300 assets on),
and an answer must not depend on the machine's cores. And on small matrices they cost more than they
give: on a busy machine, batches of 60 x 60 took eighty times longer.
"""

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

_turn = threading.Lock()


@functools.cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread; callers in other threads wait for their turn.

    The limit belongs to the process, so two callers at a time could lift each other's. Not
    re-entrant: hold it around the decomposition only.
    """
    with _turn, _libraries().limit(limits=1, user_api="blas"):
        yield
