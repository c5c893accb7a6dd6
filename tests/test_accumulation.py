"""A step of micro-batches is the step of their union, however its weights are spread."""

import jax
import numpy as np
import optax
import pytest

from jaxdl import losses, metrics, sweep, tasks, train
from jaxdl.data import batches
from jaxdl.layers.recurrent import RNN
from jaxdl.models import MLP, Head, LanguageModel, SharedTrunk
from jaxdl.optimizers import OPTIMIZERS, adam, sgd
from jaxdl.params import kernels
from jaxdl.tasks import Objective, language_model, multitask

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
K, B = 3, 4
X = RNG.normal(size=(K * B, 5)).astype(np.float32)
Y = RNG.integers(0, 3, K * B).astype(np.int32)
MASK = np.array([1, 1, 1, 2.5, 0, 0, 0, 1, 1, 0, 0, 0], np.float32)


def micro(batch):
    return {name: array.reshape(K, -1, *array.shape[1:]) for name, array in batch.items()}


def penalty(params):
    return 0.1 * losses.l2(params, kernels(params))


def tokens():
    """Sequences of 9, 63 and 6 real tokens in the three micro-batches."""
    ids = RNG.integers(1, 7, (K * B, 17)).astype(np.int32)
    lengths = [3, 2, 1, 3, 16, 16, 16, 15, 6, 0, 0, 0]
    ids[np.arange(17)[None] > np.array(lengths)[:, None]] = 0
    return {"x": ids[:, :-1], "y": ids[:, 1:]}


def labelled():
    """Labels of the three heads, missing where the others\' are not; one head has a single one."""
    present = np.zeros((3, K * B), np.float32)
    present[0, :7], present[1, 5:], present[2, 9] = 1, 1, 1
    labels = {f"y_{head}": Y for head in "abc"}
    return {"x": X, **labels, **{f"mask_{h}": row for h, row in zip("abc", present, strict=True)}}


def problem(name):
    model = MLP((6,), 3)
    plain = {"x": X, "y": Y}
    if name == "tokens":
        return language_model(LanguageModel(7, 5, RNN(6)), padding=0), tokens()
    if name == "masked, penalty":
        return tasks.classification(model, penalty=penalty), {**plain, "mask": MASK}
    if name == "nothing but padding, penalty":
        return tasks.classification(model, penalty=penalty), {**plain, "mask": 0 * MASK}
    if name == "class weights":
        return tasks.classification(model, class_weights=[0.1, 1.0, 20.0]), plain
    amounts = {"a": 1.0, "b": 0.3, "c": 4.0}
    accuracy = lambda *given: {"accuracy": metrics.accuracy(*given)}  # noqa: E731
    objectives = {
        head: Objective(losses.softmax_cross_entropy, amount, accuracy)
        for head, amount in amounts.items()
    }
    heads = dict.fromkeys("abc", Head(3, 1))
    return multitask(SharedTrunk((6,), heads), objectives), {**labelled(), "mask": MASK}


NAMES = (
    "tokens",
    "masked, penalty",
    "nothing but padding, penalty",
    "class weights",
    "missing labels",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_micro_batches_is_the_step_of_all_their_examples(name):
    task, batch = problem(name)
    tx = sgd(1.0)
    state = jax.jit(lambda key: train.init(task, tx, key, batch))(KEY)
    whole, expected = jax.jit(lambda state: train.step(task, tx, state, batch))(state)
    ours, found = jax.jit(lambda state: train.accumulated_step(task, tx, state, micro(batch)))(
        state
    )
    assert int(ours.step) == 1
    before, ours, whole = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(each.params)])
        for each in (state, ours, whole)
    )
    size = np.linalg.norm(whole - before)
    error = np.linalg.norm((ours - before) - (whole - before))
    assert size > 1e-3
    assert error < 2e-6 * size
    for metric, pair in expected.items():
        if name != "missing labels" or metric != "loss":  # a mean of batches, as it says
            np.testing.assert_allclose(found[metric], pair, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "tx",
    [
        optax.lbfgs(linesearch=optax.scale_by_backtracking_linesearch(5)),
        optax.polyak_sgd(),
        optax.chain(adam(0.05), optax.contrib.reduce_on_plateau(patience=1, accumulation_size=1)),
        OPTIMIZERS["adam"](0.05),
    ],
    ids=["lbfgs", "polyak_sgd", "reduce_on_plateau", "adam"],
)
def test_optimizers_see_the_value_the_gradient_and_the_function_of_the_whole(tx):
    task, batch = problem("masked, penalty")
    first = jax.jit(lambda key: train.init(task, tx, key, batch))(KEY)
    for whole, _ in train.fit(task, tx, first, [batch] * 4):
        pass
    for ours, _ in train.fit(task, tx, first, [micro(batch)] * 4, step=train.accumulated_step):
        pass
    for a, b in zip(*map(jax.tree.leaves, (ours.params, whole.params)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_streams_go_on_from_one_micro_batch_to_the_next():
    task = language_model(LanguageModel(7, 5, RNN(6)), carried=True)
    ids = RNG.integers(0, 7, (B, 3 * K + 1)).astype(np.int32)
    chunks = [
        {"x": ids[:, at : at + 3], "y": ids[:, at + 1 : at + 4], "start": np.full(B, at == 0)}
        for at in range(0, 3 * K, 3)
    ]
    tx = sgd(0.0)
    state = jax.jit(lambda key: train.init(task, tx, key, chunks[0]))(KEY)
    for one_by_one, _ in train.fit(task, tx, state, chunks):
        pass
    stacked = {name: np.stack([chunk[name] for chunk in chunks]) for name in chunks[0]}
    ours, _ = jax.jit(lambda state: train.accumulated_step(task, tx, state, stacked))(state)
    for a, b in zip(*map(jax.tree.leaves, (ours.model_state, one_by_one.model_state)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_each_micro_batch_draws_its_own_masks():
    task = tasks.regression(MLP((64,), 1, dropout=0.5))
    batch = {"x": np.ones((2, 1, 3), np.float32), "y": np.zeros((2, 1, 1), np.float32)}
    losses_of = []
    tx = sgd(0.0)
    first = {name: array[0] for name, array in batch.items()}
    state = jax.jit(lambda key: train.init(task, tx, key, first))(KEY)
    step = jax.jit(lambda batch: train.accumulated_step(task, tx, state, batch)[1])
    for mask in ([1, 0], [0, 1], [1, 1]):
        found = step({**batch, "mask": np.array(mask, np.float32)[:, None]})
        losses_of.append(float(train.mean(jax.device_get(found))["loss"]))
    assert losses_of[0] != losses_of[1]
    assert losses_of[2] == pytest.approx(np.mean(losses_of[:2]), rel=1e-6)


def test_a_sweep_with_accumulation_is_the_one_with_the_large_batch():
    data = {"train": {"x": X, "y": Y}}
    data["validation"] = batches.padded_batches(data["train"], 5)
    task, tx = tasks.classification(MLP((6,), 3)), adam(0.05)
    states = []
    for options in ({"batch_size": 2, "accumulate": 3}, {"batch_size": 6}):
        run = sweep.make_run(lambda hparams: (task, tx), steps=5, **options)
        advance = jax.jit(run.advance)
        state = jax.jit(run.init)({}, KEY, data)
        for _ in range(2):
            state, curves = advance({}, state, data)
        states.append((state.params, curves))
    for a, b in zip(*map(jax.tree.leaves, states), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="accumulate must be >= 1, not 0"):
        sweep.make_run(lambda hparams: (task, tx), steps=5, batch_size=2, accumulate=0)
