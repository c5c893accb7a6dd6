"""Models of any library through one contract, each with the numbers of its Linen twin."""

import functools

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxdl import checkpoint, params, sweep, tasks, train
from jaxdl.data.batches import padded_batches
from jaxdl.layers import Dropout

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 5)).astype(np.float32)
BATCH = {"x": X, "y": X[:, :3].argmax(axis=1).astype(np.int32)}
HIDDEN, RATE, TX = 16, 0.5, optax.adam(1e-2)


class Twin(nn.Module):
    """Dense, batch norm, relu, dropout, dense."""

    rate: float = RATE

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Dense(HIDDEN, name="first")(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5, name="norm")(x)
        x = Dropout(self.rate)(nn.relu(x), train=train)
        return nn.Dense(3, name="last")(x)


class OfNNX(nnx.Module):
    def __init__(self, rngs, rate=RATE):
        self.first = nnx.Linear(5, HIDDEN, rngs=rngs)
        self.norm = nnx.BatchNorm(HIDDEN, momentum=0.9, epsilon=1e-5, rngs=rngs)
        self.drop = nnx.Dropout(rate, rngs=rngs)
        self.last = nnx.Linear(HIDDEN, 3, rngs=rngs)

    def __call__(self, x):
        return self.last(self.drop(nnx.relu(self.norm(self.first(x)))))


def of_equinox(rate=RATE):
    class OfEquinox(eqx.Module):
        first: eqx.nn.Linear
        norm: eqx.nn.BatchNorm
        drop: eqx.nn.Dropout
        last: eqx.nn.Linear

        def __init__(self, key):
            one, two = jax.random.split(key)
            self.first = eqx.nn.Linear(5, HIDDEN, key=one)
            self.norm = eqx.nn.BatchNorm(HIDDEN, "batch", momentum=0.9, mode="batch")
            self.drop = eqx.nn.Dropout(rate)
            self.last = eqx.nn.Linear(HIDDEN, 3, key=two)

        def __call__(self, x, state, *, key=None):
            x, state = self.norm(self.first(x), state)
            return self.last(self.drop(jax.nn.relu(x), key=key)), state

    return tasks.from_equinox(OfEquinox)


def of_functions(rate=RATE):
    def init(key, x):
        one, two = jax.random.split(key)
        dense = jax.nn.initializers.lecun_normal()
        zeros = jnp.zeros(HIDDEN)
        learned = {
            "first": {"kernel": dense(one, (x.shape[1], HIDDEN)), "bias": zeros},
            "norm": {"scale": 1 + zeros, "bias": zeros},
            "last": {"kernel": dense(two, (HIDDEN, 3)), "bias": jnp.zeros(3)},
        }
        return learned, {"batch_stats": {"norm": {"mean": zeros, "var": 1 + zeros}}}

    def apply(learned, state, x, *, train, key=None, named=None):
        x = x @ learned["first"]["kernel"] + learned["first"]["bias"][None]
        running = state["batch_stats"]["norm"]
        used = {"mean": x.mean(0), "var": x.var(0)} if train else running
        x = (x - used["mean"][None]) / jnp.sqrt(used["var"] + 1e-5)[None]
        x = jax.nn.relu(x * learned["norm"]["scale"][None] + learned["norm"]["bias"][None])
        if train:
            x = jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)
            moved = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, running, used)
            state = {"batch_stats": {"norm": moved}}
        return x @ learned["last"]["kernel"] + learned["last"]["bias"][None], state

    return tasks.Network(init, apply)


KINDS = {
    "linen": Twin,
    "nnx": lambda rate=RATE: tasks.from_nnx(functools.partial(OfNNX, rate=rate)),
    "equinox": of_equinox,
    "functions": of_functions,
}
TRACED = ("linen", "equinox", "functions")
"""Whose dropout takes a traced rate."""


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def started(kind, **options):
    task = tasks.classification(KINDS[kind](**options))
    return task, jax.jit(functools.partial(train.init, task, TX))(KEY, BATCH)


