"""Performance, risk and statistical inference for paths of returns."""
