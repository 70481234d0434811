"""Market data as known at a date: prices, macro series, rates, factors."""
