"""Named sets of funds, with the sector or factor of each."""

import dataclasses
from collections.abc import Mapping

SELECT_SECTOR_NAMES: Mapping[str, str] = {
    "XLB": "Materials",
    "XLE": "Energy",
    "XLF": "Financials",
    "XLI": "Industrials",
    "XLK": "Technology",
    "XLP": "Consumer Staples",
    "XLU": "Utilities",
    "XLV": "Health Care",
    "XLY": "Consumer Discretionary",
}
SELECT_SECTORS: tuple[str, ...] = tuple(SELECT_SECTOR_NAMES)
"""The nine original Select Sector funds."""

SELECT_SECTORS_AND_MARKET: Mapping[str, str] = {**SELECT_SECTOR_NAMES, "SPY": "Market"}
"""The ten funds of the residual-momentum source: nine sectors and the market."""

VANGUARD_SECTOR_NAMES: Mapping[str, str] = {
    "VCR": "Consumer Discretionary",
    "VDC": "Consumer Staples",
    "VDE": "Energy",
    "VFH": "Financials",
    "VNQ": "Real Estate",
    "VHT": "Health Care",
    "VIS": "Industrials",
    "VGT": "Information Technology",
    "VAW": "Materials",
    "VOX": "Communication Services",
    "VPU": "Utilities",
}
VANGUARD_SECTORS: tuple[str, ...] = tuple(VANGUARD_SECTOR_NAMES)
"""The eleven Vanguard sector funds of the sector-rotation source; they are compared with SPY.

For eight of them the source names Admiral shares of the same fund, priced once a day (VCSAX VFAIX
VGSLX VHCIX VINAX VITAX VMIAX VUIAX for VDC VFH VNQ VHT VIS VGT VAW VPU); these trade.
"""

VANGUARD_SECTORS_AND_MARKET: Mapping[str, str] = {"SPY": "Market", **VANGUARD_SECTOR_NAMES}
"""The twelve series of that source as written: it holds SPY, and compares itself with SPY."""

FACTOR_FUND_NAMES: Mapping[str, str] = {
    "SPY": "Market",
    "QUAL": "Quality",
    "MTUM": "Momentum",
    "USMV": "Low volatility",
    "VLUE": "Value",
    "SIZE": "Size",
    "IWF": "Growth",
}
"""The market and the six factor funds of the regime-allocation source.

Its text calls IWF a benchmark only; its code models it like the others, and so does the recipe.
"""

FACTOR_FUNDS: tuple[str, ...] = tuple(FACTOR_FUND_NAMES)


@dataclasses.dataclass(frozen=True)
class Fund:
    """Static data of a fund.

    Attributes
    ----------
    name : in full.
    expense : share of assets charged a year.
    inception : ISO date of its first day; prices before it are of a predecessor.
    """

    name: str
    expense: float
    inception: str


def _sector(name: str) -> Fund:
    return Fund(f"{name} Select Sector SPDR Fund", 0.0013, "1998-12-16")


REPLICATION_FUNDS: Mapping[str, Fund] = {
    "XLE": _sector("Energy"),
    "XLF": _sector("Financial"),
    "XLU": _sector("Utilities"),
    "XLI": _sector("Industrial"),
    "XLK": _sector("Technology"),
    "XLV": _sector("Health Care"),
    "XLY": _sector("Consumer Discretionary"),
    "XLP": _sector("Consumer Staples"),
    "XLB": _sector("Materials"),
    "SMH": Fund("VanEck Semiconductor ETF", 0.0035, "2011-12-20"),
    "AIQ": Fund("Global X Artificial Intelligence & Technology ETF", 0.0068, "2018-05-11"),
}
"""The eleven funds of the replication source; it chose SMH and AIQ after their rise."""

REPLICATED: Mapping[str, Fund] = {
    "MTUM": Fund("iShares MSCI USA Momentum Factor ETF", 0.0015, "2013-04-16"),
}
"""The fund that they are to track."""

FACTOR_FUND_EXPENSES: Mapping[str, float] = {
    "SPY": 0.0003,
    "QUAL": 0.0015,
    "MTUM": 0.0015,
    "USMV": 0.0015,
    "VLUE": 0.0015,
    "SIZE": 0.0015,
    "IWF": 0.0019,
}
"""Share of assets a year, as the regime-allocation source states them; their mean is 13.9 bps.

For SPY it takes 3 bps, the fee of younger funds on the same index; SPY itself charges 9.45.
"""

BLENDED_FEES: Mapping[str, float] = {"code": 0.0016, "comment": 0.0013}
"""Mean fee by that source: its code divides eight terms by seven, a comment gives 13 bps."""

EXPENSES: Mapping[str, float] = {
    **{name: fund.expense for name, fund in REPLICATION_FUNDS.items()},
    **{name: fund.expense for name, fund in REPLICATED.items()},
    **FACTOR_FUND_EXPENSES,
}
"""Share of assets a year of every fund whose fee is known here."""
