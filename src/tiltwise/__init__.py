"""An honest laboratory and trading desk for sector and factor ETF strategies."""
