"""Splits of time-ordered rows into training and test rows, by position.

Row numbers only: what a row means is the caller's business. Two distances are kept apart, as their
names are in the literature. *Purging* removes training rows whose label reaches into the test rows;
where training always lies before the test, a `gap` does that. The *embargo* removes training rows
that follow the test rows, and so exists only where training data may lie after the test. Sources:
Lopez de Prado, "Advances in Financial Machine Learning" (2018), chapters 7 and 12.
"""

import dataclasses
import importlib
import math
from collections.abc import Iterator, Sized
from typing import Any

import numpy as np
import numpy.typing as npt

from tiltwise.errors import DataError, LookaheadError, MissingData

IntArray = npt.NDArray[np.intp]
Split = tuple[IntArray, IntArray]


def label_spans(n: int, horizon: int, delay: int = 1) -> tuple[IntArray, IntArray]:
    """Return first and last row (n,) that the label of each row touches.

    The label of row t is decided at t and earns the `horizon` rows from t + `delay` on, so it ends
    at t + delay + horizon - 1, which may lie beyond the last row.
    """
    rows = np.arange(n)
    return rows, rows + delay + horizon - 1


def require_gap(gap: int, horizon: int, delay: int = 1) -> None:
    """Raise for a gap before the test shorter than label horizon plus delay.

    Raises
    ------
    LookaheadError
        With the shortest gap that is enough.
    """
    if gap < horizon + delay:
        raise LookaheadError(
            f"a gap of {gap} rows lets labels that end {horizon + delay - 1} rows later reach into "
            f"the test rows: use a gap of at least {horizon + delay} "
            f"(horizon {horizon} + delay {delay})"
        )


def _rows(data: int | Sized) -> int:
    """Return the number of rows, given as such or as anything that has a length."""
    return data if isinstance(data, int) else len(data)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}")


