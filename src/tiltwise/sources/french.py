"""The daily five factors of the Kenneth French data library, downloaded once.

Source: https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/data_library.html
"""

import os
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tiltwise.market.readers.french import read_french
from tiltwise.sources.cache import fetched

FIVE_FACTORS = (
    "https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/ftp/"
    "F-F_Research_Data_5_Factors_2x3_daily_CSV.zip"
)
"""Where the library keeps its daily five factors and the riskless rate."""


class Pulled(NamedTuple):
    """A table of the library, and the file that it was read from.

    Attributes
    ----------
    factors : decimals (0.01 is 1 %) by ``date``, columns as the library names them.
    path : the archive as it came, named by its content.
    """

    factors: pd.DataFrame
    path: Path


def pull_french(
    folder: str | os.PathLike[str], url: str = FIVE_FACTORS, *, refresh: bool = False
) -> Pulled:
    """Return a daily table of the library, from `folder` if it was downloaded before.

    Parameters
    ----------
    folder : where downloads are kept.
    url : of a zipped daily file of the library.
    refresh : download again; the library revises its history, and what was kept before stays.

    Raises
    ------
    SourceError
        The library cannot be reached or sent something else than a daily file; nothing is kept.
    """
    path = fetched(url, Path(folder), read_french, refresh=refresh)
    return Pulled(read_french(path), path)
