import json
from functools import partial

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.compiling import traced_once

from jaxdl.data import catalog
from jaxdl.data.batches import (
    ORDERS,
    epochs,
    ordered_indices,
    padded_batches,
    part_indices,
    permutation,
    repeated_indices,
    shuffled_indices,
    take,
)

KEY = jax.random.key(3)
COMPILED = {
    name: jax.jit(order, static_argnames=("n", "batch_size", "steps"))
    for name, order in ORDERS.items()
}
SIZES = [(12, 4), (13, 4), (5, 5), (7, 1)]
each_order = pytest.mark.parametrize("order", COMPILED.values(), ids=COMPILED)
few = settings(max_examples=20, deadline=None)


def _by_definition(key, n, batch_size, steps, reshuffled):
    """All steps from 0 on, one epoch after the other."""
    per_epoch = n // batch_size
    numbers = np.arange(-(-steps // per_epoch)) * reshuffled
    rows = []
    for order in np.asarray(_permutations(key, numbers, n)):
        rows.extend(order[: per_epoch * batch_size].reshape(per_epoch, batch_size))
    return np.array(rows[:steps])


@partial(jax.jit, static_argnums=2)
def _permutations(key, numbers, n):
    return jax.vmap(lambda number: permutation(jax.random.fold_in(key, number), n))(numbers)


@pytest.mark.parametrize(("n", "batch_size"), SIZES)
@pytest.mark.parametrize("name", COMPILED)
def test_order_is_a_permutation_an_epoch(name, n, batch_size):
    indices = COMPILED[name](KEY, n, batch_size, 0, 3 * (n // batch_size))
    assert indices.dtype == jnp.int32
    expected = _by_definition(KEY, n, batch_size, len(indices), name == "reshuffled")
    np.testing.assert_array_equal(indices, expected)
    for epoch in np.split(np.asarray(indices), 3):
        assert len(set(epoch.ravel())) == epoch.size == n - n % batch_size
        assert set(epoch.ravel()) <= set(range(n))


@pytest.mark.parametrize("n", [1, 2, 3, 1000, 70_000])
def test_permutation_holds_every_number_once(n):
    order = jax.jit(permutation, static_argnums=1)(KEY, n)
    assert sorted(np.asarray(order).tolist()) == list(range(n))


def test_permutations_are_uniform():
    """All 24 orders of four, equally often: chi-squared with 23 degrees of freedom."""
    draw = jax.jit(jax.vmap(lambda key: permutation(key, 4)))
    orders = np.asarray(draw(jax.random.split(KEY, 24_000)))
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 58  # exceeded once in 10,000


@each_order
@given(
    size=st.sampled_from([(13, 4), (7, 1)]), seed=st.integers(0, 5), first_step=st.integers(0, 40)
)
@few
def test_any_segment_is_a_piece_of_the_whole(order, size, seed, first_step):
    key = jax.random.key(seed)
    whole = np.asarray(order(key, *size, 0, 50))
    segment = order(key, *size, first_step, 9)
    np.testing.assert_array_equal(segment, whole[first_step : first_step + 9])


@pytest.mark.parametrize("name", COMPILED)
def test_orders_differ_in_the_second_epoch(name):
    first, second = np.split(np.asarray(COMPILED[name](KEY, 50, 5, 0, 20)), 2)
    assert (first == second).all() == (name == "repeated")


def test_every_row_comes_first_equally_often():
    indices = COMPILED["reshuffled"](KEY, 5, 1, 0, 5 * 1000)
    counts = np.bincount(np.asarray(indices)[::5, 0], minlength=5)
    chi_squared = ((counts - 200) ** 2 / 200).sum()
    assert chi_squared < 18.5  # exceeded with probability 0.001 at 4 degrees of freedom


@each_order
def test_order_runs_in_map_and_vmap(order):
    keys, steps = jax.random.split(KEY, 3), np.array([0, 5, 17])
    one = partial(order, n=13, batch_size=4, steps=6)

    @jax.jit
    def lanes(keys, steps):
        mapped = jax.lax.map(lambda lane: one(lane[0], first_step=lane[1]), (keys, steps))
        return mapped, jax.vmap(lambda key, step: one(key, first_step=step))(keys, steps)

    alone = [one(key, first_step=step) for key, step in zip(keys, steps, strict=True)]
    mapped, batched = lanes(keys, steps)
    np.testing.assert_array_equal(mapped, alone)
    np.testing.assert_array_equal(batched, alone)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_new_first_step_does_not_compile_again(order):
    compiled = traced_once(partial(order, n=12, batch_size=4, steps=5))
    for first_step in (0, 5, 10):
        compiled(KEY, first_step=first_step)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10])
def test_only_the_epochs_touched_are_permuted(steps):
    jaxpr = jax.make_jaxpr(lambda step: shuffled_indices(KEY, 12, 4, step, steps))(0)
    lengths = [e.params["length"] for e in jaxpr.eqns if e.primitive.name == "scan"]
    assert lengths == [max(len({(o + s) // 3 for s in range(steps)}) for o in range(3))]


@pytest.mark.parametrize("batch_size", [0, 11])
@pytest.mark.parametrize("make", [shuffled_indices, repeated_indices])
def test_batch_size_outside_the_data_is_refused(make, batch_size):
    with pytest.raises(ValueError, match=rf"batch_size {batch_size} is outside 1\.\.10"):
        make(KEY, 10, batch_size, 0, 1)


def test_take_gathers_every_array():
    arrays = {"x": np.arange(20.0).reshape(10, 2), "y": np.arange(10)}
    indices = jnp.array([[7, 0], [2, 2]])
    taken = jax.jit(take)(arrays, indices)
    for name, array in arrays.items():
        np.testing.assert_array_equal(taken[name], array[np.asarray(indices)])
    assert np.isnan(jax.jit(take)(arrays, jnp.array([10]))["x"]).all()


@given(
    n=st.integers(1, 12),
    batch_size=st.integers(1, 5),
    weights=st.sampled_from([None, "bool", "float"]),
)
@few
def test_padded_batches_hold_every_example_once(n, batch_size, weights):
    rng = np.random.default_rng(n)
    arrays = {"x": rng.uniform(1, 2, (n, 2, 3)).astype(np.float32), "y": np.arange(n)}
    if weights:
        arrays["mask"] = rng.integers(0, 3, n).astype(weights)
    batches = padded_batches(arrays, batch_size)
    assert all(isinstance(array, np.ndarray) for array in batches.values())
    assert batches["x"].shape == (-(-n // batch_size), batch_size, 2, 3)
    assert batches["mask"].dtype == np.float32
    assert batches["y"].dtype == arrays["y"].dtype
    for name in ("x", "y"):
        rows = batches[name].reshape(-1, *arrays[name].shape[1:])
        np.testing.assert_array_equal(rows[:n], arrays[name])
    mask = batches["mask"].ravel()
    np.testing.assert_array_equal(mask[:n], arrays.get("mask", np.ones(n)))
    np.testing.assert_array_equal(mask[n:], 0)


def test_padded_sums_equal_unpadded_ones():
    x = np.random.default_rng(0).uniform(1, 2, 10).astype(np.float32)
    mask = np.linspace(0, 2, 10, dtype=np.float32)

    def add(total, batch):
        return total + jnp.log(batch["x"]) @ batch["mask"], None

    @jax.jit
    def padded_sum(arrays):
        return jax.lax.scan(add, 0.0, padded_batches(arrays, 4))[0]

    np.testing.assert_allclose(padded_sum({"x": x, "mask": mask}), np.log(x) @ mask, rtol=1e-6)


@pytest.mark.parametrize("arrays", [{"x": np.ones(3), "y": np.ones(2)}, {"x": np.ones(0)}, {}])
def test_padded_batches_need_one_common_length(arrays):
    with pytest.raises(ValueError, match="one common length"):
        padded_batches(arrays, 2)


ARRAYS = {"x": np.arange(22).reshape(11, 2), "y": np.arange(11)}


def test_host_epochs_are_permutations():
    batches = list(epochs(ARRAYS, 3, seed=1, num_epochs=4))
    assert [batch["x"].shape for batch in batches] == [(3, 2)] * 12
    for batch in batches:
        np.testing.assert_array_equal(batch["x"], ARRAYS["x"][batch["y"]])
    orders = np.stack([batch["y"] for batch in batches]).reshape(4, 9)
    assert all(len(set(order)) == 9 for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def _rows(iterator, count):
    return np.stack([next(iterator)["y"] for _ in range(count)])


def test_host_epochs_depend_on_the_seed_alone():
    one, again, other = (_rows(epochs(ARRAYS, 3, seed), 6) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


@pytest.fixture(params=["arrays", "source", "stream"])
def data(request, digits_dir):
    if request.param == "arrays":
        return ARRAYS
    if request.param == "source":
        return [{"y": np.int32(row)} for row in range(11)]
    return catalog.stream("digits", "test", digits_dir)


def test_host_epochs_continue_exactly_from_a_saved_state(data):
    iterator = epochs(data, 2, seed=5)
    _rows(iterator, 7)
    state = json.dumps(iterator.get_state())
    rest = _rows(iterator, 9)
    fresh = epochs(data, 2, seed=5)
    fresh.set_state(json.loads(state))
    np.testing.assert_array_equal(_rows(fresh, 9), rest)


def test_host_epochs_give_memory_that_nobody_writes_to_again():
    """JAX may take a NumPy array for its own memory, and read it later."""
    batches = list(epochs(ARRAYS, 2, seed=0, num_epochs=2))
    arrays = [batch["x"] for batch in batches]
    for number, array in enumerate(arrays):
        others = [ARRAYS["x"], *arrays[:number]]
        assert not any(np.shares_memory(array, other) for other in others)


def test_host_epochs_over_a_stream_equal_those_over_its_arrays(digits_dir):
    arrays = catalog.load("digits", digits_dir).test
    streamed = epochs(catalog.stream("digits", "test", digits_dir), 8, seed=0)
    assert isinstance(streamed, grain.DatasetIterator)
    for _, one, other in zip(range(3), streamed, epochs(arrays, 8, seed=0), strict=False):
        np.testing.assert_array_equal(one["x"], other["x"])
        np.testing.assert_array_equal(one["y"], other["y"])


def test_host_epochs_refuse_a_batch_larger_than_the_data():
    with pytest.raises(ValueError, match=r"batch_size 12 is outside 1\.\.11"):
        epochs(ARRAYS, 12, seed=0)


def test_ordered_rows_go_round_as_they_stand():
    key = jax.random.key(0)
    found = ordered_indices(key, 7, 2, 2, 3)
    np.testing.assert_array_equal(found, [[4, 5], [0, 1], [2, 3]])
    later = jax.jit(lambda step: ordered_indices(key, 7, 2, step, 2))(4)
    np.testing.assert_array_equal(later, [[2, 3], [4, 5]])
    with pytest.raises(ValueError, match=r"batch_size 8 is outside 1\.\.7"):
        ordered_indices(key, 7, 8, 0, 1)


def test_a_part_is_gone_through_over_and_over():
    draw = jax.jit(part_indices, static_argnums=1)
    rows = np.asarray(draw(jax.random.key(0), 10, np.float32(3)))
    assert len(set(rows[:3])) == 3
    np.testing.assert_array_equal(rows, np.tile(rows[:3], 4)[:10])
