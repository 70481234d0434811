import importlib
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError, LookaheadError, MissingData
from tiltwise.models.validation.splits import (
    CombinatorialPurged,
    Expanding,
    PurgedKFold,
    WalkForward,
    label_spans,
    require_gap,
)

LAWS = settings(max_examples=40, deadline=None)
HORIZON, DELAY = st.integers(1, 12), st.integers(1, 3)


def touching(starts, ends, train, test):
    """Whether any training label shares a moment with any test label, pair by pair."""
    first, last = starts[train][:, None], ends[train][:, None]
    return bool(((first <= ends[test]) & (last >= starts[test])).any())


def test_five_expanding_windows_with_an_embargo_of_21_days():
    """`1.07`."""
    splits = list(Expanding(n_splits=5, gap=21).split(1000))
    assert [int(test[0]) for _, test in splits] == [170, 336, 502, 668, 834]
    assert {len(test) for _, test in splits} == {166}
    assert [int(train[0]) for train, _ in splits] == [0] * 5
    assert [int(train[-1]) + 1 for train, _ in splits] == [149, 315, 481, 647, 813]
    assert splits[-1][1][-1] == 999
    assert Expanding().get_n_splits() == len(splits)


def test_expanding_is_that_of_scikit_learn():
    selection = pytest.importorskip("sklearn.model_selection")
    for n, splits, gap in ((1000, 5, 21), (103, 4, 0), (250, 9, 3)):
        peer = selection.TimeSeriesSplit(splits, gap=gap).split(np.zeros(n))
        for mine, theirs in zip(Expanding(splits, gap).split(n), peer, strict=True):
            np.testing.assert_array_equal(mine[0], theirs[0])
            np.testing.assert_array_equal(mine[1], theirs[1])


def test_walk_forward_windows():
    windows = WalkForward(train=4, test=2, step=3, gap=1)
    found = [(train.tolist(), test.tolist()) for train, test in windows.split(np.zeros((11, 2)))]
    assert found == [([0, 1, 2, 3], [5, 6]), ([3, 4, 5, 6], [8, 9])]
    assert windows.get_n_splits(11) == 2
    assert [test.tolist() for _, test in WalkForward(3, 2).split(8)] == [[3, 4], [5, 6]]


@LAWS
@given(
    train=st.integers(1, 60),
    test=st.integers(1, 30),
    step=st.integers(1, 40),
    horizon=HORIZON,
    delay=DELAY,
    extra=st.integers(0, 100),
)
def test_walk_forward_never_trains_on_what_it_tests(train, test, step, horizon, delay, extra):
    gap = horizon + delay
    require_gap(gap, horizon, delay)
    n = train + gap + test + extra
    starts, ends = label_spans(n, horizon, delay)
    windows = WalkForward(train, test, step, gap)
    splits = list(windows.split(n))
    assert len(splits) == windows.get_n_splits(n) >= 1
    for past, future in splits:
        assert (len(past), len(future)) == (train, test)
        assert past.max() + gap < future.min()
        assert future.max() < n
        assert not touching(starts, ends, past, future)
    assert splits[-1][1][-1] + step >= n


