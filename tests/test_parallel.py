import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, PartitionSpec
from support.compiling import compiled

from jaxdl import parallel, tasks, train
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.norms import BatchNorm
from jaxdl.layers.recurrent import RNN
from jaxdl.losses import softmax_cross_entropy
from jaxdl.models import MLP, LanguageModel
from jaxdl.tasks import Objective, language_model, multitask

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


initial = jax.jit(train.init, static_argnums=(0, 1))


def plain(task=TASK):
    state = initial(task, TX, KEY, BATCH)
    for state, metrics in train.fit(task, TX, state, [BATCH] * STEPS):
        pass
    return state, metrics


def close(ours, reference, rtol=1e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6), ours, reference
    )


def test_lanes_are_the_single_runs():
    rates = np.array([0.001, 0.01, 0.1], np.float32)
    keys = jax.random.split(KEY, 3)
    lanes = parallel.lanes(lambda rate: (TASK, optax.adam(rate)))

    @jax.jit
    def single(rate, key):
        tx = optax.adam(rate)
        step = lambda _, state: train.step(TASK, tx, state, BATCH)[0]  # noqa: E731
        return jax.lax.fori_loop(0, STEPS, step, train.init(TASK, tx, key, BATCH)).params

    state = lanes.init(rates, keys, BATCH)
    for _ in range(STEPS):
        state, metrics = lanes.step(rates, state, BATCH)
    assert metrics["loss"][0].shape == (3,)
    params = jax.device_get(state.params)
    for lane in range(3):
        ours = jax.tree.map(lambda leaf, lane=lane: leaf[lane], params)
        close(ours, single(rates[lane], keys[lane]))


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        h = BatchNorm()(nn.Dense(6)(x), train=train)
        return {"a": nn.Dense(3)(h), "b": nn.Dense(2)(Dropout(0.3)(h, train=train))}


