"""Claims of "Dynamic Factor Arbitrage" (source 0)."""
