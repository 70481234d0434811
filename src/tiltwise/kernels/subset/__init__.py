"""Portfolios of at most k assets: quadratic programme, heuristic search, exact branch and bound."""