def linen_params(kind, tree):
    """The parameters as the Linen twin names and lays them."""
    if kind != "equinox":
        return tree
    named = {module: {"bias": leaves["bias"]} for module, leaves in tree.items()}
    named["norm"]["scale"] = tree["norm"]["weight"]
    for dense in ("first", "last"):
        named[dense]["kernel"] = tree[dense]["weight"].T
    return named


def linen_state(kind, model_state):
    """The running statistics as the Linen twin has them."""
    norm = model_state["batch_stats"]["norm"]
    if kind == "equinox":  # which begins at zeros and divides by what is missing
        share = 1 - 0.9 ** norm["batch_counter"]
        norm = {"mean": norm["batch_state_index"][0], "var": norm["batch_state_index"][1]}
        norm = jax.tree.map(lambda leaf: leaf / share, norm)
    return {"batch_stats": {"norm": norm}}


def close(tree, expected, **tolerances):
    jax.tree.map(functools.partial(np.testing.assert_allclose, **tolerances), tree, expected)


def test_init_draws_nested_dicts_of_arrays_by_name_from_the_key(kind):
    task, state = started(kind)
    ours = linen_params(kind, state.params)
    assert jax.tree.map(jnp.shape, ours) == jax.tree.map(jnp.shape, started("linen")[1].params)
    assert {leaf.dtype for leaf in jax.tree.leaves(ours)} == {jnp.dtype("float32")}
    other, _ = task.init(jax.random.key(1), BATCH)
    assert not np.array_equal(linen_params(kind, other)["first"]["kernel"], ours["first"]["kernel"])
    assert params.by_path(state.params, "^first/")["last"]["bias"] is False


def test_numbers_are_those_of_the_linen_twin_with_the_same_weights(kind):
    task, state = started(kind, rate=0.0)
    theirs, begun = started("linen", rate=0.0)
    tx = optax.sgd(0.1)
    state = state._replace(opt_state=tx.init(state.params))
    weights = linen_params(kind, state.params)
    other = begun._replace(params=weights, opt_state=tx.init(weights))
    step = jax.jit(lambda task, state: train.step(task, tx, state, BATCH), static_argnums=0)
    for _ in range(3):
        state, metrics = step(task, state)
        other, expected = step(theirs, other)
        close(metrics, expected, rtol=1e-5)
    close(linen_params(kind, state.params), other.params, rtol=1e-4, atol=1e-6)
    used = jax.jit(lambda task, *given: task.predict(*given, BATCH), static_argnums=0)
    logits = used(theirs, other.params, linen_state(kind, state.model_state))
    close(used(task, state.params, state.model_state), logits, rtol=1e-4, atol=1e-5)


