"""FRED-MD: the monthly macro database of the Federal Reserve Bank of St. Louis.

Two layouts are read. The file of one month, as it is downloaded: a line of names, a line
``Transform:`` with the codes, then months. And the table of all vintages: columns ``vintage`` and
``date``, then one per series, with the codes by vintage in a second table.

A vintage named 2020-04 ends with March 2020 and appears during April; it counts as known at the
end of April, the latest possible day.

Source: McCracken and Ng (2016), "FRED-MD: A Monthly Database for Macroeconomic Research", Journal
of Business and Economic Statistics 34(4); codes and names as in its appendix of changes.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.market.macro import vintage_rows
from tiltwise.market.macro.vintages import Integers, Note, Vintages

TRANSFORM = "Transform:"

#: Series by group and transformation code, under the names they have today.
SERIES: dict[str, dict[int, str]] = {
    "commodity": {6: "OILPRICEx, PPICMM"},
    "market": {
        1: "VIXCLSx",
        2: "S&P div yield",
        5: "S&P 500, S&P: indust, S&P PE ratio, TWEXAFEGSMTHx, EXSZUSx, EXJPUSx, EXUSUKx, EXCAUSx",
    },
    "monetary": {
        1: "COMPAPFFx, TB3SMFFM, TB6SMFFM, T1YFFM, T5YFFM, T10YFFM",
        2: "FEDFUNDS, CP3Mx, TB3MS, TB6MS, GS1, GS5, GS10",
        5: "M2REAL",
        6: "M1SL, M2SL, MZMSL, BOGMBASE, TOTRESNS",
        7: "NONBORRES",
    },
    "credit": {
        1: "AAAFFM, BAAFFM",
        2: "AAA, BAA, CONSPI",
        6: "BUSLOANS, REALLN, NONREVSL, DTCOLNVHFNM, DTCTHFNM, INVEST",
    },
    "activity": {
        1: "NAPM, NAPMPI, NAPMNOI, NAPMSDI, NAPMII, NAPMPRI",
        2: "CUMFNS, ISRATIOx, UMCSENTx",
        4: "HOUST, HOUSTNE, HOUSTMW, HOUSTS, HOUSTW, PERMIT, PERMITNE, PERMITMW, PERMITS, PERMITW",
        5: "RPI, W875RX1, DPCERA3M086SBEA, CMRMTSPLx, RETAILx, INDPRO, IPFPNSS, IPFINAL, IPCONGD, "
        "IPDCONGD, IPNCONGD, IPBUSEQ, IPMAT, IPDMAT, IPNMAT, IPMANSICS, IPB51222S, IPFUELS, "
        "ACOGNO, AMDMNOx, ANDENOx, AMDMUOx, BUSINVx",
        6: "WPSFD49207, WPSFD49502, WPSID61, WPSID62",
    },
    "employment and inflation": {
        1: "CES0600000007, AWHMAN, NAPMEI",
        2: "UNRATE, UEMPMEAN, AWOTMAN, HWI, HWIURATIO",
        5: "CLF16OV, CE16OV, UEMPLT5, UEMP5TO14, UEMP15OV, UEMP15T26, UEMP27OV, CLAIMSx, PAYEMS, "
        "USGOOD, CES1021000001, USCONS, MANEMP, DMANEMP, NDMANEMP, SRVPRD, USTPU, USWTRADE, "
        "USTRADE, USFIRE, USGOVT",
        6: "CES0600000008, CES2000000008, CES3000000008, CPIAUCSL, CPIAPPSL, CPITRNSL, CPIMEDSL, "
        "CUSR0000SAC, CUSR0000SAD, CUSR0000SAS, CPIULFSL, CUSR0000SA0L2, CUSR0000SA0L5, PCEPI, "
        "DDURRG3M086SBEA, DNDGRG3M086SBEA, DSERRG3M086SBEA",
    },
}
GROUPS = tuple(SERIES)
GROUP = {n: g for g, codes in SERIES.items() for ns in codes.values() for n in ns.split(", ")}
CODE = {n: c for codes in SERIES.values() for c, ns in codes.items() for n in ns.split(", ")}

#: Series that went on under another name, old to new: one column from first to last.
RENAMES = {
    "VXOCLSx": "VIXCLSx",
    "TWEXMMTH": "TWEXAFEGSMTHx",
    "AMBSL": "BOGMBASE",
    "PPIFGS": "WPSFD49207",
    "PPIFCG": "WPSFD49502",
    "PPIITM": "WPSID61",
    "PPICRM": "WPSID62",
    "CUUR0000SAD": "CUSR0000SAD",
    "CUUR0000SA0L2": "CUSR0000SA0L2",
}

#: Months until a value is public when it is more than one; measured on the recorded vintages.
LAGS = {
    **dict.fromkeys(
        ("ACOGNO", "BUSINVx", "CONSPI", "DTCOLNVHFNM", "DTCTHFNM", "ISRATIOx", "NONREVSL",
         "DPCERA3M086SBEA", "DDURRG3M086SBEA", "DNDGRG3M086SBEA", "DSERRG3M086SBEA", "PCEPI", "RPI",
         "W875RX1", "UMCSENTx"), 2,
    ),
    **dict.fromkeys(("CMRMTSPLx", "HWI", "HWIURATIO"), 3),
    "S&P div yield": 4,
    "S&P PE ratio": 6,
}  # fmt: skip


def group(name: str) -> str:
    """Return the group of a series, ``other`` if it is none of FRED-MD's."""
    return GROUP.get(name, "other")


