"""Entry of every kernel: values become read-only C-ordered float64 matrices."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiltwise.errors import DataError

Array = NDArray[np.float64]


def matrix(values: ArrayLike, name: str) -> Array:
    """Return ``values`` as a read-only C float64 matrix, without a copy where it already is one.

    One array type means one compiled version of each kernel. NaN means missing and passes; an
    infinite value raises `DataError`, because it would silently spoil every later row.
    """
    array = np.ascontiguousarray(values, dtype=np.float64).view()
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataError(f"{name} must be rows by columns, got shape {array.shape}")
    infinite = np.isinf(array)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise DataError(f"{name} is infinite at row {row}, column {column}: mark it missing (NaN)")
    array.flags.writeable = False
    return array
