"""Named universes."""

from tiltwise.market.universes import SELECT_SECTORS, SELECT_SECTORS_AND_MARKET


def test_the_sources_ten_funds_with_their_sectors() -> None:
    """0.01: nine sectors and the market, each with its sector's name."""
    tickers = "XLB XLE XLF XLI XLK XLP XLU XLV XLY SPY"
    assert list(SELECT_SECTORS_AND_MARKET) == tickers.split()
    assert tuple(tickers.split()[:9]) == SELECT_SECTORS
    assert SELECT_SECTORS_AND_MARKET["XLK"] == "Technology"
    assert len(set(SELECT_SECTORS_AND_MARKET.values())) == 10
