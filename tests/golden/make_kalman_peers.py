"""Write kalman_peers.json: what pykalman filters, smooths and learns on simulated returns.

Run in an environment of its own (nothing of this package is needed):

    python -m venv peers && peers/bin/pip install pykalman==0.11.2
    peers/bin/python tests/golden/make_kalman_peers.py
"""

import importlib.metadata
import json
from pathlib import Path

import numpy as np
from pykalman import KalmanFilter

OUTPUT = Path(__file__).with_name("kalman_peers.json")
ROWS, ASSETS, FACTORS = 60, 2, 3
DRIFT = np.diag([2e-3, 1e-3, 5e-4]) + 2e-4
NOISE = 3e-5
FIRST = 0.5 * np.eye(FACTORS) + 0.1


def simulated():
    """Loadings that walk; the second asset misses some days."""
    rng = np.random.default_rng(101)
    x = rng.normal(0.0, 0.02, (ROWS, FACTORS)).round(6)
    steps = rng.multivariate_normal(np.zeros(FACTORS), DRIFT, (ROWS, ASSETS))
    beta = 0.6 + steps.cumsum(axis=0)
    y = np.einsum("tk,tik->ti", x, beta) + rng.normal(0.0, NOISE**0.5, (ROWS, ASSETS))
    y[10:13, 1] = y[40, 1] = np.nan
    return y.round(6), x


def main():
    y, x = simulated()
    out = {
        "pykalman": importlib.metadata.version("pykalman"),
        "x": x.tolist(),
        "drift": DRIFT.tolist(),
        "noise": NOISE,
        "first": FIRST.tolist(),
        "start": [0.1, 0.0, -0.1],
        "assets": [],
    }
    for asset in range(ASSETS):
        arguments = {
            "transition_matrices": np.eye(FACTORS),
            "observation_matrices": x[:, None, :],
            "transition_covariance": DRIFT,
            "observation_covariance": [[NOISE]],
            "initial_state_mean": np.array(out["start"]),
            "initial_state_covariance": FIRST,
        }
        observed = np.ma.masked_invalid(y[:, asset])
        model = KalmanFilter(**arguments)
        means, covariances = model.filter(observed)
        smoothed, smoothed_covariances = model.smooth(observed)
        learned = KalmanFilter(
            **{**arguments, "transition_covariance": 1e-3 * np.eye(3)},
            em_vars=["transition_covariance", "observation_covariance"],
        ).em(observed, n_iter=5)
        out["assets"].append(
            {
                "y": [None if np.isnan(v) else v for v in y[:, asset].tolist()],
                "filtered": means.tolist(),
                "filtered_covariances": covariances.tolist(),
                "smoothed": smoothed.tolist(),
                "smoothed_covariances": smoothed_covariances.tolist(),
                "loglik": float(model.loglikelihood(observed)),
                "em_drift": np.asarray(learned.transition_covariance).tolist(),
                "em_noise": float(np.asarray(learned.observation_covariance).item()),
            }
        )
    OUTPUT.write_text(json.dumps(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
