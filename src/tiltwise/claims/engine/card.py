"""Claim cards: numbers claimed, their place in the source, and the fixes.

A card is ``claims/systems/NAME/card.toml``. It holds the source's numbers and the rules by which
they are judged; results of ours are never written on it.
"""

import dataclasses
import functools
import pkgutil
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from tiltwise.claims import systems
from tiltwise.errors import MissingData

Cell = Mapping[str, Any]  #: one configuration: JSON values by field

SYSTEMS, CARD = systems.__name__, "card.toml"

SHARE = frozenset({"total_return", "max_drawdown", "explained", "turnover"})
"""Metrics that are shares of one; the others are ratios."""

BOASTS = frozenset(
    {"sharpe", "gross_sharpe", "total_return", "ir_market", "ir_equal", "cagr", "sortino"}
)
"""Metrics that claim a profit where they are positive."""

NO_DATA = "none"  #: `Card.data` of a source that names no data


@dataclasses.dataclass(frozen=True)
class Number:
    """One number that a source claims.

    Attributes
    ----------
    id : claim and metric, such as ``kalman_momentum.sharpe``.
    metric, value : what is claimed.
    rule : how it is met: "close" to the value, "at least" it, or "more than" it.
    """

    id: str
    metric: str
    value: float
    rule: str

    @property
    def skill(self) -> bool:
        """Whether it claims a profit: a positive ratio, return or advantage."""
        boast = self.metric in BOASTS and self.value > 0
        return boast or self.metric == "sharpe_gap"


@dataclasses.dataclass(frozen=True)
class Claim:
    """A row of a source's table, or a sentence of its findings.

    Attributes
    ----------
    id, text, place : name, words, and where the source says it.
    variant : the as-written variant that is to reproduce it.
    cell : the configuration it is about; what the source leaves open is left out.
    against : a second configuration, where the claim compares two.
    claimed : value by metric, in the unit of the metric.
    rule : see `Number`.
    exact : whether it follows from arithmetic alone, so that any data can tell.
    unknown : why no data here can tell; empty where they can.
    fall : whether its way from published to corrected is shown step by step.

    A field ``period`` of the cell cuts a longer path to an ISO interval (see `periods`).
    """

    id: str
    text: str
    place: str
    variant: str
    cell: Cell
    claimed: Mapping[str, float]
    against: Cell | None = None
    rule: str = "close"
    exact: bool = False
    unknown: str = ""
    fall: bool = True

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Each number of the claim by itself."""
        return tuple(
            Number(f"{self.id}.{metric}", metric, float(value), self.rule)
            for metric, value in self.claimed.items()
        )


@dataclasses.dataclass(frozen=True)
class Variant:
    """A way to run a system: as its source wrote it, as its text says, or corrected.

    Attributes
    ----------
    title, text : name and description.
    cell : configuration when none is asked for.
    tolerance : largest difference that counts as reproduced, by metric, and `reason` for it.
    fixes : ids of the fixes that lead from here to the corrected variant, in order.
    """

    title: str
    text: str
    cell: Cell
    tolerance: Mapping[str, float] = dataclasses.field(default_factory=dict)
    reason: str = ""
    fixes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Fix:
    """Correction of one defect: a label and a sentence."""

    label: str
    text: str


@dataclasses.dataclass(frozen=True)
class Card:
    """Claims of one system, with its data, folds, variants and fixes.

    Attributes
    ----------
    system, number, title, source : recipe name, number of the source document, title, address.
    universe, market : assets traded, and the fund of the whole market.
    start : ISO date of the first price used.
    train_years, test_years, folds : the source's walk-forward.
    least_folds : complete folds below which nothing counts as reproduced.
    variants, fixes, claims : see their classes.
    data : "own", or "none" if the source names no data, so that no number of money can be tested;
        `unknown` says what is missing.
    holds_market : whether the fund of the market is held like the others.
    stand_ins : most assets that stand in for the source's; None for all there are.
    young : assets of the universe listed within the period; they have no prices before.
    short_years : years of training where the data hold no fold of `train_years`; 0 for none.
    classes : traded share class of the same portfolio, by asset of the universe that has one.
    """

    system: str
    number: int
    title: str
    source: str
    universe: tuple[str, ...]
    market: str
    start: str
    train_years: int
    test_years: int
    folds: int
    least_folds: int
    variants: Mapping[str, Variant]
    fixes: Mapping[str, Fix]
    claims: tuple[Claim, ...]
    data: str = "own"
    unknown: str = ""
    holds_market: bool = False
    stand_ins: int | None = None
    young: tuple[str, ...] = ()
    short_years: int = 0
    classes: Mapping[str, str] = dataclasses.field(default_factory=dict)


def names() -> tuple[str, ...]:
    """Return the systems that have a card, by number of their source."""
    return tuple(sorted(_folders(), key=lambda name: read(name).number))


@functools.cache
def read(system: str) -> Card:
    """Return the card of a system.

    Raises
    ------
    MissingData
        There is none; the message lists those there are.
    """
    if system not in (known := _folders()):
        raise MissingData(
            f"no claims are known of {system!r}; there are cards of {', '.join(known)}"
        )
    path = files(f"{SYSTEMS}.{system}").joinpath(CARD)
    table = tomllib.loads(path.read_text("utf-8"))
    variants = {name: _variant(entry) for name, entry in table.pop("variants").items()}
    fixes = {name: Fix(**entry) for name, entry in table.pop("fixes").items()}
    claims = tuple(Claim(**entry) for entry in table.pop("claims"))
    universe = tuple(table.pop("universe"))
    young = tuple(table.pop("young", ()))
    return Card(
        **table, universe=universe, young=young, variants=variants, fixes=fixes, claims=claims
    )


def _variant(entry: dict[str, Any]) -> Variant:
    return Variant(**{**entry, "fixes": tuple(entry.get("fixes", ()))})


def _folders() -> list[str]:
    """Return the names of the folders of `claims/systems` that hold a card, sorted."""
    names = [module.name for module in pkgutil.iter_modules(systems.__path__) if module.ispkg]
    return sorted(n for n in names if files(f"{SYSTEMS}.{n}").joinpath(CARD).is_file())
