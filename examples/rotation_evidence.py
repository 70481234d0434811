# %% [markdown]
# # Sector rotation: do the forecasts know anything?
#
# Ridge regression, a tree and a small network forecast next month's return of every asset, each
# month from the months before it. They are held against the mean of the past and against no
# forecast, against the choice that could have been made between them, and against the choice that
# only hindsight makes. Then two families of price columns, momentum and reversal, and macro series
# where there are any, are taken away in turn, out of sample.
#
#     python examples/rotation_evidence.py FOLDER
#     python examples/rotation_evidence.py FOLDER --data FILE --macro FILE --rates FILE:COLUMN%
#
# Without data, twenty large companies of a sample, from 2010 on: the script runs without a screen.
"""Write the evidence on the forecasts of a sector rotation into a folder."""

# %%
import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tiltwise import Costs, Market, Simulator, walk_forward
from tiltwise.claims.engine import artefacts
from tiltwise.evaluate import metrics
from tiltwise.evaluate.significance.paired import compare
from tiltwise.market.readers import companions
from tiltwise.recipes.benchmarks import EqualWeight
from tiltwise.report.components import tables
from tiltwise.report.components.document import document
from tiltwise.report.components.section import Figure, Section
from tiltwise.report.components.text import escape, number, percent
from tiltwise.report.run import figures
from tiltwise.report.run import holdings_figures as books_page
from tiltwise.research.studies import rotation

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--data", help="prices; without it, a sample")
parser.add_argument("--benchmark", default="SPY", help="the market among the prices")
parser.add_argument("--macro", help="FRED-MD tables of all vintages")
parser.add_argument("--rates", help="cash rate, FILE:COLUMN or FILE:COLUMN%%")
parser.add_argument("--assets", help="A,B,C; by default all")
parser.add_argument("--since", help="first session of data")
parser.add_argument("--first", type=int, default=120, help="months before the first forecast")
parser.add_argument("--jobs", type=int, default=2, help="threads")
words = parser.parse_args()

# %% [markdown]
# ## The market
# A macro table counts as known from the last day of its month; costs are 5 basis points a side.

# %%
given: dict[str, object] = {}
if words.macro:
    given |= companions.read_macros(words.macro).given()
if words.rates:
    given["rates"] = companions.read_rates(words.rates)
if words.data:
    market = Market.open(words.data, benchmark=words.benchmark, **given)
    name = Path(words.data).name
else:
    market = Market.sample("stocks")
    name, words.since, words.first = "sample:stocks", words.since or "2010-01-04", 60
if words.assets:
    market = market.select(tuple(words.assets.split(",")))
if words.since:
    market = market.asof(market.now, since=pd.Timestamp(words.since))
simulator = Simulator(costs=Costs(half_spread_bps=5.0))
print(f"{name}: {len(market.assets)} assets, {market.dates[0].date()} to {market.now.date()}")

# %% [markdown]
# ## Skill
# Every number is of the same months and assets. R2_OOS is one less the squared error over that of
# the expanding mean: below zero a model is worse than the mean. `dm_p` and `cw_p` are the p-values
# of Diebold-Mariano and Clark-West against the mean; `in_mcs` says whether a model is among those
# that cannot be told from the best.

# %%
protocol = rotation.Protocol(first=words.first, jobs=words.jobs)
found = rotation.evidence(market, protocol)
months = found.months
period = f"{len(months)} months, forecast from {months[0]:%Y-%m-%d} to {months[-1]:%Y-%m-%d}"
print(f"{period}; {sum(found.columns.values())} features")
print(found.skill.round(4).to_string())

# %% [markdown]
# ## Selection
# The model of each month is the one with the least squared error so far. The best in hindsight is
# the one that nobody could have taken; the gap is what not knowing it costs.

# %%
MEMBERS = list(rotation.MODELS)
taken = found.chosen.value_counts()
r2 = found.skill["r2_oos"]
print(f"taken: {', '.join(f'{model} {count} times' for model, count in taken.items())}")
print(f"R2_OOS of nested selection {r2[rotation.NESTED]:.4f}; of its members ", end="")
print(", ".join(f"{model} {r2[model]:.4f}" for model in MEMBERS))
print(f"best in hindsight: {found.hindsight}, {found.gap:.4f} above nested selection")

# %% [markdown]
# ## Families of features
# The share by which the squared error grows when a family is drawn from another month, with its
# 90 % interval. Below zero a family did harm.

