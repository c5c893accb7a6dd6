import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType

from jaxdl import parallel, tasks, train
from jaxdl.models import MLP

RNG = np.random.default_rng(0)
BATCH = {
    "x": RNG.normal(size=(8, 5)).astype(np.float32),
    "y": RNG.integers(0, 3, 8).astype(np.int32),
    "mask": np.array([1, 1, 1, 1, 1, 0, 0, 2], np.float32),
}
TASK = tasks.classification(MLP((6,), 3))
TX = optax.adam(0.01)
KEY = jax.random.key(3)
STEPS = 4


def plain(tx=TX, key=KEY, task=TASK):
    state = train.init(task, tx, key, BATCH)
    for state, metrics in train.fit(task, tx, state, [BATCH] * STEPS):
        pass
    return state, metrics


def close(ours, reference, rtol=1e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6), ours, reference
    )


def test_lanes_are_the_single_runs():
    rates = jnp.array([0.001, 0.01, 0.1])
    keys = jax.random.split(KEY, 3)
    lanes = parallel.lanes(lambda rate: (TASK, optax.adam(rate)))
    state = lanes.init(rates, keys, BATCH)
    for _ in range(STEPS):
        state, metrics = lanes.step(rates, state, BATCH)
    assert metrics["loss"][0].shape == (3,)
    for lane in range(3):
        single, _ = plain(optax.adam(float(rates[lane])), keys[lane])
        close(jax.tree.map(lambda leaf, lane=lane: leaf[lane], state.params), single.params)


def test_data_parallel_equals_the_plain_step():
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
    spread = parallel.data_parallel(TASK, TX, mesh)
    state = spread.init(KEY, BATCH)
    for _ in range(STEPS):
        state, metrics = spread.step(state, BATCH)
    expected, last = plain()
    close(state.params, expected.params)
    close(train.mean(metrics), last)
    kernel = state.params["Dense_0"]["kernel"]
    assert len(kernel.sharding.device_set) == 2
    assert kernel.is_fully_replicated


def test_data_parallel_dropout_is_the_plain_one():
    task = tasks.classification(MLP((6,), 3, dropout=0.5))
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
    spread = parallel.data_parallel(task, TX, mesh)
    state = spread.init(KEY, BATCH)
    for _ in range(STEPS):
        state, _ = spread.step(state, BATCH)
    close(state.params, plain(task=task)[0].params)


def test_pmap_equals_the_plain_step_though_one_device_holds_more_padding():
    spread = parallel.pmapped(TASK, TX)
    shards = {name: array.reshape(2, 4, *array.shape[1:]) for name, array in BATCH.items()}
    state = spread.init(KEY, shards)
    for _ in range(STEPS):
        state, metrics = spread.step(state, shards)
    expected, last = plain()
    for device in range(2):
        close(jax.tree.map(lambda leaf, d=device: leaf[d], state.params), expected.params)
    close(train.mean(jax.tree.map(lambda leaf: leaf[0], metrics)), last)


def test_batches_that_do_not_divide_are_refused():
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
    spread = parallel.data_parallel(TASK, TX, mesh)
    odd = {name: array[:7] for name, array in BATCH.items()}
    state = spread.init(KEY, BATCH)
    with pytest.raises(ValueError, match=r"evenly divide|divisible"):
        spread.step(state, odd)
