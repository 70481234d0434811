"""Returns without gaps, as the array that an optimisation takes."""

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats


def as_matrix(returns: pd.DataFrame) -> Floats:
    """Return (period x asset) returns as a C float64 array.

    Raises
    ------
    DataError
        There is no period, or a return is missing; the message names the asset.
    """
    missing = returns.isna()
    if missing.to_numpy().any() or not len(returns):
        asset = missing.any().idxmax() if len(returns) else "the frame"
        raise DataError(f"{asset} lacks a return of these {len(returns)} periods; leave it out")
    return np.ascontiguousarray(returns.to_numpy(np.float64))