# %%
families = found.importance
print(", ".join(f"{family}: {count} columns" for family, count in found.columns.items()))
print(families.round(4).to_string())

# %% [markdown]
# ## The books
# The recipe's rule on each table of forecasts: tilted to what is forecast to rise, levered where
# that is much. All on the same sessions, from the first month that nested selection could choose.

# %%
SHOWN = ("cagr", "ann_volatility", "sharpe", "sortino", "max_drawdown")
results = {
    model: rotation.book(found.forecasts[model].loc[months[0] :], market, simulator)
    for model in (*MEMBERS, rotation.AVERAGE, rotation.NESTED)
}
begin = results[rotation.NESTED].nav.index[0]
equal = walk_forward(EqualWeight(universe=market.assets), market, begin, simulator=simulator)
results["equal weight"] = equal
index = equal.returns.index
if not all(result.returns.index.equals(index) for result in results.values()):
    raise SystemExit("the books have different sessions: they cannot be compared")
rows = {}
for model, result in results.items():
    table = metrics.summary(result.returns)
    rows[model] = {key: table.loc[key, "value"] for key in SHOWN}
    rows[model] |= {side: table.loc["sharpe", side] for side in ("low", "high")}
    rows[model]["gross"] = result.held.sum(axis=1).mean()
books = pd.DataFrame.from_dict(rows, orient="index")
against = compare({k: v for k, v in results.items() if v is not equal}, {"equal": equal})
books["sharpe_less_equal_p"] = against["sharpe_p"].droplevel("against").reindex(books.index)
print(f"{len(index)} sessions, {index[0].date()} to {index[-1].date()}, 5 basis points a side")
print(books.round(3).to_string())

# %% [markdown]
# ## The page
# What each model held, and the tables above.

# %%
DRAWN = (*MEMBERS, rotation.NESTED)


def weights_of(model: str) -> Figure:
    """Return the figure of what a model's book held."""
    drawn = books_page.weights(results[model].held)
    key = f"weights-{model.replace(' ', '-')}"
    return dataclasses.replace(drawn, key=key, title=f"Weights, {model}", wide=False)


def table_of(frame: pd.DataFrame, caption: str) -> str:
    """Return a frame as a table of the page."""
    head = ("", *(str(column).replace("_", " ") for column in frame.columns))
    cells = [
        [escape(row if isinstance(row, str) else ", ".join(row)), *(cell(v) for v in values)]
        for row, values in zip(frame.index, frame.astype(object).to_numpy(), strict=True)
    ]
    return tables.table(head, cells, caption, "plain")


def cell(value: Any) -> str:
    """Return a number or a word as the page shows it."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return number(float(value), 0 if isinstance(value, int | np.integer) else 3)


lines = dict.fromkeys(("Months", "Data", "Taken"), "")
lines |= {"Months": period, "Data": f"{name} (id {market.id[:12]})"}
lines["Taken"] = ", ".join(
    f"{model} in {percent(n / len(months), 0)}" for model, n in taken.items()
)
facts = tables.facts(lines)
header = (
    '<header><p class="recipe">Evidence</p><h1>Sector rotation: the forecasts</h1>'
    '<p class="subtitle">What models knew of the month to come, out of sample.</p>'
    f"{facts}</header>"
)
nested = results[rotation.NESTED]
sections = [
    Section("Skill", html=table_of(found.skill, "Forecasts, out of sample")),
    Section("Families", html=table_of(families, "Error added without a family, share")),
    Section(
        "Nested selection",
        figures=(
            figures.growth(nested.returns, nested.gross_returns, equal.returns, "equal weight"),
        ),
        after=table_of(books, "Books on the same sessions, net of costs"),
    ),
    Section("Weights", figures=tuple(weights_of(model) for model in DRAWN)),
]
footer = "<p>This page is one file and fetches nothing. Plots: plotly.js, MIT licence.</p>"
left = {
    "skill": found.skill,
    "importance": families,
    "chosen": found.chosen.rename_axis("date").to_frame(),
    "weights": found.weights.rename_axis("date"),
    "books": books.rename_axis("model"),
}
for stem, table in left.items():
    artefacts.write(words.folder / f"{stem}.csv", table.to_csv(lineterminator="\n"))
page = document("Sector rotation: the forecasts", header, sections, footer)
print(f"page {artefacts.write(words.folder / 'rotation.html', page)}")