def census(vintages: Vintages) -> dict[str, int]:
    """Return the number of series by group, and of all of them under ``all``."""
    counts = dict.fromkeys(GROUPS, 0)
    for name in vintages.names:
        counts[group(name)] = counts.get(group(name), 0) + 1
    return {**counts, "all": len(vintages.names)}


def every_vintage(
    table: pd.DataFrame,
    source: str,
    codes: pd.DataFrame | None = None,
    renames: Mapping[str, str] = RENAMES,
) -> Vintages:
    """Return the vintages of a table with the columns ``vintage``, ``date`` and one per series.

    Parameters
    ----------
    table : one row for each vintage (``YYYY-MM``) and month, sorted by either, then the other.
    codes : transformation codes (vintage x series) as `read_codes` returns them; what it leaves
        open, or all if it is None, comes from `SERIES`.
    renames : old names to new; the values of both share one column.

    Raises
    ------
    DataError
        The table is out of order, has gaps, or a cell is not a number.
    """
    numbers, uniques = pd.factorize(table["vintage"])
    labels = [str(label) for label in uniques]
    vintage_rows.check_order(labels, source)
    periods = _months(table["date"], source)
    by_date = np.argsort(periods, kind="stable")
    swapped = np.flatnonzero((np.diff(periods[by_date]) == 0) & (np.diff(numbers[by_date]) < 0))
    if swapped.size:
        low, high = (labels[numbers[by_date[swapped[0] + i]]] for i in (1, 0))
        raise DataError(f"{source}: vintage {low} stands below {high}; sort the table by vintage")
    rows = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[rows], np.arange(len(labels)))
    columns, remarks = _joined(table, rows, labels, starts, renames, source)
    book = _codes_on(columns.keys(), labels, codes, renames)
    return vintage_rows.stacked(labels, starts, periods[rows], columns, book, remarks, source)


def one_file(
    table: pd.DataFrame, source: str, lags: Mapping[str, int] | int | None = None
) -> Vintages:
    """Return the file of one month as values with a stated publication lag (``revised`` is True).

    Parameters
    ----------
    table : the download: first column dates, first row ``Transform:`` and the codes.
    lags : months from a month to the end of the month in which its value is public: for all
        series, or by name; by default one, and `LAGS` for the late ones.

    Raises
    ------
    DataError
        The line ``Transform:`` is missing, a code is none of 1 to 7, or a cell is not a number.
    """
    first = str(table.iloc[0, 0]).strip()
    if first.rstrip(":").lower() != TRANSFORM.rstrip(":").lower():
        raise DataError(
            f"{source}: the line below the names must be {TRANSFORM!r} with the code of each "
            f"series, found {first!r}; take the file as FRED-MD publishes it"
        )
    body = table.iloc[1:].dropna(how="all")
    months = pd.DatetimeIndex(_months(body.iloc[:, 0], source).view("datetime64[ns]"))
    names = [RENAMES.get(str(name), str(name)) for name in table.columns[1:]]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise DataError(f"{source}: two columns hold {twice}, under its old name and its new one")
    values = {n: _numbers(body.iloc[:, i + 1], n, source) for i, n in enumerate(names)}
    codes = {n: _code(table.iloc[0, i + 1], n, source) for i, n in enumerate(names)}
    if isinstance(lags, int):
        stated = dict.fromkeys(names, lags)
    else:
        stated = {n: {**LAGS, **(lags or {})}.get(n, 1) for n in names}
    if min(stated.values()) < 0:
        raise DataError(f"{source}: a publication lag is a number of months, zero or more")
    return vintage_rows.lagged(pd.DataFrame(values, index=months), stated, codes, source)


