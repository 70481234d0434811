"""Data-snooping tests of several systems against a rule: reality check, SPA, model confidence set.

Systems differ in volatility, so a raw mean favours the riskiest. Each test is made twice: on mean
returns, and with every series scaled to the volatility of the rule, which compares Sharpe ratios.
The scale uses the whole period; it serves the tests only, and nothing is traded by it.
"""

import dataclasses
from collections.abc import Sequence

import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.evaluate.significance.data_snooping import (
    ConfidenceSet,
    confidence_set,
    reality_check,
    superior_ability,
)

SIZE = 0.1
MEASURES = ("mean return", "at equal volatility")


@dataclasses.dataclass(frozen=True, eq=False)
class SnoopingTests:
    """Data-snooping tests of all systems together.

    Attributes
    ----------
    tests : ((against, measure) x best, reality_check, spa) p-values of "no system is better".
    alike : model confidence set at equal volatility.
    words : the same in sentences.
    """

    tests: pd.DataFrame
    alike: ConfidenceSet
    words: tuple[str, ...]


def snooping_tests(
    returns: pd.DataFrame, systems: Sequence[str], against: Sequence[str], seed: int = 0
) -> tuple[SnoopingTests | None, tuple[str, ...]]:
    """Test the null hypothesis that no system beats a rule.

    Parameters
    ----------
    returns : (session x name) net returns of systems and rules.
    systems, against : columns; rules that did not run are left out.
    seed : of the bootstrap.

    Returns
    -------
    The tests and remarks; None, with the reason as a remark, where they cannot be run.
    """
    rows = {}
    try:
        for rule in (name for name in against if name in returns):
            for measure in MEASURES:
                table = returns if measure == MEASURES[0] else scaled(returns, rule)
                trials = table[list(systems)]
                spa = superior_ability(table[rule], trials, seed=seed)
                check = reality_check(table[rule], trials, seed=seed)
                rows[rule, measure] = {
                    "best": spa.best,
                    "reality_check": check,
                    "spa": spa.consistent,
                }
        alike = confidence_set(scaled(returns, against[0]), SIZE, seed=seed)
    except (DataError, MissingData) as error:
        return None, (f"no control for data snooping: {error}",)
    tests = pd.DataFrame.from_dict(rows, orient="index")
    tests.index = pd.MultiIndex.from_tuples(list(rows), names=["against", "measure"])
    return SnoopingTests(tests, alike, (*_words(tests), _alike(alike, returns.shape[1]))), ()


def scaled(returns: pd.DataFrame, like: str) -> pd.DataFrame:
    """Return all series at the volatility of one of them; a constant series is unchanged."""
    spread = returns.std()
    share = float(spread[like]) / spread.where(spread > 0.0, float(spread[like]))
    return returns.mul(share, axis="columns")


def _words(tests: pd.DataFrame) -> list[str]:
    words = []
    for key, row in tests.iterrows():
        rule, measure = key if isinstance(key, tuple) else (key, "")
        numbers = f"reality check p = {row['reality_check']:.3f}, SPA p = {row['spa']:.3f}"
        best = f"{row['best']} beats" if row["spa"] < SIZE else "none of the systems beats"
        words.append(f"{best} {rule} ({measure}): {numbers}")
    beaten = [bool((part < SIZE).any()) for _, part in tests["spa"].groupby(level=0, sort=False)]
    if any(beaten) and not beaten[0]:
        first = tests.index[0][0]
        words.append(f"what beats another rule but not {first} owes it to the assets it may hold")
    return words


def _alike(alike: ConfidenceSet, count: int) -> str:
    return (
        f"{len(alike.included)} of {count} rows cannot be told from the best at equal volatility "
        f"(model confidence set, {1.0 - SIZE:.0%}): {', '.join(alike.included)}"
    )
