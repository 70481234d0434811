# %% [markdown]
# # Factor regimes: when, why, and what they were worth
#
# Sparse jump models of each factor's active return, refitted through time: the states known after
# each close, how they went through three crises, what long-short strategies earned by them, and how
# much of that a cost of jumping, a trend rule or chance explains. Run it cell by cell, or whole:
#
#     python examples/regime_evidence.py FOLDER
#     python examples/regime_evidence.py FOLDER --data FILE --macro FILE --benchmark SPY
#     python examples/regime_evidence.py FOLDER --french FILE --macro FILE
#
# Factor funds are too young for 2008. With `--french` the market is built from a table of the
# Kenneth French data library (daily returns, columns such as ff5.HML): market plus factor, which
# are proxies and no funds.
"""Write the evidence on factor regimes into a folder."""

# %%
import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from tiltwise import Costs, Market, Simulator
from tiltwise.calendar import QUARTERLY
from tiltwise.claims.engine import artefacts
from tiltwise.evaluate.detection import event_study, false_alarms, switching
from tiltwise.market.readers import companions
from tiltwise.models.moments import ewma_path
from tiltwise.models.regimes.factor_regimes import CAP, FactorRegimes, Setting, active_returns
from tiltwise.models.regimes.jump_model import JumpModel
from tiltwise.models.regimes.paths import (
    COST_BPS,
    DELAY,
    Rhythm,
    ViewPaths,
    refit_rows,
    tilt_returns,
    view_paths,
)
from tiltwise.report.regimes import page as regime_page
from tiltwise.research.robustness.placebo import rotation_placebo
from tiltwise.research.robustness.replay import Replay, sharpe_interval
from tiltwise.strategy import from_weights

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path)
parser.add_argument("--data", help="prices; without it, five funds of a sample")
parser.add_argument("--benchmark", default="SPY", help="the market among the prices")
parser.add_argument("--macro", help="daily table with VIXCLS, DGS2 and DGS10")
parser.add_argument("--french", help="daily returns of the French library, for proxies")
parser.add_argument("--first", default="1993-01-01", help="first session of data")
parser.add_argument("--lookback", type=int, default=3024, help="most sessions of a fit")
parser.add_argument("--least", type=int, default=1008, help="fewest sessions of a fit")
words = parser.parse_args()

# %% [markdown]
# ## The market
# Funds against an index, or proxies. A macro value is known on the weekday after its own.

# %%
PROXIES = {
    "Size": "ff5.SMB",
    "Value": "ff5.HML",
    "Profit": "ff5.RMW",
    "Invest": "ff5.CMA",
    "Momentum": "mom.Mom",
}


def proxies(path: str) -> pd.DataFrame:
    """Return closes of the market and of market plus factor, from daily returns."""
    table = companions.read_factors(path).loc[words.first :]
    market = table["ff5.Mkt-RF"] + table["ff5.RF"]
    returns = pd.DataFrame({"Market": market} | {n: market + table[c] for n, c in PROXIES.items()})
    return 100.0 * (1.0 + returns.dropna()).cumprod()


known = companions.read_macros(words.macro).given() if words.macro else {}
notes: tuple[str, ...] = ()
if words.french:
    market = Market.from_frames(proxies(words.french), benchmark="Market", **known, calendar="rows")
    name, data = "Factor regimes, proxies", Path(words.french).name
    notes = (
        "proxies: each factor is the market plus a long-short portfolio of the library; "
        "nobody could hold them at these costs",
    )
elif words.data:
    # Before the second fund there is nothing to compare.
    market = Market.open(words.data, benchmark=words.benchmark, **known)
    name, data = "Factor regimes", Path(words.data).name
else:
    market = Market.sample("factors")
    name, data = "Factor regimes", "sample:factors"
    words.lookback, words.least = 1008, 504
against = market.benchmark
factors = [asset for asset in market.assets if asset != against]
rhythm = Rhythm(QUARTERLY, words.lookback, words.least)
print(f"{len(factors)} factors against {against}, {market.dates[0].date()} to {market.now.date()}")

# %% [markdown]
# ## States and views, out of sample
# Three cases of the costs of entering and leaving stress, named before anything was looked at, and
# a grid of equal costs. The first case is the central one.

