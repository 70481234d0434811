"""Windows of features that end on the forecast row."""

import numpy as np

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats

MONTHS = 12  #: rows of a window, as published


def windows(x: Floats, length: int = MONTHS) -> Floats:
    """Return windows (rows - length + 1, length, features), read-only.

    Window i holds rows i to i + length - 1 and goes with the target of its *last* row, which is the
    return of the very next month. (The source's code paired window i with row i + length + 1, which
    skips a month.)

    Raises
    ------
    DataError
        There are fewer rows than a window has.
    """
    if len(x) < length:
        raise DataError(f"{len(x)} rows are too few for a window of {length}")
    seen = np.lib.stride_tricks.sliding_window_view(x, length, axis=0)
    stacked: Floats = np.moveaxis(seen, -1, 1)
    return stacked