def read_codes(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return codes (vintage x series) from a table with a column ``vintage``.

    Raises
    ------
    DataError
        A code is none of 1 to 7.
    """
    names = [name for name in table.columns if name != "vintage"]
    numbers = {str(name): pd.to_numeric(table[name], errors="coerce").to_numpy() for name in names}
    book = pd.DataFrame(numbers, index=table["vintage"].astype(str))
    wrong = np.argwhere((book.notna() & ~book.isin(range(1, 8))).to_numpy())
    if wrong.size:
        row, column = wrong[0]
        raise DataError(
            f"{source}: code {book.iloc[row, column]:g} of {book.columns[column]} in vintage "
            f"{book.index[row]}; transformation codes are 1 to 7"
        )
    return book


def _joined(
    table: pd.DataFrame,
    rows: Integers,
    labels: list[str],
    starts: Integers,
    renames: Mapping[str, str],
    source: str,
) -> tuple[dict[str, Floats], tuple[Note, ...]]:
    """Return the columns under today's names; where a vintage has both, the new one is used."""
    columns: dict[str, Floats] = {}
    remarks: list[Note] = []
    names = [str(name) for name in table.columns if name not in ("vintage", "date")]
    raw = {name: _numbers(table[name], name, source)[rows] for name in names}
    stops = np.append(starts[1:], len(table))
    for name in names:
        new = renames.get(name, name)
        if new == name or new not in raw:
            columns.setdefault(new, raw[name])
            continue
        has_new = np.logical_or.reduceat(~np.isnan(raw[new]), starts)
        has_old = np.logical_or.reduceat(~np.isnan(raw[name]), starts)
        both = np.flatnonzero(has_new & has_old)
        column = columns[new] if new in columns else raw[new]
        columns[new] = np.where(np.repeat(has_new, stops - starts), column, raw[name])
        if both.size:
            known = vintage_rows.month_ends([labels[both[0]]], source)[0]
            text = f"{source}: {labels[both[0]]} has {name} and {new}; {new} is used"
            remarks.append((int(known), text))
    return columns, tuple(remarks)


def _codes_on(
    names: object, labels: list[str], codes: pd.DataFrame | None, renames: Mapping[str, str]
) -> pd.DataFrame:
    """Return codes (vintage x series) under today's names: those given, else the usual ones."""
    series = list(names)  # type: ignore[call-overload]
    usual = np.array([float(CODE.get(name, 0)) for name in series])
    book = pd.DataFrame(np.tile(usual, (len(labels), 1)), labels, series)
    if codes is None:
        return book
    given = codes.reindex(labels)
    for old in given.columns:
        new = renames.get(str(old), str(old))
        if new in book:
            merged = given[old] if new == old or new not in given else given[new].fillna(given[old])
            book[new] = merged.fillna(book[new])
    return book


def _months(labels: pd.Series, source: str) -> Integers:
    """Return the first day (ns) of the month of each label."""
    if pd.api.types.is_datetime64_any_dtype(labels):
        days = pd.DatetimeIndex(labels)
    else:
        text = labels.astype(str).str.strip()
        american = text.str.fullmatch(r"\d{1,2}/\d{1,2}/\d{4}").all()
        form = "%m/%d/%Y" if american else "ISO8601"
        days = pd.DatetimeIndex(pd.to_datetime(text, format=form, errors="coerce"))
    if days.hasnans:
        row = int(np.flatnonzero(days.isna())[0])
        raise DataError(
            f"{source}: {labels.iloc[row]!r} in data row {row + 1} is no month; months are "
            "written 1/1/1959 or 1959-01-01"
        )
    starts = days.to_numpy().astype("datetime64[M]").astype("datetime64[ns]")
    return np.asarray(starts.astype(np.int64))


def _numbers(column: pd.Series, name: str, source: str) -> Floats:
    if column.dtype == np.float64:
        return np.asarray(column.to_numpy())
    numbers = pd.to_numeric(column, errors="coerce")
    bad = column.notna() & numbers.isna() & (column.astype(str).str.strip() != "")
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise DataError(
            f"{source}: {column.iloc[row]!r} in column {name} (data row {row + 1}) is not a number"
        )
    return np.asarray(numbers.to_numpy(np.float64, na_value=np.nan))


def _code(cell: object, name: str, source: str) -> int:
    try:
        code = float(str(cell))
    except ValueError:
        code = np.nan
    if code not in range(1, 8):
        raise DataError(f"{source}: code {cell} of {name}; transformation codes are 1 to 7")
    return int(code)
