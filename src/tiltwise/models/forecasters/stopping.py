"""Early stopping on the last rows of a training sample.

These inner rows stop the training and do nothing else: they lie before every row that is forecast,
and no error on them is ever reported as that of the model.
"""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

from tiltwise.errors import DataError, StrategyError

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Stopping:
    """Rule of early stopping.

    Attributes
    ----------
    epochs : passes over the training rows at the most.
    patience : passes without a new least error on the inner rows after which it ends.
    share : share of the training rows, the last ones, that are inner rows.
    """

    epochs: int = 100
    patience: int = 10
    share: float = 0.15

    def __post_init__(self) -> None:
        """Reject settings that never train."""
        if self.epochs < 1 or self.patience < 1 or not 0.0 < self.share < 0.5:
            raise StrategyError(
                "epochs and patience must be at least 1 and the share of inner rows below one half"
            )

    def divide(self, rows: int, least: int = 2) -> int:
        """Return the number of leading rows to train on.

        Raises
        ------
        DataError
            Too few are left on either side.
        """
        inner = max(int(rows * self.share), 1)
        if rows - inner < least:
            raise DataError(f"{rows} rows are too few to stop early on {inner} of them")
        return rows - inner

    def run(self, once: Callable[[], float], keep: Callable[[], T]) -> tuple[T, tuple[float, ...]]:
        """Train until the error has not improved for `patience` passes.

        Parameters
        ----------
        once : trains for one pass and returns the error on the inner rows.
        keep : returns a copy of the state.

        Returns
        -------
        The copy at the least error, and the error after each pass.
        """
        errors = [once()]
        best, snapshot = 0, keep()
        for epoch in range(1, self.epochs):
            errors.append(once())
            if errors[epoch] < errors[best]:
                best, snapshot = epoch, keep()
            if epoch - best >= self.patience:
                break
        return snapshot, tuple(errors)
