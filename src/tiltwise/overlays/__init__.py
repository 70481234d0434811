"""Overlays: strategies that wrap other strategies and change how much is held.

An overlay has `parts` and learns nothing. After a close, each part decides first, with its own
model and its own window; the overlay's `decide` then takes the parts' decisions in the place of a
model. A part therefore behaves exactly as it would alone, and overlays nest::

    TurnoverLimit(FractionalKelly(ResidualMomentum(), 0.25), 0.08)

Every part sees what the whole book holds. A part that looks at `held` (a `TurnoverLimit`, say)
therefore belongs outside one that scales, as above.
"""

from tiltwise.overlays.blend import Blend
from tiltwise.overlays.overlay import Overlay, Rescaling
from tiltwise.overlays.sizing import AdaptiveLeverage, FractionalKelly, Leverage, VolatilityTarget
from tiltwise.overlays.switching import RegimeSwitch, Triggered
from tiltwise.overlays.turnover import TurnoverLimit

__all__ = [
    "AdaptiveLeverage",
    "Blend",
    "FractionalKelly",
    "Leverage",
    "Overlay",
    "RegimeSwitch",
    "Rescaling",
    "Triggered",
    "TurnoverLimit",
    "VolatilityTarget",
]