@LAWS
@given(n_splits=st.integers(1, 8), rows=st.integers(30, 400), horizon=HORIZON, delay=DELAY)
def test_expanding_never_trains_on_what_it_tests(n_splits, rows, horizon, delay):
    gap = horizon + delay
    if rows - n_splits * (rows // (n_splits + 1)) <= gap:
        with pytest.raises(DataError, match="too few"):
            list(Expanding(n_splits, gap).split(rows))
        return
    starts, ends = label_spans(rows, horizon, delay)
    tested = []
    for past, future in Expanding(n_splits, gap).split(rows):
        assert past.max() < future.min()
        assert not touching(starts, ends, past, future)
        tested.append(future)
    together = np.concatenate(tested)
    np.testing.assert_array_equal(together, np.arange(rows - len(together), rows))


@LAWS
@given(
    lengths=st.lists(st.integers(0, 15), min_size=6, max_size=120),
    steps=st.lists(st.integers(0, 3), min_size=120, max_size=120),
    n_splits=st.integers(2, 6),
    embargo=st.integers(0, 10),
)
def test_purged_labels_never_touch(lengths, steps, n_splits, embargo):
    """H.01: labels of any length, on moments of any spacing."""
    starts = np.cumsum(steps[: len(lengths)])
    ends = starts + np.array(lengths)
    tested = []
    for train, test in PurgedKFold(starts, ends, n_splits, embargo).split(len(lengths)):
        assert not touching(starts, ends, train, test)
        assert not set(train) & set(test)
        assert not set(train) & set(np.flatnonzero(starts > ends[test].max())[:embargo])
        left = np.setdiff1d(np.arange(len(lengths)), np.concatenate([train, test]))
        late = np.flatnonzero(starts > ends[test].max())[:embargo]
        for row in np.setdiff1d(left, late):
            assert touching(starts, ends, np.array([row]), test)
        tested.append(test)
    np.testing.assert_array_equal(np.concatenate(tested), np.arange(len(lengths)))


def test_purge_and_embargo_by_hand():
    """H.01: labels of three rows, the middle third tested, two rows of embargo."""
    starts, ends = label_spans(18, horizon=2, delay=1)
    assert ends[4] == 6
    train, test = list(PurgedKFold(starts, ends, 3, embargo=2).split(18))[1]
    assert test.tolist() == [6, 7, 8, 9, 10, 11]
    assert train.tolist() == [0, 1, 2, 3, 16, 17]
    bare = list(PurgedKFold(starts, ends, 3).split(18))[1][0]
    assert bare.tolist() == [0, 1, 2, 3, 14, 15, 16, 17]


def test_labels_may_be_dates():
    dates = pd.bdate_range("2024-01-01", periods=40)
    ends = dates + pd.Timedelta(days=7)
    by_date = list(PurgedKFold(dates.to_numpy(), ends.to_numpy(), 4, embargo=1).split(dates))
    starts = np.asarray((dates - dates[0]).days)
    by_day = list(PurgedKFold(starts, starts + 7, 4, embargo=1).split(40))
    for mine, theirs in zip(by_date, by_day, strict=True):
        np.testing.assert_array_equal(mine[0], theirs[0])


@pytest.mark.parametrize(
    ("n_folds", "n_test_folds", "splits", "paths"),
    [(6, 2, 15, 5), (10, 2, 45, 9), (16, 8, 12870, 6435)],
)
def test_how_many_splits_and_paths(n_folds, n_test_folds, splits, paths):
    """H.02."""
    counted = CombinatorialPurged(n_folds, n_test_folds)
    assert counted.get_n_splits() == splits == math.comb(n_folds, n_test_folds)
    assert counted.n_paths == paths


@settings(max_examples=15, deadline=None)
@given(
    folds=st.sampled_from([(3, 2), (6, 2), (5, 3), (10, 2)]),
    horizon=st.integers(1, 4),
    delay=st.integers(1, 2),
    embargo=st.integers(0, 3),
    extra=st.integers(0, 9),
)
def test_each_path_covers_each_row_once(folds, horizon, delay, embargo, extra):
    """H.02, H.01."""
    pytest.importorskip("skfolio")
    cross = CombinatorialPurged(*folds, purge=horizon + delay - 1, embargo=embargo)
    n = folds[0] * (horizon + delay + embargo + 3) + extra
    starts, ends = label_spans(n, horizon, delay)
    splits, ids = list(cross.split(n)), cross.path_ids()
    assert len(splits) == cross.get_n_splits()
    assert ids.shape == (len(splits), folds[1])
    paths = [[] for _ in range(cross.n_paths)]
    for (train, blocks), where in zip(splits, ids, strict=True):
        for block, path in zip(blocks, where, strict=True):
            assert not touching(starts, ends, train, block)
            assert not set(train) & set(range(block[-1] + 1, block[-1] + 1 + embargo))
            paths[path].append(block)
    for path in paths:
        np.testing.assert_array_equal(np.sort(np.concatenate(path)), np.arange(n))


def test_a_gap_must_cover_horizon_and_delay():
    require_gap(21, 20)
    require_gap(7, 5, 2)
    with pytest.raises(LookaheadError, match="at least 22"):
        require_gap(21, 20, 2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: WalkForward(0, 5), "train is 0"),
        (lambda: WalkForward(5, 5, step=0), "step is 0"),
        (lambda: Expanding(0), "n_splits is 0"),
        (lambda: Expanding(gap=-1), "gap is -1"),
        (lambda: PurgedKFold(np.arange(9), np.arange(9), 1), "n_splits is 1"),
        (lambda: CombinatorialPurged(3, 1), "n_test_folds is 1"),
        (lambda: CombinatorialPurged(2, 2), "n_folds is 2"),
    ],
)
def test_impossible_settings(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_unfit_rows_and_labels():
    with pytest.raises(DataError, match="one window needs 16"):
        list(WalkForward(10, 5, gap=1).split(15))
    with pytest.raises(DataError, match="too few for 5 test blocks"):
        list(Expanding().split(100))
    with pytest.raises(DataError, match="row 2 runs from 2 to 1"):
        PurgedKFold(np.arange(9), np.where(np.arange(9) == 2, 1, np.arange(9)))
    with pytest.raises(DataError, match="row 1 runs from 3"):
        PurgedKFold(np.array([4, 3, 5, 6, 7]), np.array([9, 9, 9, 9, 9]))
    with pytest.raises(DataError, match="8 rows for 9 labels"):
        list(PurgedKFold(np.arange(9), np.arange(9)).split(8))
    with pytest.raises(DataError, match="too short for a purge of 5"):
        list(CombinatorialPurged(6, 2, purge=5, embargo=5).split(60))


def test_a_missing_package_is_named(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingData, match=r"pip install 'tiltwise\[research\]'"):
        CombinatorialPurged(6, 2).path_ids()
