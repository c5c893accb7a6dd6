"""The same sweep as the shortest JAX program that we could write: the limit of what jaxdl can be.

No ledger, no curves, no checks, one chunk: `lax.map` over the trials of a core (CPU) or `vmap`
(accelerator), `shard_map` over devices. The same model, optimizer (optax's), initialization and
order of the data (reshuffled every epoch).
"""

import itertools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from benchmarks import digits

Params = list[tuple[jax.Array, jax.Array]]
Carry = tuple[Params, optax.OptState]
Splits = Mapping[str, Mapping[str, jax.Array]]


def init(key: jax.Array) -> Params:
    widths = (64, *digits.HIDDEN, digits.CLASSES)
    keys = jax.random.split(key, len(widths) - 1)
    normal = jax.nn.initializers.he_normal()
    shapes = itertools.pairwise(widths)
    return [(normal(k, shape), jnp.zeros(shape[1])) for k, shape in zip(keys, shapes, strict=True)]


def logits(params: Params, x: jax.Array) -> jax.Array:
    for kernel, bias in params[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = params[-1]
    return x @ kernel + bias


def train_one(rate: jax.Array, seed: jax.Array, splits: Splits) -> jax.Array:
    """Test accuracy of one trial."""
    x, y = splits["train"]["x"], splits["train"]["y"]
    init_key, order_key = jax.random.split(jax.random.key(seed))
    tx = optax.adam(rate)
    params = init(init_key)
    per_epoch = len(y) // digits.BATCH
    epochs = -(-digits.STEPS // per_epoch)
    orders = jax.lax.map(
        lambda key: jax.random.permutation(key, len(y)), jax.random.split(order_key, epochs)
    )
    rows = orders[:, : per_epoch * digits.BATCH].reshape(-1, digits.BATCH)[: digits.STEPS]

    def loss(params: Params, rows: jax.Array) -> jax.Array:
        predicted = logits(params, x[rows])
        return optax.softmax_cross_entropy_with_integer_labels(predicted, y[rows]).mean()

    def step(carry: Carry, rows: jax.Array) -> tuple[Carry, None]:
        params, state = carry
        updates, state = tx.update(jax.grad(loss)(params, rows), state)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, tx.init(params)), rows)
    return (logits(params, splits["test"]["x"]).argmax(-1) == splits["test"]["y"]).mean()


def sweep(trials: Sequence[int], splits: Mapping[str, Mapping[str, np.ndarray]]) -> np.ndarray:
    """Test accuracies of all trials, compiled and run."""
    devices = jax.devices()
    mesh = jax.make_mesh((len(devices),), ("trial",), axis_types=(AxisType.Auto,))

    def lanes(rates: jax.Array, seeds: jax.Array, splits: Splits) -> jax.Array:
        if devices[0].platform == "cpu":
            return jax.lax.map(lambda lane: train_one(lane[0], lane[1], splits), (rates, seeds))
        return jax.vmap(train_one, in_axes=(0, 0, None))(rates, seeds, splits)

    spread = jax.shard_map(
        lanes,
        mesh=mesh,
        in_specs=(P("trial"), P("trial"), P()),
        out_specs=P("trial"),
        check_vma=False,
    )
    padded = np.resize(np.array(trials), -(-len(trials) // len(devices)) * len(devices))
    rates = np.array([digits.rate(trial) for trial in padded], np.float32)
    return np.asarray(jax.jit(spread)(rates, padded.astype(np.uint32), splits))[: len(trials)]
