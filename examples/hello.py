"""Backtest, metrics with intervals and today's orders of residual momentum on sample data."""

from tiltwise import Market, Simulator, propose, summary, walk_forward
from tiltwise.recipes.residual_momentum import ResidualMomentum

market = Market.sample("stocks")
strategy = ResidualMomentum(universe=market.assets, factors=3)
result = walk_forward(strategy, market, "2000-01-01", simulator=Simulator())
print(summary(result).loc[["cagr", "sharpe", "gross_sharpe", "max_drawdown", "cost_drag"]])
print(propose(strategy, market, market.now, held=result.held.iloc[-1]))
