"""Array types shared by the package, and the entry of every kernel: read-only float64 matrices."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiltwise.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def matrix(values: ArrayLike, name: str) -> Floats:
    """Return ``values`` as a read-only C float64 matrix, without a copy where it already is one.

    One array type means one compiled version of each kernel. NaN means missing and passes; an
    infinite value raises `DataError`, because it would silently corrupt every later row.
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
