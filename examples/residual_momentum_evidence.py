# %% [markdown]
# # Residual momentum: from prices to three answers
#
# Everything that "Dynamic Factor Arbitrage" shows of its strategies, computed anew on the prices at
# hand: log returns, factor residuals, the walk-forward of every strategy and variant, and a page
# with the plots. Run it cell by cell, or whole:
#
#     python examples/residual_momentum_evidence.py FOLDER [DATA] [LAST-DAY]
"""Write the evidence behind residual momentum into a folder."""

# %%
import sys
from pathlib import Path

from tiltwise import Market
from tiltwise.claims.engine import artefacts
from tiltwise.claims.systems.residual_momentum import export
from tiltwise.ledger import Ledger
from tiltwise.report.claims import evidence_page

words = dict(enumerate(sys.argv[1:]))
folder = Path(words.get(0, "evidence"))
data, last = words.get(1, "sample:stocks"), words.get(2)
market = Market.sample("stocks") if data == "sample:stocks" else Market.open(data, benchmark="SPY")

# %% [markdown]
# ## Returns
# Rows on which an asset has no close are dropped, and counted.

# %%
about = export.export_returns(market, folder, data=Path(data).name, end=last)
print(f"{about['rows']} returns, {about['first']} to {about['last']}")
print(f"{about['dropped_rows']} rows dropped")

# %% [markdown]
# ## Factors and residuals
# Fixed components are those of the training years of a fold, rolling ones those of the 60 sessions
# before each session: nothing is explained by components that saw it.

# %%
found = export.export_residuals(folder)
scree = found["scree"]
print(f"{scree['factors']} components explain at least {scree['smallest']:.1%} of variance")
for name in ("fixed", "rolling"):
    shape = found["shapes"][name]["pooled"]
    print(f"excess kurtosis of {name} residuals: {shape['excess_kurtosis']:.2f}")

# %% [markdown]
# ## Walk-forward
# Every strategy in every variant, each a trial in the ledger; then the answers. The first number of
# an answer decides, by its 90 % interval.

# %%
record = export.export_experiments(folder, Ledger(folder / "ledger"))
for answer in record["answers"]:
    number = answer["numbers"][0]
    print(f"{answer['question']} {answer['answer']}")
    print(f"    {number['label']}: {number['value']:.3f}", end=" ")
    print(f"[{number['low']:.3f}, {number['high']:.3f}]")

# %% [markdown]
# ## The best of many
# The best Sharpe ratio of a grid is compared with the expected best of as many without skill.

# %%
for best in record["best"]:
    print(
        f"best of {best['cells']} ({best['variant']}): {best['sharpe']:.2f}; "
        f"luck alone: {best['ceiling']:.2f}"
    )

# %% [markdown]
# ## The page
# Scree plot, Q-Q plot, heat maps on the ratio of noises, wealth curves, tables by fold.

# %%
page = artefacts.write(folder / "evidence.html", evidence_page.render(record))
print(f"page {page}")
