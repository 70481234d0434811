"""Pages of the published claims and of the evidence behind them."""