# %%
CASES = {
    "equal": Setting(50.0),
    "enter cheap": Setting(25.0, 100.0),
    "enter dear": Setting(100.0, 25.0),
}
COSTS = (5.0, 15.0, 50.0, 150.0, 500.0)
settings = [*CASES.values(), *(Setting(cost) for cost in COSTS if cost != CASES["equal"].enter)]
paths = {f: view_paths(market, f, against, settings, rhythm) for f in factors}
earned = {f: tilt_returns(market, paths[f], DELAY, COST_BPS) for f in factors}
states = {
    f: p.states.iloc[:, : len(CASES)].set_axis(list(CASES), axis=1).astype(int)
    for f, p in paths.items()
}
place = {cost: settings.index(Setting(cost)) for cost in COSTS}
returns = pd.DataFrame({f: table[0] for f, table in earned.items()})
for f in factors:
    print(f"{f}: states from {states[f].index[0].date()}, {paths[f].shifts[0]:.1f} shifts a year")

# %% [markdown]
# ## Crises
# Delay and time in stress by event; stress outside all of them.

# %%
events = pd.concat(
    {(case, f): event_study(states[f][case]) for case in CASES for f in factors},
    names=["case", "factor"],
)
told = {}
for case in CASES:
    cases = pd.DataFrame({f: table[case] for f, table in states.items()})
    told[case] = false_alarms(cases).join(switching(cases)["shifts_a_year"])
alarms = pd.concat(told, names=["case", "factor"])
print(events.groupby(level=["case", "event"], sort=False)[["delay", "share"]].mean().round(2))
print(alarms.groupby(level="case", sort=False)[["share", "spells_a_year"]].mean().round(2))

# %% [markdown]
# ## The hurdle
# A rule in one line: long a factor that beat the market over 252 sessions, else short; same delay
# and costs.


# %%
def trend_rule(factor: str) -> pd.Series:
    """Return the net returns of the rule over the same sessions."""
    growth = active_returns(market, factor, against).rolling(252).sum()
    dates = paths[factor].views.index
    views = growth.reindex(dates).map(lambda past: CAP if past > 0.0 else -CAP)
    rule = ViewPaths(factor, against, (Setting(),), views.to_frame(0), paths[factor].states[[0]])
    return tilt_returns(market, rule, DELAY, COST_BPS)[0]


# %% [markdown]
# ## Placebo
# The same positions at other times. The positions go through the simulator, which must agree with
# the returns above.


# %%
def placebo(factor: str) -> tuple[float, int]:
    """Return the p-value of the central case among its rotations, and how many there are."""
    position = (paths[factor].views[0] / CAP).clip(-1.0, 1.0)
    weights = pd.DataFrame({factor: position, against: -position})

    def held(prices: pd.DataFrame) -> pd.DataFrame:
        return weights.reindex(prices.index)

    pair = market.select([factor, against])
    costs = Costs(half_spread_bps=COST_BPS, borrow_bps_year=0.0, financing_spread_bps_year=0.0)
    simulator = Simulator(fill="close", delay=DELAY, costs=costs)
    replay = Replay.of(from_weights(held), pair, weights.index[0], simulator=simulator)
    gap = (replay.result.returns - earned[factor][0]).abs().max()
    if gap > 1e-12:
        raise SystemExit(f"{factor}: the simulator differs by {gap:.1e} in a session")
    found = rotation_placebo(replay)
    return found.p_value, len(found.rotated)


rows = {}
for f in factors:
    sharpe, low, high = sharpe_interval(earned[f][0].to_numpy())
    trend = sharpe_interval(trend_rule(f).to_numpy())[0]
    p_value, rotations = placebo(f)
    counted = switching(states[f]["equal"]).iloc[0]
    rows[f] = {
        "sharpe": sharpe,
        "low": low,
        "high": high,
        "trend": trend,
        "p_value": p_value,
        "rotations": rotations,
        "share": counted["share"],
        "shifts_a_year": counted["shifts_a_year"],
    }
singles = pd.DataFrame.from_dict(rows, orient="index")
print(singles.round(2).to_string())

# %% [markdown]
# ## Cost of a jump
# Shifts a year and Sharpe ratios over the grid, and every setting of one factor.

