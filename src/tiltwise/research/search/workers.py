"""Parallel map over worker processes or threads, with results in order."""

import contextlib
import io
import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tiltwise import recipes
from tiltwise.market.market import Market

Task = Callable[[Any], Any]
Ask = Callable[[Iterable[Any]], Iterable[Any]]
_TASK: list[Task] = []  # of a worker process, set once when it starts


def spread(task: Task, questions: Sequence[Any], jobs: int | None) -> Iterator[Any]:
    """Yield ``task(question)`` in the order of `questions`; `jobs` as in `crew`."""
    with crew(task, min(jobs or 1, len(questions))) as ask:
        yield from ask(questions)


@contextlib.contextmanager
def crew(task: Task, jobs: int | None) -> Iterator[Ask]:
    """Yield a function that maps `task` over a batch of questions, in order.

    More than one job means processes where the task can be sent to one, else threads. Processes
    start afresh, so a program that asks for them needs ``if __name__ == "__main__"``; a strategy
    that was loaded from a file is loaded from it again. One job, the default, runs here.
    """
    count = min(jobs or 1, os.cpu_count() or 1)
    if count <= 1:
        yield lambda questions: map(task, questions)
        return
    sent = _sent(task)
    if sent is None:
        with ThreadPoolExecutor(count) as threads:
            yield lambda questions: threads.map(task, questions)
        return
    fresh = multiprocessing.get_context("spawn")  # a fork would copy locks that threads hold
    with ProcessPoolExecutor(count, fresh, _receive, sent) as processes:
        yield lambda questions: processes.map(_answer, questions)


class _Noting(pickle.Pickler):
    """A pickler that records the modules needed to load the pickle."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.modules: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        """Record the module of a class or function; pickle as usual."""
        if hasattr(value, "__qualname__") and value.__module__:
            self.modules.add(value.__module__)
        return NotImplemented


def _sent(task: Task) -> tuple[tuple[Path, ...], bytes] | None:
    """Return the files to load and the pickled task; None if a fresh process cannot read it."""
    file = io.BytesIO()
    noting = _Noting(file)
    try:
        noting.dump(task)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    own = recipes.files()
    if not all(name in own or _importable(name) for name in noting.modules):
        return None
    return tuple(own[name] for name in sorted(noting.modules & set(own))), file.getvalue()


def _importable(module: str) -> bool:
    """Whether a fresh process can import a module; ``__main__`` needs a file."""
    if module == "__main__":
        return Path(getattr(sys.modules[module], "__file__", None) or "").is_file()
    package = module.partition(".")[0]
    return any(finder.find_spec(package, None) for finder in sys.meta_path)


def _receive(files: tuple[Path, ...], pickled: bytes) -> None:
    """Load the strategy files, then the task."""
    for path in files:
        recipes.module(path)
    _TASK[:] = [pickle.loads(pickled)]


def _answer(question: Any) -> Any:
    return _TASK[0](question)


class Carried:
    """A market that can be pickled: it is rebuilt from its frames."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def __getstate__(self) -> dict[str, Any]:
        return {"frames": self.market.frames(), "assets": self.market.assets}

    def __setstate__(self, state: dict[str, Any]) -> None:
        whole = Market.from_frames(**state["frames"])
        same = tuple(whole.assets) == tuple(state["assets"])
        self.market = whole if same else whole.select(state["assets"])
