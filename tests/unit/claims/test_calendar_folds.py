"""The source's walk-forward by calendar (0.06, 0.30)."""

import pandas as pd
import pytest

from tiltwise.claims.engine.folds import calendar_folds

DAYS = pd.bdate_range("2012-01-04", "2025-12-31")


def test_ten_folds_on_the_stated_dates():
    found = calendar_folds("2012-01-04", "2025-12-31")
    assert [fold.test.year for fold in found] == list(range(2015, 2025))
    assert all(fold.complete for fold in found)
    assert {(f.test.month, f.test.day) for f in found} == {(1, 4)}


def test_the_rule_alone_would_yield_an_eleventh_that_is_not_the_source_s():
    assert len(calendar_folds("2012-01-04", "2025-12-31", most=99)) == 11
    assert not calendar_folds("2012-01-04", "2025-12-31", most=99)[-1].complete


def test_data_that_end_early_cut_the_last():
    found = calendar_folds("2012-01-04", "2024-12-31")
    assert [fold.complete for fold in found] == [True] * 9 + [False]


def test_tests_follow_their_training_and_each_other():
    found = calendar_folds("2012-01-04", "2025-12-31")
    rows = [fold.rows(DAYS) for fold in found]
    for train, test in rows:
        assert train.stop == test.start
        assert 750 < train.stop - train.start < 790
    assert [a.stop for _, a in rows[:-1]] == [b.start for _, b in rows[1:]]


@pytest.mark.parametrize("last", ["2014-12-31", "2012-06-01"])
def test_too_short_for_one(last):
    assert calendar_folds("2012-01-04", last) == ()
