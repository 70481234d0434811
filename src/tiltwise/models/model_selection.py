"""Expected returns per session by the model with the best rank correlation over the past year."""

import pandas as pd

from tiltwise.errors import MissingData, StrategyError
from tiltwise.models.expected_returns import MODELS, YEAR, choose_model

CHOSEN = "chosen"
NAMES = (CHOSEN, *MODELS)


def forecast(returns: pd.DataFrame, name: str = CHOSEN) -> tuple[pd.Series | None, str]:
    """Return expected returns per session, and their description.

    Parameters
    ----------
    returns : simple returns (session x asset); sessions on which one is missing are left out.
    name : of `expected_returns.MODELS`, or "chosen" for the one whose forecasts of the last twelve
        months ranked the assets best.

    Returns
    -------
    mean : by asset; None where there is too little history, and then the text says so.

    Raises
    ------
    StrategyError
        There is no such model.
    """
    if name not in NAMES:
        raise StrategyError(f"forecast={name!r} is not one of {', '.join(NAMES)}")
    whole = returns.dropna()
    try:
        if name == CHOSEN:
            name = choose_model(whole).name
        return MODELS[name](whole) / YEAR, name
    except MissingData as reason:
        return None, f"none: {reason}"
