"""Trading and holding costs."""

import dataclasses
import math

from tiltwise.errors import StrategyError


@dataclasses.dataclass(frozen=True)
class Costs:
    """Trading costs per side and holding costs per year, in basis points.

    Attributes
    ----------
    commission_bps, half_spread_bps : of the money traded, on each side.
    impact : coefficient of sigma * sqrt(money / daily volume) * money; needs volumes.
    borrow_bps_year : on the value of shorts; None forbids shorts.
    financing_spread_bps_year : over the cash rate on negative cash; None forbids borrowing.
    expense_bps_year : funds' fees on long holdings, charged only where prices are before fees.
    """

    commission_bps: float = 0.0
    half_spread_bps: float = 2.0
    impact: float = 0.0
    borrow_bps_year: float | None = 50.0
    financing_spread_bps_year: float | None = 50.0
    expense_bps_year: float = 0.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            optional = field.name in ("borrow_bps_year", "financing_spread_bps_year")
            if value is None and optional:
                continue
            if value is None or not math.isfinite(value) or value < 0:
                raise StrategyError(f"Costs: {field.name} is {value}; give a number, 0 or above")
        if self.commission_bps + self.half_spread_bps >= 1000:
            raise StrategyError(
                f"Costs: commission and half-spread make {self.commission_bps:g} + "
                f"{self.half_spread_bps:g} bps, a tenth of each trade or more; the unit is 0.01 %"
            )
