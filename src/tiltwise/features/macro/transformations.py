"""Transformations of macro series, by code.

Source: the transformations are those of McCracken and Ng (2016), "FRED-MD: A Monthly Database for
Macroeconomic Research"; the changes those of the sector rotation of source 3, differences replacing
percent changes of what may be zero or negative.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats

Rule = Literal["codes", "changes"]
CODES = (1, 2, 3, 4, 5, 6, 7)  #: x, dx, d2x, log x, dlog x, d2log x, d(x / x[-1] - 1)
#: What a monthly change is, by code: differences of rates, spreads and indices (1 to 3), and
#: percent changes of amounts and prices (4 to 7).
CHANGES = {1: "difference", 2: "difference", 3: "difference", 4: "percent", 5: "percent",
           6: "percent", 7: "percent"}  # fmt: skip
REACH = 2  #: months that the longest transformation looks back


def transformed(values: Floats, codes: NDArray[np.int8], rule: Rule = "codes") -> Floats:
    """Return a table (months, series) transformed column by column; never infinite.

    A logarithm or percent change of what is not positive is NaN, and so is what has a gap among
    the months it looks at. A series without a code (0) stays as it is under "codes" and is
    differenced under "changes".
    """
    out = np.full(values.shape, np.nan)
    for code in np.unique(codes):
        columns = np.flatnonzero(codes == code)
        block = values[:, columns]
        out[:, columns] = (
            _changed(block, int(code)) if rule == "changes" else _coded(block, int(code))
        )
    out[~np.isfinite(out)] = np.nan
    return out


def newest(moved: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the last finite value of each column of (months, series), NaN if none, and its row."""
    finite = np.isfinite(moved)
    row = len(moved) - 1 - finite[::-1].argmax(axis=0)
    return moved[row, np.arange(moved.shape[1])], row


def months(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the months of days (ns) since 1970."""
    return ticks.view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


def _coded(x: Floats, code: int) -> Floats:
    if code in (0, 1):
        return x
    if code in (2, 3):
        return _difference(x, code - 1)
    if code == 7:
        return _difference(_ratio(x) - 1.0, 1)
    return _difference(np.log(np.where(x > 0, x, np.nan)), code - 4)


def _changed(x: Floats, code: int) -> Floats:
    if CHANGES.get(code, "difference") == "difference":
        return _difference(x, 1)
    return _ratio(np.where(x > 0, x, np.nan)) - 1.0


def _ratio(x: Floats) -> Floats:
    ratio = np.full(x.shape, np.nan)
    np.divide(x[1:], x[:-1], out=ratio[1:], where=x[:-1] != 0)
    return ratio


def _difference(x: Floats, times: int) -> Floats:
    for _ in range(times):
        step = np.full(x.shape, np.nan)
        step[1:] = x[1:] - x[:-1]
        x = step
    return x