# %%
sharpes = pd.DataFrame(
    {f: [sharpe_interval(earned[f][place[c]].to_numpy())[0] for c in COSTS] for f in factors},
    COSTS,
)
shifts = pd.DataFrame(
    {
        f: switching(paths[f].states)["shifts_a_year"].loc[list(place.values())].to_numpy()
        for f in factors
    },
    COSTS,
)
print(shifts.mean(axis=1).round(2).to_string())

focus = next((f for f in ("MTUM", "Momentum") if f in factors), factors[0])
KEPT = (2.0, 5.0, 9.5)
grid = [Setting(cost, None, kept) for kept in KEPT for cost in COSTS]
tried = tilt_returns(market, view_paths(market, focus, against, grid, rhythm), DELAY, COST_BPS)
measured = pd.DataFrame(
    [sharpe_interval(tried[g].to_numpy()) for g in range(len(grid))],
    pd.MultiIndex.from_tuples([(s.enter, s.max_features) for s in grid], names=["cost", "kept"]),
    ["sharpe", "low", "high"],
)
print(f"{focus}: Sharpe {measured['sharpe'].min():.2f} to {measured['sharpe'].max():.2f}")

# %% [markdown]
# ## What the models rest on
# Centres and weights of the last fit, the descent of its objective from one start, and the
# condition of the covariances that an allocation would use.

# %%
window = market.asof(market.now, words.lookback)
learned = {f: FactorRegimes.learn(window, f, against, least=words.least) for f in factors}


def descent(factor: str, steps: int = 10) -> list[float]:
    """Return the objective after each number of iterations, features weighted as in the fit."""
    fit = learned[factor]
    scaled = fit.features(window).dropna() * np.sqrt(fit.weights[0])
    cost = float(fit.penalties[0, 0, 1])
    models = (JumpModel(jump_penalty=cost, n_init=1, max_iter=n, tol=0.0) for n in range(steps))
    return [model.fit(scaled).objective_ for model in models]


centers = {f: pd.DataFrame(r.centers[0].T, r.columns) for f, r in learned.items()}
weights = pd.DataFrame({f: pd.Series(r.weights[0], r.columns) for f, r in learned.items()})
losses = pd.DataFrame({f: descent(f) for f in factors})
begin = states[max(factors, key=lambda f: states[f].index[0])].index[0]
whole = market.select([*factors, against]).returns()
dates = pd.DatetimeIndex(whole.loc[begin:].index).to_series().resample("ME").last()
moments = ewma_path(whole, dates=pd.DatetimeIndex(dates.dropna()))
sizes = np.linalg.eigvalsh(252.0 * moments.covariances)
conditions = pd.DataFrame(
    {"condition": sizes[:, -1] / sizes[:, 0], "smallest": sizes[:, 0]}, moments.dates
)
print(f"condition number at most {conditions['condition'].max():.0f}")

# %% [markdown]
# ## The page

# %%
first = min(table.index[0] for table in states.values())
found = regime_page.RegimeEvidence(
    title=name,
    facts={
        "Data": f"{data} (id {market.id[:12]}), {len(factors)} factors against {against}",
        "Out of sample": f"{first.date()} to {market.now.date()}",
        "Fits": f"{len(refit_rows(market, focus, rhythm))} of {focus}, quarterly, on at most "
        f"{words.lookback} and at least {words.least} sessions",
        "Features": learned[focus].reason,
    },
    notes=notes,
    market=whole[against],
    active=pd.DataFrame({f: active_returns(market, f, against) for f in factors}).loc[first:],
    states=states,
    returns=returns,
    singles=singles,
    events=events,
    alarms=alarms,
    sharpes=sharpes,
    shifts=shifts,
    focus=focus,
    settings=measured,
    centers=centers,
    weights=weights,
    losses=losses,
    conditions=conditions,
)
left = {
    "singles": singles.rename_axis("factor"),
    "correlations": returns.corr().rename_axis("factor"),
    "events": events,
    "alarms": alarms,
    "shifts": shifts.rename_axis("cost"),
    "sharpes": sharpes.rename_axis("cost"),
    "settings": measured,
    "losses": losses.rename_axis("iteration"),
    "conditions": conditions.rename_axis("date"),
}
for stem, table in left.items():
    artefacts.write(words.folder / f"{stem}.csv", table.to_csv(lineterminator="\n"))
page = artefacts.write(words.folder / "regimes.html", regime_page.render(found))
print(f"page {page}")