class Classes(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        return Normed()(x, train=train)["a"]


def of_devices(batch):
    return {name: array.reshape(2, -1, *array.shape[1:]) for name, array in batch.items()}


def unevenly_labelled(rng):
    """Heads whose labels lie mostly on one device, each on another."""
    masks = {"mask_a": [1, 1, 1, 1, 0, 0, 0, 1], "mask_b": [0, 0, 0, 1, 1, 1, 0, 1]}
    labels = {"y_a": rng.integers(0, 3, 8), "y_b": rng.integers(0, 2, 8)}
    floats = {name: np.array(mask, np.float32) for name, mask in masks.items()}
    return {"x": BATCH["x"], "mask": BATCH["mask"], **floats, **labels}


def streams(rng, start):
    ids = rng.integers(0, 7, (8, 6)).astype(np.int32)
    padded = np.array([6, 6, 6, 6, 1, 2, 0, 1])  # real tokens of each row
    mask = (np.arange(5)[None] < padded[:, None]).astype(np.float32)
    return {"x": ids[:, :-1], "y": ids[:, 1:], "mask": mask, "start": np.full(8, start)}


def problem(name):
    """A task and the batches of three steps, in which no device's examples are like another's."""
    rng = np.random.default_rng(1)
    if name == "masked":
        return TASK, [BATCH] * 3
    if name == "batch norm":
        return tasks.classification(Classes(), class_weights=[1.0, 5.0, 2.0]), [BATCH] * 3
    if name == "several tasks":
        objectives = {"a": Objective(softmax_cross_entropy), "b": Objective(softmax_cross_entropy)}
        return multitask(Normed(), objectives), [unevenly_labelled(rng)] * 3
    task = language_model(LanguageModel(7, 5, RNN(6)), carried=True)
    return task, [streams(rng, start) for start in (1, 0, 0)]


@pytest.mark.parametrize("name", ["masked", "batch norm", "several tasks", "carried streams"])
def test_pmap_equals_the_plain_step_whatever_lies_on_which_device(name):
    task, stream = problem(name)
    tx = optax.sgd(0.5, momentum=0.9)
    spread = parallel.pmapped(task, tx)
    expected = initial(task, tx, KEY, stream[0])
    state = spread.init(KEY, of_devices(stream[0]))
    for batch in stream:
        expected, wanted = jax.jit(train.step, static_argnums=(0, 1))(task, tx, expected, batch)
        state, metrics = spread.step(state, of_devices(batch))
    keys = [np.asarray(jax.random.key_data(one.key)) for one in (state, expected)]
    assert np.array_equal(keys[0][1], keys[1])
    held = jax.device_get((state._replace(key=None), metrics))
    for device in range(2):
        ours = jax.tree.map(lambda leaf, d=device: leaf[d], held)
        close(ours, (expected._replace(key=None), wanted), rtol=2e-5)
    kernel = jax.tree.leaves(state.params)[-1]
    assert [shard.data.shape[0] for shard in kernel.addressable_shards] == [1, 1]


def test_pmap_computes_on_a_device_what_lies_there():
    spread = parallel.pmapped(TASK, TX)
    state = spread.init(KEY, of_devices(BATCH))
    program = spread.step.lower(state, of_devices(BATCH)).compile().as_text()
    # The hidden layer of four of the eight examples; no device has that of all.
    assert "f32[4,6]" in program
    assert "f32[8,6]" not in program


def test_pmap_of_another_number_of_devices_is_refused():
    odd = {name: array[None] for name, array in BATCH.items()}
    with pytest.raises(ValueError, match="is of 1 devices, and there are 2"):
        parallel.pmapped(TASK, TX).init(KEY, odd)


def mesh_of(*shape):
    axes = ("data", "model")[: len(shape)]
    return jax.make_mesh(shape, axes, axis_types=(AxisType.Auto,) * len(shape))


@pytest.mark.parametrize(
    ("shape", "spec"),
    [
        ((64, 128), (None, "data")),
        ((128, 64), ("data",)),
        ((3, 90, 90), (None, "data")),
        ((8192,), ("data",)),
        ((8193,), ()),
        ((63, 65), ()),
        ((64, 64), ()),  # small
        ((), ()),
    ],
)
def test_the_longest_axis_that_divides_is_split(shape, spec):
    assert parallel.sharded(shape, mesh_of(2)) == PartitionSpec(*spec)
    assert parallel.replicated(shape, mesh_of(2)) == PartitionSpec()


def test_the_last_axis_of_a_mesh_splits_the_state():
    assert parallel.sharded((128, 64), mesh_of(1, 2)) == PartitionSpec("model")


class Wide(nn.Module):
    """What could go wrong: statistics of the batch, random masks, a narrow dtype."""

    dtype: type = jnp.float32

    @nn.compact
    def __call__(self, x, *, train):
        h = BatchNorm()(nn.Dense(1024, dtype=self.dtype)(x), train=train)
        return nn.Dense(3, dtype=self.dtype)(Dropout(0.3)(nn.relu(h), train=train))


def off_by(ours, reference):
    """The global norm of a difference, by that of the reference."""
    pairs = zip(*map(jax.tree.leaves, jax.device_get((ours, reference))), strict=True)
    squares = [(np.square(a - b).sum(), np.square(b).sum()) for a, b in pairs]
    of_difference, of_reference = np.sum(squares, axis=0)
    return np.sqrt(of_difference / of_reference)


@pytest.mark.parametrize(
    ("layout", "accumulated", "dtype", "within"),
    [
        (parallel.replicated, False, jnp.float32, 1e-6),
        (parallel.sharded, False, jnp.float32, 1e-6),
        (parallel.sharded, True, jnp.float32, 1e-6),
        (parallel.sharded, False, jnp.bfloat16, 1e-2),
    ],
)
def test_a_step_over_devices_has_the_gradients_of_one(layout, accumulated, dtype, within):
    task = tasks.classification(Wide(dtype))
    tx = optax.chain(optax.trace(0.0), optax.adam(0.01))  # the first keeps the gradients
    one_step, batch = train.step, BATCH
    if accumulated:
        one_step, batch = train.accumulated_step, of_devices(BATCH)
    spread = parallel.data_parallel(task, tx, mesh_of(2), layout, accumulated=accumulated)
    expected, state = initial(task, tx, KEY, BATCH), spread.init(KEY, BATCH)
    close(state.params, expected.params)
    expected, wanted = jax.jit(one_step, static_argnums=(0, 1))(task, tx, expected, batch)
    after, metrics = spread.step(state, batch)
    assert off_by(after.opt_state[0].trace, expected.opt_state[0].trace) < within
    close(train.mean(jax.device_get(metrics)), train.mean(wanted), rtol=within)
    close(after.model_state, expected.model_state, rtol=within)

    kernel = after.params["Dense_0"]["kernel"]
    assert kernel.dtype == jnp.float32
    of_one = (5, 512) if layout is parallel.sharded else (5, 1024)
    moments = after.opt_state[1][0]
    for leaf in (kernel, moments.mu["Dense_0"]["kernel"], moments.nu["Dense_0"]["kernel"]):
        assert [part.data.shape for part in leaf.addressable_shards] == [of_one] * 2
    with compiled() as names:
        spread.step(after, batch)
    assert names == []
    assert [a.sharding for a in jax.tree.leaves(after)] == [
        a.sharding for a in jax.tree.leaves(state)
    ]


def test_fit_takes_the_step_of_a_mesh():
    mesh = mesh_of(1, 2)
    state = parallel.data_parallel(TASK, TX, mesh).init(KEY, BATCH)
    step = parallel.StepOver(mesh)
    for state, metrics in train.fit(TASK, TX, state, [BATCH] * STEPS, step=step):
        pass
    expected, last = plain()
    close(state.params, expected.params)
    close(metrics, last)


def test_batches_that_do_not_divide_are_refused():
    spread = parallel.data_parallel(TASK, TX, mesh_of(2))
    odd = {name: array[:7] for name, array in BATCH.items()}
    state = spread.init(KEY, BATCH)
    with pytest.raises(ValueError, match=r"evenly divide|divisible"):
        spread.step(state, odd)
