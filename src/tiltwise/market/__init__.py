"""Prices, macro and factors that can be cut at a date."""
