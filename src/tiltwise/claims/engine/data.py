"""Data of a claim card: the assets and period of the source, or their substitutes."""

import dataclasses

import numpy as np
import pandas as pd

from tiltwise.claims.engine.card import Card
from tiltwise.claims.engine.folds import Fold, calendar_folds
from tiltwise.errors import MissingData
from tiltwise.market.cache import Cache
from tiltwise.market.market import Market

MEAN = "MEAN"


@dataclasses.dataclass(frozen=True, eq=False)
class CardData:
    """A market cut to what a card asks for.

    Attributes
    ----------
    market : the traded assets, `reference` as its benchmark, from the card's first price on.
    reference : the fund of the whole market, the data's benchmark, or the mean of the assets.
    returns : log returns (date x asset, `reference` last) without rows that miss one; those of the
        card's young assets are missing before they were listed.
    folds : the source's walk-forward on these returns.
    substitutes : what stands in for the source's assets; empty where nothing does.
    shortfall : why the period is not the source's; empty where it is.
    notes : remarks on the data.
    walks : whole walks over the market; the cache of the market keeps the newest steps only, of
        which one walk has hundreds.
    """

    market: Market
    reference: str
    returns: pd.DataFrame
    folds: tuple[Fold, ...]
    substitutes: str
    shortfall: str
    notes: tuple[str, ...]
    walks: Cache = dataclasses.field(default_factory=Cache, repr=False)

    @property
    def traded(self) -> tuple[str, ...]:
        """Assets without the reference."""
        return self.market.assets

    @property
    def test_dates(self) -> pd.DatetimeIndex:
        """Sessions of all test years."""
        dates = pd.DatetimeIndex(self.returns.index)
        return dates[self.folds[0].rows(dates)[1].start : self.folds[-1].rows(dates)[1].stop]

    @property
    def years(self) -> float:
        """Length of all test years, in years of 252 sessions."""
        return len(self.test_dates) / 252.0

    @property
    def whole_until(self) -> pd.Timestamp:
        """Day on which the first cut test year begins, or the last complete one ended."""
        cut = [fold.test for fold in self.folds if not fold.complete]
        return cut[0] if cut else self.folds[-1].stop

    def complete(self) -> "CardData":
        """Return the same data without the fold that their end cuts."""
        return dataclasses.replace(self, folds=tuple(f for f in self.folds if f.complete))


def card_data(card: Card, market: Market, *, mean: bool = False) -> CardData:
    """Return the card's assets and period from a market.

    Parameters
    ----------
    card, market : where the market lacks an asset of the card, other share classes stand in, and
        where it lacks one of these too, all its assets.
    mean : use the mean of the assets for the fund of the whole market, whatever there is.

    Raises
    ------
    MissingData
        Not one fold can be tested.
    """
    known = {*market.assets, market.benchmark}
    classes = tuple(card.classes.get(a, a) for a in card.universe)
    own = set(card.universe) <= known
    same = own or set(classes) <= known
    names = tuple(a for a in market.assets if a != market.benchmark)
    names = (card.universe if own else classes) if same else names
    reference = card.market if card.market in known else (market.benchmark or MEAN)
    reference = MEAN if mean else reference
    named = tuple(a for a in names if a != reference)
    named = named if same else named[: card.stand_ins]
    prices, left_out = _prices(card, market, named, reference)
    returns = _log_returns(prices)
    folds = _folds(card, returns)
    if not folds:
        raise MissingData(
            f"{card.system}: {returns.index[0].date()} to {returns.index[-1].date()} holds no "
            f"fold of {card.train_years} years of training and a test"
        )
    last = returns.index[returns.index < folds[-1].stop][-1]
    cut = Market.from_frames(
        prices=prices.loc[:last],
        opens=_opens(market, prices.loc[:last]),
        benchmark=reference,
        calendar=market.calendar.name,
        net_of_fees=market.net_of_fees,
        rates=None if market.rates is None else market.rates.reindex(prices.loc[:last].index),
        macro=market.asof(last).macro,
        vintages=market.asof(last).vintages,
    )
    return CardData(
        market=cut,
        reference=reference,
        returns=returns.loc[:last],
        folds=folds,
        substitutes=_substitutes(card, own, same, reference, len(named)),
        shortfall=_shortfall(card, returns, folds),
        notes=_notes(card, returns, folds, left_out),
    )


