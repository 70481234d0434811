"""Write hmm_peers.json: what hmmlearn learns, filters and smooths on simulated returns.

Run in an environment of its own (nothing of this package is needed):

    python -m venv peers && peers/bin/pip install hmmlearn==0.3.3
    peers/bin/python tests/golden/make_hmm_peers.py
"""

import importlib.metadata
import json
from pathlib import Path

import numpy as np
from hmmlearn import _hmmc
from hmmlearn.hmm import GaussianHMM

OUTPUT = Path(__file__).with_name("hmm_peers.json")
ROWS = 200
STARTS = {
    "one feature": ([[0.1], [-0.1]], [[0.5], [2.0]]),
    "two features": ([[0.2, 0.0], [-0.2, 0.1], [0.0, -0.3]], [[0.5, 1.0], [2.0, 1.0], [1.0, 3.0]]),
}


def simulated(width):
    rng = np.random.default_rng(width)
    state = np.cumsum(rng.random(ROWS) < 0.04) % 2
    spread = np.where(state == 1, 1.8, 0.6)[:, None]
    return (rng.normal(0.0, 1.0, (ROWS, width)) * spread - 0.3 * state[:, None]).round(6)


def peer(x, means, variances):
    """Plain maximum likelihood: no prior on anything."""
    states = len(means)
    model = GaussianHMM(
        states,
        covariance_type="diag",
        covars_prior=0.0,
        covars_weight=0.0,
        n_iter=12,
        tol=-np.inf,
        init_params="",
    )
    model.startprob_ = np.full(states, 1.0 / states)
    model.transmat_ = np.full((states, states), 0.1 / (states - 1))
    np.fill_diagonal(model.transmat_, 0.9)
    model.means_, model.covars_ = np.array(means), np.array(variances)
    first, moves = model.startprob_.copy(), model.transmat_.copy()
    model.fit(x)
    densities = model._compute_log_likelihood(x)
    loglik, forward = _hmmc.forward_log(model.startprob_, model.transmat_, densities)
    known = np.exp(forward - np.logaddexp.reduce(forward, axis=1, keepdims=True))
    variance = np.array([np.diag(c) for c in model.covars_])
    return {
        "x": x.tolist(),
        "start": [first.tolist(), moves.tolist(), means, variances],
        "learned": [
            values.tolist()
            for values in (model.startprob_, model.transmat_, model.means_, variance)
        ],
        "history": list(model.monitor_.history),
        "loglik": float(loglik),
        "filtered": known.tolist(),
        "smoothed": model.predict_proba(x).tolist(),
        "path": model.decode(x)[1].tolist(),
    }


def main():
    cases = {
        name: peer(simulated(len(means[0])), means, variances)
        for name, (means, variances) in STARTS.items()
    }
    out = {"hmmlearn": importlib.metadata.version("hmmlearn"), "cases": cases}
    OUTPUT.write_text(json.dumps(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
