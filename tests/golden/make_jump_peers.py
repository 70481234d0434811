"""Write jump_peers.json: what jumpmodels learns on the Nasdaq-100 and on random features.

A path of labels is recorded as its number of changes and a digest of its bytes, so that a hundred
paths fit into a few kilobytes. Run in an environment of its own (nothing of this package is
needed), with the folder that has ndx_daily.csv:

    python -m venv peers && peers/bin/pip install jumpmodels==0.1.1 scikit-learn==1.9.1
    peers/bin/python tests/golden/make_jump_peers.py FOLDER
"""

import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

OUTPUT = Path(__file__).with_name("jump_peers.json")
PENALTIES = (0.0, 1.0, 5.0, 20.0, 50.0, 100.0)
KEPT = (1.0, 2.0, 5.0, 9.5)
LIVES = (5, 20, 60)
TRAIN, TEST = ("2007-01-03", "2021-12-31"), ("2022-01-01", "2024-09-27")
ROWS, WIDTH, SEEDS = 400, 12, (0, 1, 2)


def digest(labels):
    """Changes of a path and the first half of the hash of its labels."""
    path = np.asarray(labels).astype(np.int8)
    return [int((np.diff(path) != 0).sum()), hashlib.sha256(path.tobytes()).hexdigest()[:16]]


def nasdaq(folder):
    """Scaled features of training and test days, and the training returns."""
    table = pd.read_csv(Path(folder) / "ndx_daily.csv", index_col=0, parse_dates=True)
    returns = table["ret"].dropna()
    squares = returns.clip(upper=0.0) ** 2
    columns = {}
    for life in LIVES:
        mean = returns.ewm(halflife=life).mean()
        down = squares.ewm(halflife=life).mean() ** 0.5
        columns |= {
            f"ret {life}": mean,
            f"down {life}": np.log(down),
            f"sortino {life}": mean / down,
        }
    features = pd.DataFrame(columns)
    train, test = features[TRAIN[0] : TRAIN[1]], features[TEST[0] : TEST[1]]
    low, high = (train.mean() + side * 3.0 * train.std(ddof=0) for side in (-1.0, 1.0))
    clipped = train.clip(low, high, axis=1)
    mean, deviation = clipped.mean(), clipped.std(ddof=0)
    later = (test.clip(low, high, axis=1) - mean) / deviation
    return (clipped - mean) / deviation, later, returns[train.index]


def simulated(seed):
    """Features that half feel a regime, and returns; from a stream that NumPy keeps frozen."""
    draw = np.random.RandomState(seed)
    state = np.cumsum(draw.uniform(size=ROWS) < 0.03) % 2
    strength = np.append(np.linspace(0.3, 2.0, WIDTH // 2), np.zeros(WIDTH // 2))
    features = draw.normal(size=(ROWS, WIDTH)) + state[:, None] * strength
    returns = 0.01 * draw.normal(size=ROWS) + 0.001 - 0.004 * state
    return features[:300], features[300:], returns[:300]


def answers(model, inner, later):
    """Objective, path of the training rows, labels known at later rows."""
    return {
        "objective": float(inner.val_),
        "train": digest(model.labels_),
        "online": digest(model.predict_online(later)),
    }


def dense(train, later, returns, penalty, **more):
    from jumpmodels.jump import JumpModel

    model = JumpModel(jump_penalty=penalty, **{"n_components": 2} | more)
    model.fit(train, returns, sort_by="cumret")
    return answers(model, model, later)


def sparse(train, later, returns, penalty, kept):
    from jumpmodels.sparse_jump import SparseJumpModel

    model = SparseJumpModel(2, max_feats=kept, jump_penalty=penalty)
    model.fit(train, returns, sort_by="cumret")
    found = answers(model, model.jm_ins, later)
    return found | {"weights": [round(float(w), 6) for w in np.asarray(model.w).ravel()]}


def cases(train, later, returns):
    found = {}
    for penalty in PENALTIES:
        found[f"{penalty:g}"] = dense(train, later, returns, penalty)
        for kept in KEPT:
            found[f"{penalty:g} sparse {kept:g}"] = sparse(train, later, returns, penalty, kept)
    return found


def main():
    made_with = {name: importlib.metadata.version(name) for name in ("jumpmodels", "scikit-learn")}
    out = {"versions": made_with, "nasdaq": cases(*nasdaq(sys.argv[1]))}
    for seed in SEEDS:
        data = [pd.DataFrame(part) for part in simulated(seed)[:2]]
        rows = (*data, pd.Series(simulated(seed)[2]))
        out[f"random {seed}"] = cases(*rows)
        out[f"random {seed}"]["20 three"] = dense(*rows, 20.0, n_components=3)
        out[f"random {seed}"]["200 continuous"] = dense(*rows, 200.0, cont=True)
    write(out)


def write(out):
    """One line for each fit."""
    groups = []
    for name, group in out.items():
        fits = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in group.items()]
        groups.append(f"{json.dumps(name)}: {{\n" + ",\n".join(fits) + "}")
    OUTPUT.write_text("{" + ",\n".join(groups) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