def test_batch_statistics_move_by_a_tenth_of_the_way_in_training_only(kind):
    task, state = started(kind, rate=0.0)
    after, _ = jax.jit(functools.partial(train.step, task, TX))(state, BATCH)
    first = linen_params(kind, state.params)["first"]
    hidden = X @ np.asarray(first["kernel"]) + np.asarray(first["bias"])
    moved = after.model_state["batch_stats"]["norm"]
    if kind == "equinox":
        moved = dict(zip(("mean", "var"), moved["batch_state_index"], strict=True))
    np.testing.assert_allclose(moved["mean"], 0.1 * hidden.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(moved["var"], 0.9 + 0.1 * hidden.var(0), rtol=1e-4, atol=1e-6)
    evaluate = jax.jit(functools.partial(task.loss, train=False))
    close(evaluate(*after[2:4], BATCH, KEY)[1][0], after.model_state, rtol=0)


def test_dropout_differs_by_key_and_is_off_after_training(kind):
    task, state = started(kind)
    loss = jax.jit(
        lambda key: task.loss(state.params, state.model_state, BATCH, key, train=True)[0]
    )
    assert loss(KEY) == loss(KEY) != loss(jax.random.key(1))
    still, _ = started(kind, rate=0.0)
    used = jax.jit(lambda: [of.predict(*state[2:4], BATCH) for of in (task, still)])
    np.testing.assert_array_equal(*used())


def test_a_sweep_trains_many_at_once(kind, tmp_path):
    built = KINDS[kind]

    def build(h):
        options = {"rate": h["rate"]} if kind in TRACED else {}
        return tasks.classification(built(**options)), optax.adam(h["learning_rate"])

    data = {"train": BATCH, "validation": padded_batches(BATCH, 32)}
    rates = [0.0, 0.5] if kind in TRACED else [0.5]
    space = sweep.grid(learning_rate=[0.0, 0.03], rate=rates)
    trials = sweep.trials(["adam"], space, seeds=range(2))
    runs = {"adam": sweep.make_run(build, steps=40, batch_size=32)}
    rows = sweep.execute(runs, trials, data, workdir=tmp_path).to_pandas()
    assert (rows["status"] == "ok").all()
    learned = rows[rows["learning_rate"] > 0]["validation_accuracy"]
    assert learned.min() > 0.6 > rows[rows["learning_rate"] == 0]["validation_accuracy"].mean()
    if kind in TRACED:
        by_rate = rows[rows["learning_rate"] > 0].groupby("rate")["validation_loss"].mean()
        assert by_rate[0.0] < by_rate[0.5]


def test_a_checkpoint_gives_back_the_state_and_its_predictions(kind, tmp_path):
    task, state = started(kind)
    step = jax.jit(functools.partial(train.step, task, TX))
    state, _ = step(state, BATCH)
    checkpoint.save(tmp_path, 1, state)
    _, blank = started(kind)
    found = checkpoint.restore(tmp_path, blank).tree
    # What goes on from it is the same, bit by bit.
    close(step(found, BATCH)[0][2:4], step(state, BATCH)[0][2:4], rtol=0)


def test_layers_of_nnx_drop_apart():
    class Twice(nnx.Module):
        def __init__(self, rngs):
            self.first, self.second = (nnx.Dropout(0.5, rngs=rngs) for _ in range(2))

        def __call__(self, x):
            return self.first(x), self.second(x)

    net = tasks.from_nnx(Twice)
    assert net.init(KEY, X) == ({}, {})
    one, other = jax.jit(lambda: net.apply(*net.init(KEY, X), X, train=True, key=KEY)[0])()
    assert ((one == 0) != (other == 0)).mean() == pytest.approx(0.5, abs=0.15)


def test_a_traced_rate_of_nnx_dropout_names_layers_that_take_one():
    def run(rate):
        net = KINDS["nnx"](rate=rate)
        return net.apply(*net.init(KEY, X), X, train=True, key=KEY)[0]

    with pytest.raises(TypeError, match=r"flax.nnx.Dropout compares its rate"):
        jax.jit(run)(0.5)


def test_a_rate_of_dropout_is_no_parameter_of_equinox():
    net = of_equinox(rate=jnp.float32(0.3))
    learned, state = net.init(KEY, X)
    assert "drop" not in learned
    assert state["other"] == {"drop": {"p": 0.3}}


def test_functions_are_told_what_they_have_a_name_for():
    def init(key, x):
        return jax.random.normal(key, (x.shape[1], 3))

    def apply(kernel, x, deterministic, key):
        return x @ kernel + (0 if deterministic else jax.random.normal(key, (3,))[None])

    task = tasks.classification(tasks.from_functions(init, apply))
    learned, state = task.init(KEY, BATCH)
    np.testing.assert_allclose(task.predict(learned, state, BATCH), X @ learned, rtol=1e-5)
    losses = [
        task.loss(learned, state, BATCH, jax.random.key(n), train=train)[0]
        for n, train in ((0, False), (0, True), (1, True))
    ]
    assert len(set(map(float, losses))) == 3


@pytest.mark.parametrize("wrong", [OfNNX(nnx.Rngs(0)), OfNNX, len])
def test_what_is_no_model_is_told_how_to_become_one(wrong):
    with pytest.raises(TypeError, match=r"is no Linen module: tasks.from_nnx\(lambda rngs: ...\)"):
        tasks.classification(wrong)


class Plain(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(5, 3, rngs=rngs)

    def __call__(self, x):
        return self.first(x)


OF_ONE_SHAPE = {
    "nnx": (tasks.from_nnx(Plain), "Plain"),
    "equinox": (
        tasks.from_equinox(lambda key: eqx.nn.Linear(5, 3, key=key)),
        "the model",
    ),
    "functions": (
        tasks.from_functions(lambda key, x: {"w": jnp.zeros((5, 3))}, lambda p, x: x @ p["w"]),
        "the model",
    ),
}


@pytest.mark.parametrize("kind", OF_ONE_SHAPE)
def test_an_input_of_another_shape_is_one_line_that_says_its_own(kind):
    model, name = OF_ONE_SHAPE[kind]
    task = tasks.classification(model)
    params, model_state = task.init(KEY, BATCH)
    for wrong in (X[:, :4], X[:, :, None], X[:, None, :, None]):
        shape = ", ".join(map(str, wrong.shape))
        for call in (task.predict, jax.jit(task.predict)):
            with pytest.raises((TypeError, ValueError)) as caught:
                call(params, model_state, {"x": wrong})
            assert str(caught.value).startswith(f"{name}, given inputs float32[{shape}]: ")
            assert str(caught.value).endswith(" ".join(str(caught.value.__cause__).split()))
            assert "\n" not in str(caught.value)


class Refused(ValueError):
    def __init__(self, code, text):
        super().__init__(code, text)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("the size of my cache\n is 3"), "the size of my cache is 3"),
        (TypeError("no axis is named"), "no axis is named"),
    ],
)
def test_what_a_model_says_itself_is_quoted_and_no_meaning_is_read_into_it(error, said):
    def apply(params, x):
        raise error

    task = tasks.classification(tasks.from_functions(lambda key, x: {}, apply))
    with pytest.raises(type(error)) as caught:
        task.predict({}, {}, BATCH)
    shape = ", ".join(map(str, X.shape))
    assert str(caught.value) == f"the model, given inputs float32[{shape}]: {said}"
    assert caught.value.__cause__ is error


