"""Exception hierarchy of tiltwise.

::

    TiltwiseError
    ├── DataError                input data cannot be used
    │   ├── MissingData          a file, asset, session or field is missing
    │   ├── StaleData            the newest row is older than required
    │   ├── RevisedData          history differs from the pinned version
    │   └── SourceError          a provider failed or returned invalid data
    ├── LookaheadError           a result used data from after its session
    ├── StrategyError            a strategy violated its contract
    │   ├── WeightsError         invalid portfolio weights
    │   └── InfeasibleError      no portfolio satisfies the constraints
    └── LedgerError              the ledger of trials is inconsistent
        └── NotPromotable        a validation gate did not pass

A message says what is wrong, where (asset, session, strategy, file) and what to do about it.
"""


class TiltwiseError(Exception):
    """Base class of all errors of tiltwise."""


class DataError(TiltwiseError):
    """Input data cannot be used."""


class MissingData(DataError):
    """A file, asset, session or field is missing."""


class StaleData(DataError):
    """The newest row is older than required."""


class RevisedData(DataError):
    """History differs from the pinned version."""


class SourceError(DataError):
    """A provider failed or returned invalid data."""


class LookaheadError(TiltwiseError):
    """A result used data from after its session."""


class StrategyError(TiltwiseError):
    """A strategy violated its contract."""


class WeightsError(StrategyError):
    """Invalid portfolio weights."""


class InfeasibleError(StrategyError):
    """No portfolio satisfies the constraints; the message names the one that binds."""


class LedgerError(TiltwiseError):
    """The ledger of trials is inconsistent."""


class NotPromotable(LedgerError):
    """A validation gate did not pass."""