def _folds(card: Card, returns: pd.DataFrame) -> tuple[Fold, ...]:
    """Return the card's folds; of shorter training where the data hold none."""
    first, last = returns.index[0], returns.index[-1]
    for years in (card.train_years, card.short_years):
        folds = calendar_folds(first, last, years, card.test_years, card.folds) if years else ()
        if folds:
            return folds
    return ()


def _prices(
    card: Card, market: Market, names: tuple[str, ...], reference: str
) -> tuple[pd.DataFrame, list[str]]:
    """Return closes from the card's start on; assets that are not there throughout are left out."""
    assets = names if reference == MEAN else (*names, reference)
    prices = market.select(assets).prices.loc[card.start :]
    if len(prices) < 2:
        raise MissingData(
            f"{card.system}: the claims are about the time from {card.start} on, but the data end "
            f"on {market.now.date()}"
        )
    late = prices.columns.isin(card.young)
    complete = (prices.notna().mean() > 0.99) | (late & prices.notna().any())
    left_out = [str(a) for a in prices.columns[~complete]]
    whole = prices.columns[complete & ~late]
    prices = prices.loc[:, complete].dropna(subset=whole)
    if reference == MEAN:
        mean = _log_returns(prices).to_numpy().mean(axis=1)
        prices = prices.assign(**{MEAN: 100.0 * np.exp(np.append(0.0, np.cumsum(mean)))})
    return prices, left_out


def _opens(market: Market, prices: pd.DataFrame) -> pd.DataFrame | None:
    """Return opens on the rows and columns of the closes, if the market has them all."""
    if market.opens is None or MEAN in prices.columns:
        return None
    opens = market.select(tuple(prices.columns)).opens
    assert opens is not None
    return opens.loc[prices.index]


def _log_returns(prices: pd.DataFrame) -> pd.DataFrame:
    steps = np.diff(np.log(prices.to_numpy()), axis=0)
    return pd.DataFrame(steps, index=prices.index[1:], columns=prices.columns)


def _substitutes(card: Card, own: bool, same: bool, reference: str, count: int) -> str:
    parts = []
    if same and not own:
        parts.append(f"traded share classes for {len(card.classes)} of {count} funds")
    if not same:
        parts.append(f"{count} other assets for {len(card.universe)} funds")
    if reference != card.market:
        parts.append(f"{reference} for {card.market}")
    return ", ".join(parts)


def _notes(
    card: Card, returns: pd.DataFrame, folds: tuple[Fold, ...], left_out: list[str]
) -> tuple[str, ...]:
    lines = [f"{a} left out: it lacks prices in the period" for a in left_out]
    if folds[0].test < returns.index[0] + pd.DateOffset(years=card.train_years):
        lines.append(
            f"{card.title}: the first test begins after {card.short_years} years, not after "
            f"{card.train_years}, which the data do not hold"
        )
    return tuple(lines)


def _shortfall(card: Card, returns: pd.DataFrame, folds: tuple[Fold, ...]) -> str:
    late = pd.Timestamp(returns.index[0]) > pd.Timestamp(card.start) + pd.Timedelta(days=7)
    if late:
        return f"the data begin on {returns.index[0].date()}, the source's on {card.start}"
    complete = sum(f.complete for f in folds)
    if complete < card.least_folds:
        return f"the data end on {returns.index[-1].date()}: {complete} of {card.folds} folds"
    return ""
