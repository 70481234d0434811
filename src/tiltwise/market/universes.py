"""Named sets of funds, with the sector or factor each one stands for."""

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
