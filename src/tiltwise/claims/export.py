"""The evidence behind residual momentum as files, in three steps, each from the files of the last.

::

    returns      market                     -> prices.csv etf_returns.csv returns.json
    residuals    etf_returns.csv            -> residuals_fixed.csv residuals_rolling.csv
                                               scree.json residuals.json
    experiments  prices.csv and all of these -> walk_forward_config.csv experiment_results.csv
                                               per_fold.csv sensitivity.csv evidence.json

Each step returns what it found as plain records. Prices are closes: whatever the data, corrected
orders fill at a close after the decision.
"""

import dataclasses
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.claims import artefacts, experiments, noise_grid, residuals, tails
from tiltwise.claims.card import Card, read
from tiltwise.claims.experiments import Experiment, Progress
from tiltwise.claims.folds import Fold, calendar_folds
from tiltwise.claims.lab import Lab, gap
from tiltwise.claims.questions import (
    Answer,
    Measured,
    kalman_helps,
    low_rank,
    persistence,
    ranked,
    sessions_of,
    squares,
)
from tiltwise.claims.study import Study, study
from tiltwise.errors import DataError, MissingData, RevisedData
from tiltwise.evaluate.overfitting import noise_ceiling
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
