"""What a table says of one performance number: its definition, unit, heading and label."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from tiltwise.errors import DataError
from tiltwise.evaluate.returns import Returns, path

Unit = Literal["share", "share a year", "ratio", "periods", "years", "count", "probability"]


Group = Literal[
    "Return", "Risk", "Return for risk", "Against the benchmark", "Trading", "Luck and search"
]
"""Headings under which reports show metrics, in the order of the page."""
ACTIVE: Group = "Against the benchmark"


@dataclasses.dataclass(frozen=True)
class Number:
    """A performance number as tables and reports show it.

    Attributes
    ----------
    name : str
        Key in every table and file.
    unit : str
        Unit of the value.
    group : str
        Heading in reports.
    label : str
        Name in reports.
    fine : bool
        Whether reports show a share to 0.01 %, not to 0.1 %.
    last : bool
        Whether reports show it after the others of its group.
    """

    name: str
    unit: Unit
    group: Group
    label: str
    fine: bool = dataclasses.field(default=False, kw_only=True)
    last: bool = dataclasses.field(default=False, kw_only=True)


@dataclasses.dataclass(frozen=True)
class Metric(Number):
    """A performance number that is callable on returns.

    Attributes
    ----------
    function : callable
        Definition: of a `Path`, or of a `TradedPath` where `needs_book`.
    annual : bool
        Whether it depends on the number of periods per year.
    needs_book : bool
        Whether it needs holdings or costs and so comes only from a backtest.
    """

    function: Callable[[Any], float]
    annual: bool = False
    needs_book: bool = False

    @property
    def needs_benchmark(self) -> bool:
        """Whether it compares with a benchmark."""
        return self.group == ACTIVE

    @property
    def definition(self) -> str:
        """The definition in a sentence."""
        return (self.function.__doc__ or "").strip()

    def __call__(
        self,
        returns: Returns,
        periods_per_year: float | None = None,
        *,
        benchmark: Returns | None = None,
        rf: Returns | None = None,
        rf_annual: float | None = None,
    ) -> float:
        """Measure simple returns per period; arguments are those of `evaluate.returns.path`.

        Raises
        ------
        DataError
            If the input is unfit, the frequency ambiguous, or the benchmark or book missing.
        """
        if self.needs_book:
            raise DataError(f"{self.name} needs holdings and costs: call summary on a backtest")
        if self.needs_benchmark and benchmark is None:
            raise DataError(f"{self.name} compares with a benchmark: pass benchmark=")
        if not self.annual and periods_per_year is None and rf_annual is None:
            periods_per_year = 1.0  # the value does not depend on it
        return self.function(
            path(returns, periods_per_year, benchmark=benchmark, rf=rf, rf_annual=rf_annual)
        )