@dataclasses.dataclass(frozen=True)
class WalkForward:
    """A training window of fixed length that rolls through time.

    Attributes
    ----------
    train, test : int
        Rows of each window; a test window that the rows do not fill is left out.
    step : int, optional
        Rows from one test window to the next; default `test`, so that they meet without overlap.
    gap : int
        Rows left out between training and test window.
    """

    train: int
    test: int
    step: int | None = None
    gap: int = 0

    def __post_init__(self) -> None:
        """Reject windows without rows."""
        _at_least("train", self.train, 1)
        _at_least("test", self.test, 1)
        _at_least("step", self._step, 1)
        _at_least("gap", self.gap, 0)

    @property
    def _step(self) -> int:
        return self.test if self.step is None else self.step

    def get_n_splits(self, x: int | Sized, y: Any = None, groups: Any = None) -> int:
        """Return the number of windows."""
        room = _rows(x) - self.train - self.gap - self.test
        return 0 if room < 0 else room // self._step + 1

    def split(self, x: int | Sized, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield training and test rows of `x`, or of so many rows; `y` and `groups` are ignored.

        Raises
        ------
        DataError
            If not one window fits.
        """
        if not (count := self.get_n_splits(x)):
            need = self.train + self.gap + self.test
            raise DataError(f"{_rows(x)} rows are too few: one window needs {need}")
        for start in range(0, count * self._step, self._step):
            first = start + self.train + self.gap
            yield np.arange(start, start + self.train), np.arange(first, first + self.test)


@dataclasses.dataclass(frozen=True)
class Expanding:
    """Equal test blocks at the end of the rows, each after all training rows but a gap.

    The test blocks have n // (n_splits + 1) rows and end with the last row, as in the
    `TimeSeriesSplit` of scikit-learn.

    Attributes
    ----------
    n_splits : int
        Number of test blocks.
    gap : int
        Rows left out before each test block.
    """

    n_splits: int = 5
    gap: int = 21

    def __post_init__(self) -> None:
        """Reject a split without tests."""
        _at_least("n_splits", self.n_splits, 1)
        _at_least("gap", self.gap, 0)

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of test blocks."""
        return self.n_splits

    def split(self, x: int | Sized, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield training and test rows of `x`, or of so many rows; `y` and `groups` are ignored.

        Raises
        ------
        DataError
            If the first block would have no training row.
        """
        n = _rows(x)
        size = n // (self.n_splits + 1)
        if size < 1 or n - self.n_splits * size <= self.gap:
            raise DataError(
                f"{n} rows are too few for {self.n_splits} test blocks after a gap of {self.gap}"
            )
        for start in range(n - self.n_splits * size, n, size):
            yield np.arange(start - self.gap), np.arange(start, start + size)


@dataclasses.dataclass(frozen=True, eq=False)
class PurgedKFold:
    """Consecutive test blocks, trained on all rows whose label does not touch the test labels.

    Attributes
    ----------
    starts, ends : ndarray (n,)
        First and last moment of each label, both included, in one unit (row numbers or dates);
        `starts` must not fall. `label_spans` makes them from a horizon.
    n_splits : int
        Number of blocks.
    embargo : int
        Rows left out of training after the last moment of the test labels.
    """

    starts: npt.NDArray[Any]
    ends: npt.NDArray[Any]
    n_splits: int = 5
    embargo: int = 0

    def __post_init__(self) -> None:
        """Reject labels that are out of order or end before they start."""
        _at_least("n_splits", self.n_splits, 2)
        _at_least("embargo", self.embargo, 0)
        starts, ends = np.asarray(self.starts), np.asarray(self.ends)
        if starts.ndim != 1 or starts.shape != ends.shape or len(starts) < self.n_splits:
            raise DataError(
                f"label spans of shapes {starts.shape} and {ends.shape}: two equal columns with at "
                f"least {self.n_splits} rows are needed"
            )
        wrong = ~(ends >= starts)
        wrong[1:] |= ~(starts[1:] >= starts[:-1])
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"the label of row {row} runs from {starts[row]} to {ends[row]}: labels must not "
                "end before they start, and rows must be ordered by start"
            )

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of blocks."""
        return self.n_splits

    def split(self, x: int | Sized, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield training and test rows; `x` must have as many rows as there are labels."""
        starts, ends = np.asarray(self.starts), np.asarray(self.ends)
        if (n := _rows(x)) != len(starts):
            raise DataError(f"{n} rows for {len(starts)} labels")
        for test in np.array_split(np.arange(n), self.n_splits):
            keep = ~_touching(starts, ends, test)
            after = int(np.searchsorted(starts, ends[test].max(), side="right"))
            keep[after : after + self.embargo] = False
            keep[test] = False
            yield np.flatnonzero(keep), test


def _touching(
    starts: npt.NDArray[Any], ends: npt.NDArray[Any], test: IntArray
) -> npt.NDArray[np.bool_]:
    """Return which labels overlap any test label; `starts` ascend."""
    latest = np.maximum.accumulate(ends[test])
    before = np.searchsorted(starts[test], ends, side="right") - 1
    return (before >= 0) & (latest[np.maximum(before, 0)] >= starts)


@dataclasses.dataclass(frozen=True)
class CombinatorialPurged:
    """Every choice of test blocks, recombined to full out-of-sample paths (CPCV of skfolio).

    Attributes
    ----------
    n_folds, n_test_folds : int
        Number of consecutive blocks and how many of them are tested at a time (at least 2).
    purge : int
        Training rows left out before each test block and after it.
    embargo : int
        Further training rows left out after each test block.
    """

    n_folds: int = 10
    n_test_folds: int = 2
    purge: int = 0
    embargo: int = 0

    def __post_init__(self) -> None:
        """Reject a choice with no training rows or no paths."""
        _at_least("n_test_folds", self.n_test_folds, 2)
        _at_least("n_folds", self.n_folds, self.n_test_folds + 1)
        _at_least("purge", self.purge, 0)
        _at_least("embargo", self.embargo, 0)

    @property
    def n_paths(self) -> int:
        """Number of full paths: n_splits * n_test_folds / n_folds."""
        return math.comb(self.n_folds, self.n_test_folds) * self.n_test_folds // self.n_folds

    def get_n_splits(self, x: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of ways to choose the test blocks."""
        return math.comb(self.n_folds, self.n_test_folds)

    def split(
        self, x: int | Sized, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[IntArray, list[IntArray]]]:
        """Yield training rows and the rows of each test block; `y` and `groups` are ignored.

        Raises
        ------
        DataError
            If blocks are not longer than purge and embargo together.
        MissingData
            If skfolio is not installed.
        """
        n = _rows(x)
        if n // self.n_folds <= self.purge + self.embargo + 1:
            raise DataError(
                f"{n} rows make blocks of {n // self.n_folds}, too short for a purge of "
                f"{self.purge} and an embargo of {self.embargo}"
            )
        yield from self._peer().split(np.empty((n, 1)))

    def path_ids(self) -> IntArray:
        """Return the path (n_splits, n_test_folds) that each test block of each split belongs to.

        The blocks of one path cover every row once.
        """
        return np.asarray(self._peer().get_path_ids())

    def _peer(self) -> Any:
        try:
            selection = importlib.import_module("skfolio.model_selection")
        except ModuleNotFoundError as error:
            raise MissingData(
                "combinatorial splits come from skfolio, which is not installed: "
                "pip install 'tiltwise[research]'"
            ) from error
        return selection.CombinatorialPurgedCV(
            self.n_folds, self.n_test_folds, self.purge, self.embargo
        )
