"""Every error that tiltwise raises on purpose.

::

    TiltwiseError
    ├── DataError                what came in cannot be used as it is
    │   ├── MissingData          a file, asset, session or field is not there
    │   ├── StaleData            the newest row is older than the question asked
    │   ├── RevisedData          history differs from what was pinned
    │   └── SourceError          a provider failed or answered nonsense
    ├── LookaheadError           an answer used what was not yet known
    ├── StrategyError            a strategy broke its contract
    │   ├── WeightsError         weights that cannot be held
    │   └── InfeasibleError      no portfolio satisfies the constraints
    └── LedgerError              the record of trials is broken
        └── NotPromotable        a validation gate did not pass

A message says what is wrong, where (asset, session, strategy, file) and what to do about it.
"""


class TiltwiseError(Exception):
    """Root of the tree."""


class DataError(TiltwiseError):
    """What came in cannot be used as it is."""


class MissingData(DataError):
    """A file, asset, session or field is not there."""


class StaleData(DataError):
    """The newest row is older than the question asked."""


class RevisedData(DataError):
    """History differs from what was pinned."""


class SourceError(DataError):
    """A provider failed or answered nonsense."""


class LookaheadError(TiltwiseError):
    """An answer used what was not yet known."""


class StrategyError(TiltwiseError):
    """A strategy broke its contract."""


class WeightsError(StrategyError):
    """Weights that cannot be held."""


class InfeasibleError(StrategyError):
    """No portfolio satisfies the constraints; the message names the one that binds."""


class LedgerError(TiltwiseError):
    """The record of trials is broken."""


class NotPromotable(LedgerError):
    """A validation gate did not pass."""
