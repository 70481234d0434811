"""Gap policies: replacement of missing values, field by field.

A `Market` leaves gaps as they are: an asset that did not print cannot be traded, and its return is
missing. Gaps of the source, not of the exchange, can be closed first, by a policy that the caller
names for each field. Only past values may fill a gap; an interpolation uses the later price, so
"interpolate" is refused unless the caller states that nothing is decided on the result.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tiltwise.errors import DataError, LookaheadError

KEEP, FORWARD, ZERO, INTERPOLATE = "keep", "forward", "zero", "interpolate"
WORDS = (KEEP, FORWARD, ZERO, INTERPOLATE)
USUAL = 5  #: sessions that a value is carried at most: after so many a market counts it as gone


@dataclasses.dataclass(frozen=True)
class Policy:
    """Gap policy of one field.

    Attributes
    ----------
    how : "keep", "forward" (the last value), "zero", or "interpolate".
    sessions : rows of a gap that are filled at most, from its beginning.
    """

    how: str = KEEP
    sessions: int = USUAL

    def __post_init__(self) -> None:
        """Raise DataError for an unknown policy."""
        if self.how not in WORDS or self.sessions < 1:
            raise DataError(f"{self.how}:{self.sessions} is none of {', '.join(WORDS)}")

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """Return the policy that a text such as ``forward:3`` names."""
        how, _, count = text.partition(":")
        if count and not count.isdigit():
            raise DataError(f"{text!r}: sessions are a whole number, as in forward:3")
        return cls(how, int(count)) if count else cls(how)


POLICIES: Mapping[str, Policy] = {
    "prices": Policy(),
    "opens": Policy(),
    "raw": Policy(),
    "volumes": Policy(),
    "rates": Policy(FORWARD),
}
"""Policies by default."""


def close_gaps(
    frames: Mapping[str, Any], policies: Mapping[str, Policy], *, causal: bool = True
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return frames with their gaps closed between the first and the last value of each column.

    Parameters
    ----------
    frames : the keyword arguments of `Market.from_frames`.
    policies : by field; a field that is not named keeps its gaps.
    causal : whether anything is to be decided on the result.

    Returns
    -------
    frames : with the fields named in `policies` filled.
    log : a line for each column in which something was filled: field, asset, how, how many, since.

    Raises
    ------
    LookaheadError
        A policy interpolates, and `causal` is set.
    DataError
        A field is named that has no gaps to close.
    """
    for field, policy in policies.items():
        if field not in POLICIES:
            raise DataError(f"{field!r} is not one of {', '.join(POLICIES)}")
        if policy.how == INTERPOLATE and causal:
            raise LookaheadError(
                f"{field}=interpolate draws a line to a later value, which was not known; "
                "use forward, or keep the gaps"
            )
    filled, log = dict(frames), list[str]()
    for field, policy in policies.items():
        given = filled.get(field)
        if given is None or policy.how == KEEP or not isinstance(given, pd.DataFrame | pd.Series):
            continue
        table = given.to_frame(field) if isinstance(given, pd.Series) else given
        done, lines = _closed(table, field, policy)
        filled[field] = done[field] if isinstance(given, pd.Series) else done
        log += lines
    return filled, tuple(log)


def _closed(table: pd.DataFrame, field: str, policy: Policy) -> tuple[pd.DataFrame, list[str]]:
    """Return one field with its gaps closed, and what was done."""
    done = table.copy()
    if policy.how == FORWARD:
        done = table.ffill(limit=policy.sessions)
    elif policy.how == INTERPOLATE:
        done = table.interpolate(limit=policy.sessions, limit_area="inside")
    inside = table.notna().cummax() & table.notna()[::-1].cummax()[::-1]
    if policy.how == ZERO:
        done = table.fillna(0.0, limit=policy.sessions)
    done = done.where(inside, table)
    new = done.notna() & table.isna()
    lines = [
        f"{field} of {name}: {int(new[name].sum())} missing, {policy.how}, the first on "
        f"{pd.Timestamp(new.index[new[name]][0]):%Y-%m-%d}"
        for name in new.columns[new.any()]
    ]
    return done, lines
