"""Real prices and macro data that install with the ``research`` extra.

The prices are those of skfolio, the macro series those of arch and statsmodels. The files are read
where they lie; the packages are not imported, because that takes seconds.
"""

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.market.readers import files

INDEX = "SP500"

#: Macro series inside arch (file, column, name, what one row is, days from its end to its release).
#: Yields and the volatility index are not revised; core prices are seasonally adjusted afterwards.
ARCH = (
    ("vix/vix.csv.gz", "vix", "VIXCLS", "D", 0),
    ("wti/wti.csv.gz", "DCOILWTICO", "DCOILWTICO", "D", 7),
    ("default/default.csv.gz", "AAA", "AAA", "M", 3),
    ("default/default.csv.gz", "BAA", "BAA", "M", 3),
    ("core_cpi/core-cpi.csv.gz", "CPILFESL", "CPILFESL", "M", 31),
)
#: Quarterly series inside statsmodels, as revised by 2009; used three months after the quarter.
QUARTERLY = ("realgdp", "realcons", "realinv", "m1", "unemp", "infl")
REVISED = (
    "the macro sample is real data with stated lags; CPILFESL and the quarterly series "
    f"({', '.join(QUARTERLY)}) are revised, lag only"
)


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


def macro() -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """Return macro records that install with the ``research`` extra, and remarks on them.

    Daily VIX 2014-2019 and oil 1986-2019, monthly corporate yields 1919-2018 and core prices
    1957-2018 (in arch), six quarterly series 1959-2009 (in statsmodels). The records are None,
    and a remark names the reason, where neither package is installed.
    """
    parts: list[pd.DataFrame] = []
    notes: list[str] = []
    for package, read in (("arch", _from_arch), ("statsmodels", _from_statsmodels)):
        folder = _installed(package)
        if folder is None:
            notes.append(
                f"{package} is not installed, so the macro series inside it are left out; "
                "run: pip install 'tiltwise[research]'"
            )
        else:
            parts += read(folder)
    if not parts:
        return None, tuple(notes)
    return pd.concat(parts, ignore_index=True), (REVISED, *notes)


def _from_arch(folder: Path) -> list[pd.DataFrame]:
    parts = []
    for file, column, name, frequency, wait in ARCH:
        table = files.table(folder / "data" / file)
        days = pd.to_datetime(table["Date"], format="%m/%d/%Y")
        parts.append(_released(name, days, table[column], frequency, wait))
    return parts


def _from_statsmodels(folder: Path) -> list[pd.DataFrame]:
    table = files.table(folder / "datasets" / "macrodata" / "macrodata.csv")
    first = table["year"].astype(int).astype(str) + "-" + (table["quarter"] * 3 - 2).astype(str)
    days = pd.to_datetime(first + "-1", format="%Y-%m-%d")
    return [_released(name, days, table[name], "Q", 92) for name in QUARTERLY]


def _released(
    name: str, days: pd.Series, values: pd.Series, frequency: str, wait: int
) -> pd.DataFrame:
    """Return records of one series: known `wait` days after the end of each period."""
    ends = days.dt.to_period(frequency).dt.end_time.dt.normalize()
    known = ends + pd.Timedelta(days=wait)
    numbers = pd.to_numeric(values, errors="coerce")  # a day without a value is a dot
    records = pd.DataFrame({"series": name, "period": days, "known": known, "value": numbers})
    return records[numbers.notna()]


def _installed(package: str) -> Path | None:
    """Folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None


def _against_index(file: str) -> dict[str, Any]:
    """Join a data set with the index, on the rows of the data set."""
    folder = _folder()
    prices = files.read(folder / file)["prices"]
    index = files.read(folder / "sp500_index.csv.gz")["prices"]
    joined = pd.concat([prices, index.reindex(prices.index)], axis=1)
    return {"prices": joined.rename_axis(columns="asset"), "benchmark": INDEX}


def _folder() -> Path:
    """Folder of the data sets inside the installed skfolio."""
    place = _installed("skfolio")
    if place is None:
        raise MissingData(
            "the samples are the data sets of skfolio, which is not installed; "
            "run: pip install 'tiltwise[research]'"
        )
    return place / "datasets" / "data"
