"""Exit codes: 0 ok, 1 error, 2 usage, 3 data gate, 4 validation gate, 5 stale or closed market."""

import sys
from collections.abc import Callable
from typing import Any

from tiltwise.errors import (
    DataError,
    LedgerError,
    LookaheadError,
    NotPromotable,
    StaleData,
    StrategyError,
    TiltwiseError,
)

CODES: tuple[tuple[type[TiltwiseError], int], ...] = (
    (StaleData, 5),
    (DataError, 3),
    (LookaheadError, 4),
    (NotPromotable, 4),
    (StrategyError, 2),
    (LedgerError, 2),
    (TiltwiseError, 1),
)


class UsageError(TiltwiseError):
    """The command cannot be understood; says what to type."""


def code(error: TiltwiseError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, UsageError):
        return 2
    return next(number for kind, number in CODES if isinstance(error, kind))


def guard(command: Callable[[], Any]) -> None:
    """Run a command; one of our errors becomes a line on stderr and its exit code."""
    try:
        command()
    except TiltwiseError as error:
        for line in (f"error: {error}", *getattr(error, "__notes__", ())):
            print(line, file=sys.stderr)
        sys.exit(code(error))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
