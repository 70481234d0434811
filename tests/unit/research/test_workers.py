"""Workers answer in order, and each process finds what it is asked with (9.5)."""

import functools
import operator
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from tiltwise import recipes
from tiltwise.research.search import workers

OWN = """
from tiltwise.strategy import Decision, Strategy


class {name}(Strategy):
    universe = ("A",)

    def decide(self, model, past, held):
        return Decision.hold()

    def __call__(self, question):
        import os
        return question * {times}, os.getpid()
"""


def own_strategy(path: Path, name: str, times: int) -> Callable:
    path.write_text(OWN.format(name=name, times=times), encoding="utf-8")
    return recipes.load(f"{path}:{name}")()


def asked(task: Callable, jobs: int, monkeypatch: pytest.MonkeyPatch) -> list:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return list(workers.spread(task, range(6), jobs))


def test_answers_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    task = functools.partial(operator.mul, 3)
    for jobs in (1, 2):
        assert asked(task, jobs, monkeypatch) == [0, 3, 6, 9, 12, 15]
    assert asked(lambda n: n + 1, 2, monkeypatch) == [1, 2, 3, 4, 5, 6]


def test_a_process_loads_the_file_that_a_strategy_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strategy from a file that is not installed runs in processes, from that same file."""
    found = asked(own_strategy(tmp_path / "mine.py", "Mine", 7), 2, monkeypatch)
    assert [answer for answer, _ in found] == [0, 7, 14, 21, 28, 35]
    assert os.getpid() not in {process for _, process in found}


def test_threads_answer_where_a_process_would_not_find_the_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files of one name: the class of the first can no longer be found by its name."""
    (tmp_path / "other").mkdir()
    first = own_strategy(tmp_path / "twin.py", "Twin", 2)
    own_strategy(tmp_path / "other" / "twin.py", "Twin", 5)
    found = asked(first, 2, monkeypatch)
    assert [answer for answer, _ in found] == [0, 2, 4, 6, 8, 10]
    assert {process for _, process in found} == {os.getpid()}


def test_threads_answer_for_what_was_typed_into_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of a module that no file holds is importable here and nowhere else."""
    typed = types.ModuleType("typed_here")
    monkeypatch.setitem(sys.modules, "typed_here", typed)
    exec(OWN.format(name="Typed", times=4), vars(typed))  # noqa: S102
    found = asked(typed.Typed(), 2, monkeypatch)
    assert [answer for answer, _ in found] == [0, 4, 8, 12, 16, 20]
    assert {process for _, process in found} == {os.getpid()}