def test_errors_of_other_types_stay_what_they_are():
    def apply(params, x):
        raise refused

    refused = Refused(3, "of another shape")
    task = tasks.classification(tasks.from_functions(lambda key, x: {}, apply))
    with pytest.raises(Refused) as caught:
        task.predict({}, {}, BATCH)
    assert caught.value is refused


def test_a_task_that_calls_methods_needs_a_linen_module():
    task = tasks.reconstruction(tasks.from_nnx(OfNNX))
    with pytest.raises(TypeError, match="this task needs a Linen module, not Network"):
        task.init(KEY, BATCH)


def test_a_language_model_of_equinox_carries_its_state_on():
    class Cell(eqx.Module):
        table: eqx.nn.Embedding
        cell: eqx.nn.GRUCell
        head: eqx.nn.Linear

        def __init__(self, key):
            keys = jax.random.split(key, 3)
            self.table = eqx.nn.Embedding(7, 4, key=keys[0])
            self.cell = eqx.nn.GRUCell(4, 6, key=keys[1])
            self.head = eqx.nn.Linear(6, 7, key=keys[2])

        def __call__(self, ids, carry):
            def step(carry, token):
                carry = self.cell(self.table(token), carry)
                return carry, self.head(carry)

            return jax.lax.scan(step, jnp.zeros(6) if carry is None else carry, ids)

    tokens = RNG.integers(0, 7, size=(2, 9))
    batch = {"x": tokens[:, :-1], "y": tokens[:, 1:], "start": np.zeros(2)}
    task = tasks.language_model(tasks.from_equinox(Cell), carried=True)
    tx = optax.sgd(0.0)
    state = jax.jit(functools.partial(train.init, task, tx))(KEY, batch)
    whole = jax.jit(task.predict)(state.params, state.model_state, batch)
    first, second = ({k: v[:, a : a + 4] if k != "start" else v for k, v in batch.items()}
                     for a in (0, 4))  # fmt: skip
    step = jax.jit(functools.partial(train.step, task, tx))
    after, before = step(state, first)
    _, behind = step(after, second)
    nats = optax.softmax_cross_entropy_with_integer_labels(whole, batch["y"])
    assert whole.shape == (2, 8, 7)
    np.testing.assert_allclose(
        [before["loss"][0], behind["loss"][0]], [nats[:, :4].sum(), nats[:, 4:].sum()], rtol=1e-5
    )
