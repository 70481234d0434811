"""Risk measures of a portfolio: stress correlation, leverage, concentration, factor exposure."""
