"""Time of an epoch of the published recurrent network, against torch.

The unit of work is one pass over 196 windows of 12 months and 135 features, 12 targets, in batches
of 32, of the network with 10,496,264 parameters: LSTM with recurrent dropout .8, normalisation,
three dense layers with L1 and L2 penalties, Adam. Ours is Keras on JAX as the forecaster trains it,
its last batch filled to 32 rows. Torch takes the same layers, penalties and batches, once with a
cell that drops the recurrent state as ours does, once with `nn.LSTM`, which has no such dropout.

Before timing, both hold the same first weights and must forecast the same; the largest difference
is in the record as "errors". The pass that compiles is not timed: "compile_s" says how long it
took. The candidates take turns in one process, all with a thread for each core it may use: on a
busy machine pin it to one (`taskset -c 1`), or threads that wait for each other are what is timed.
The goal is at most 1.5 times the faster of torch's two. Keras or torch may be absent: the program
says so and times the other.

    python benchmarks/recurrent.py [--date 2025-01-31] [--repeats 5]
"""

import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import arguments, interleave, peer, record

from tiltwise.models.forecasters.recurrent_keras import Course, Network, batches
from tiltwise.models.forecasters.recurrent_network import PUBLISHED, SLOPE, TINY, layers, shapes

ROWS, FEATURES, TARGETS, BATCH, RATE = 196, 135, 12, 32, 1e-3
COUNT = 10_496_264


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((ROWS, PUBLISHED.months, FEATURES))
    return inputs, rng.standard_normal((ROWS, TARGETS))


def weights() -> list[Any]:
    """First weights of all candidates, in the order of Keras."""
    rng = np.random.default_rng(1)
    told = [0.02 * rng.standard_normal(s) for s in shapes(PUBLISHED, FEATURES, TARGETS)]
    told[3] += 1.0  # gain of the normalisation
    return [one.astype(np.float32) for one in told]


def ours(network: Network, inputs: Any, goal: Any) -> Callable[[], None]:
    rng = np.random.default_rng(2)

    def epoch() -> None:
        for rows, weight in batches(ROWS, BATCH, rng):
            network.step(inputs[rows], goal[rows], weight)
        network.model.weights[0].value.block_until_ready()

    return epoch


def torch_model(torch: Any, first: list[Any], dropout: bool) -> Any:
    nn = torch.nn
    sizes = [PUBLISHED.units, *PUBLISHED.dense, TARGETS]

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            kind = nn.LSTMCell if dropout else nn.LSTM
            self.lstm = kind(FEATURES, PUBLISHED.units)
            self.norm = nn.LayerNorm(PUBLISHED.units, eps=TINY)
            self.dense = nn.ModuleList([nn.Linear(*pair) for pair in itertools.pairwise(sizes)])

        def forward(self, seen: Any) -> Any:
            z = self.norm(self.recurrent(seen))
            for layer in self.dense[:-1]:
                z = nn.functional.leaky_relu(layer(z), SLOPE)
            return self.dense[-1](z)

        def recurrent(self, seen: Any) -> Any:
            if not dropout:
                return self.lstm(seen.transpose(0, 1))[0][-1]
            state = memory = torch.zeros(len(seen), PUBLISHED.units)
            kept = nn.functional.dropout(
                torch.ones_like(state), PUBLISHED.recurrent_dropout, self.training
            )
            for month in range(PUBLISHED.months):
                state, memory = self.lstm(seen[:, month], (state * kept, memory))
            return state

    net = Net()
    ends = "" if dropout else "_l0"
    with torch.no_grad():
        for name, value in (("weight_ih", first[0].T), ("weight_hh", first[1].T),
                            ("bias_ih", first[2]), ("bias_hh", 0.0 * first[2])):  # fmt: skip
            getattr(net.lstm, name + ends).copy_(torch.from_numpy(np.ascontiguousarray(value)))
        net.norm.weight.copy_(torch.from_numpy(first[3]))
        net.norm.bias.copy_(torch.from_numpy(first[4]))
        for layer, kernel, bias in zip(net.dense, first[5::2], first[6::2], strict=True):
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel.T)))
            layer.bias.copy_(torch.from_numpy(bias))
    getattr(net.lstm, "bias_hh" + ends).requires_grad_(False)  # Keras has one bias a gate
    return net


def theirs(torch: Any, net: Any, inputs: Any, goal: Any) -> Callable[[], None]:
    adam = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], RATE, eps=1e-7)
    x = torch.from_numpy(inputs.astype(np.float32))
    y = torch.from_numpy(goal.astype(np.float32))
    rng = np.random.default_rng(2)

    def epoch() -> None:
        for rows, weight in batches(ROWS, BATCH, rng):
            chosen = torch.from_numpy(rows[weight > 0])
            adam.zero_grad()
            loss = ((net(x[chosen]) - y[chosen]) ** 2).mean()
            for layer in net.dense[:-1]:
                loss = loss + PUBLISHED.hidden_l1 * layer.weight.abs().sum()
                loss = loss + PUBLISHED.hidden_l2 * layer.weight.square().sum()
            loss = loss + PUBLISHED.output_l2 * net.dense[-1].weight.square().sum()
            loss.backward()
            adam.step()

    return epoch


def main() -> None:
    options = arguments(__doc__)
    assert sum(count for _, count in layers(PUBLISHED, FEATURES, TARGETS)) == COUNT
    (inputs, goal), first = data(), weights()
    candidates: dict[str, Callable[[], None]] = {}
    told: dict[str, Any] = {}
    found: dict[str, Any] = {}
    if (jax := peer("jax")) is not None and peer_keras() is not None:
        start = time.perf_counter()
        network = Network(Course(PUBLISHED, RATE, BATCH, 0), FEATURES, TARGETS)
        network.model.set_weights(first)
        told["ours"] = network.model.predict_on_batch(inputs[:BATCH].astype(np.float32))
        epoch = ours(network, inputs, goal)
        epoch()
        found |= {"compile_s": round(time.perf_counter() - start, 1), "device": device(jax)}
        candidates["tiltwise, Keras on JAX"] = epoch
    if (torch := peer("torch")) is not None:
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        for name, dropout in (("torch LSTMCell, dropout", True), ("torch nn.LSTM", False)):
            net = torch_model(torch, first, dropout)
            assert sum(p.numel() for p in net.parameters() if p.requires_grad) == COUNT
            with torch.no_grad():
                seen = torch.from_numpy(inputs[:BATCH].astype(np.float32))
                told[name] = net.eval()(seen).numpy()
            candidates[name] = theirs(torch, net.train(), inputs, goal)
    errors = {n: float(f"{np.abs(v - told['ours']).max():.1e}") for n, v in told.items()
              if n != "ours" and "ours" in told}  # fmt: skip
    if any(error > 1e-3 for error in errors.values()):
        raise SystemExit(f"the networks differ: {errors}")
    if candidates:
        medians = interleave(candidates, options.repeats)
        peers = [name for name in candidates if name.startswith("torch")]
        base = min(peers or candidates, key=lambda name: medians[name])
        record("recurrent epoch", medians, base, options.date, rows=ROWS, parameters=COUNT,
               errors=errors, **found)  # fmt: skip


def peer_keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return peer("keras")


def device(jax: Any) -> str:
    return str(jax.devices()[0].platform)


if __name__ == "__main__":
    main()
