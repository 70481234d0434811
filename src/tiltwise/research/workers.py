"""Independent tasks shared out over workers: the same answers, in order, for any number of them."""

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from tiltwise.market.market import Market

Task = Callable[[int], Any]
_TASK: list[Task] = []  # of a worker process, set once when it starts


def spread(task: Task, numbers: Sequence[int], jobs: int | None) -> Iterator[Any]:
    """Yield ``task(number)`` in the order of `numbers`.

    More than one job means processes where the task can be sent to one, else threads. Processes
    start afresh, so a program that asks for them needs ``if __name__ == "__main__"``. One job, the
    default, runs here.
    """
    workers = min(jobs or 1, len(numbers), os.cpu_count() or 1)
    if workers <= 1:
        yield from map(task, numbers)
        return
    with _executor(task, workers) as pool:
        yield from pool.map(_asked if isinstance(pool, ProcessPoolExecutor) else task, numbers)


def _executor(task: Task, workers: int) -> Executor:
    import multiprocessing

    try:
        pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError):
        return ThreadPoolExecutor(workers)
    fresh = multiprocessing.get_context("spawn")  # a fork would copy locks that threads hold
    return ProcessPoolExecutor(workers, fresh, _receive, (task,))


def _receive(task: Task) -> None:
    _TASK[:] = [task]


def _asked(number: int) -> Any:
    return _TASK[0](number)


class Carried:
    """A market that can be sent to another process: there it is built again from its frames."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def __getstate__(self) -> dict[str, Any]:
        return {"frames": self.market.frames(), "assets": self.market.assets}

    def __setstate__(self, state: dict[str, Any]) -> None:
        whole = Market.from_frames(**state["frames"])
        same = tuple(whole.assets) == tuple(state["assets"])
        self.market = whole if same else whole.select(state["assets"])
