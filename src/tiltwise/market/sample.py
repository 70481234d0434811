"""Real prices that install with the ``research`` extra: the data sets bundled with skfolio.

The files are read where they lie; skfolio itself is not imported, because that takes seconds.
"""

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.market import files

INDEX = "SP500"


def frames(name: str) -> dict[str, Any]:
    """Return the sample called ``stocks`` or ``factors``.

    Raises
    ------
    DataError
        There is no such sample.
    """
    known = {"stocks": stocks, "factors": factors}
    if name not in known:
        raise DataError(f"no sample {name!r}; there are {' and '.join(known)}")
    return known[name]()


def stocks() -> dict[str, Any]:
    """Twenty large US stocks against the S&P 500 price index, 1990-01-02 to 2022-12-28.

    Adjusted closes of companies that were large at the end: survivors, so unfit for claims about
    performance. The index bears no dividends while the stocks do.

    Returns
    -------
    dict
        Keyword arguments of `Market.from_frames`: ``prices`` (8313 sessions x 21) and
        ``benchmark``.

    Raises
    ------
    MissingData
        skfolio is not installed.
    """
    return _against_index("sp500_dataset.csv.gz")


def factors() -> dict[str, Any]:
    """Five factor ETFs (MTUM QUAL SIZE USMV VLUE) against the S&P 500, 2014-01-02 to 2022-12-28.

    Adjusted closes, net of the funds' fees; the index bears no dividends.

    Returns
    -------
    dict
        Keyword arguments of `Market.from_frames`: ``prices`` (2264 sessions x 6) and
        ``benchmark``.

    Raises
    ------
    MissingData
        skfolio is not installed.
    """
    return _against_index("factors_dataset.csv.gz")


def _against_index(file: str) -> dict[str, Any]:
    """Join a data set with the index, on the rows of the data set."""
    folder = _folder()
    prices = files.read(folder / file)["prices"]
    index = files.read(folder / "sp500_index.csv.gz")["prices"]
    joined = pd.concat([prices, index.reindex(prices.index)], axis=1)
    return {"prices": joined.rename_axis(columns="asset"), "benchmark": INDEX}


def _folder() -> Path:
    """Folder of the data sets inside the installed skfolio."""
    found = importlib.util.find_spec("skfolio")
    places = found.submodule_search_locations if found else None
    if not places:
        raise MissingData(
            "the samples are the data sets of skfolio, which is not installed; "
            "run: pip install 'tiltwise[research]'"
        )
    return Path(places[0]) / "datasets" / "data"
