"""Walk-forward folds by calendar: some years of training, then a year of test."""

import dataclasses

import pandas as pd

Day = pd.Timestamp | str


@dataclasses.dataclass(frozen=True)
class Fold:
    """Returns dated from `train` on train, from `test` on test, before `stop`.

    Attributes
    ----------
    complete : whether the data reach `stop`; otherwise the test year is cut.
    """

    train: pd.Timestamp
    test: pd.Timestamp
    stop: pd.Timestamp
    complete: bool

    def rows(self, dates: pd.DatetimeIndex) -> tuple[slice, slice]:
        """Return the training and the test rows of ascending dates."""
        a, b, c = (int(dates.searchsorted(day)) for day in (self.train, self.test, self.stop))
        return slice(a, b), slice(b, c)


def calendar_folds(
    first: Day, last: Day, train_years: int = 3, test_years: int = 1, most: int = 10
) -> tuple[Fold, ...]:
    """Return folds that begin at `first` and step by the length of a test.

    A fold is complete if its test ends by `last`. The one after the last complete fold follows,
    cut, if its test has begun by `last`; never more than `most` folds in all.
    """
    begin, end = pd.Timestamp(first), pd.Timestamp(last)
    folds: list[Fold] = []
    while len(folds) < most:
        train = begin + pd.DateOffset(years=test_years * len(folds))
        test = train + pd.DateOffset(years=train_years)
        stop = test + pd.DateOffset(years=test_years)
        if test > end:
            break
        folds.append(Fold(train, test, stop, stop <= end))
        if not folds[-1].complete:
            break
    return tuple(folds)
