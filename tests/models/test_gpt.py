"""GPT: causality by zero gradient, packed rows, and decoding with a cache as without one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import decoding, optimizers, tasks, train
from jaxdl.layers.positions import ALiBi, Rotary
from jaxdl.models import GPT, GPTClassifier
from jaxdl.params import by_path, transplant

V, L = 11, 8
IDS = np.random.default_rng(1).integers(0, V, (2, L), np.int32)
BIG = jax.nn.initializers.normal(0.5)
POSITIONS = {
    "learned": None,
    "rotary": Rotary(),
    "alibi": ALiBi(),
}


@functools.cache
def model(name="learned"):
    gpt = GPT(V, 8, 2, 2, L, hidden=8, positions=POSITIONS[name], kernel_init=BIG)
    return gpt, jax.jit(gpt.init)(jax.random.key(0), IDS)


@pytest.mark.parametrize("name", ["learned", "rotary", "alibi"])
def test_prompts_of_unequal_length_go_on_in_a_cache_as_without_one(name):
    gpt, params = model(name)
    mask = np.array([[1, 1, 1, 1], [0, 1, 1, 0]])  # a gap before and behind

    @jax.jit
    def both(params):
        shorter = np.concatenate([IDS[1, 1:3], IDS[1, 4:], IDS[1, :2]])
        longer, shorter = gpt.apply(params, np.stack([IDS[0], shorter]))[1]
        carry, last = gpt.apply(params, IDS[:, :4], mask, method=gpt.begin)
        step = functools.partial(gpt.apply, params, method=gpt.step)
        _, cached = jax.lax.scan(step, carry, jnp.concatenate([last[None], IDS[:, 4:].T]))
        return longer[3:], shorter[1:6], cached

    longer, shorter, cached = jax.device_get(both(params))
    np.testing.assert_allclose(cached[:, 0], longer, atol=2e-5)
    np.testing.assert_allclose(cached[:, 1], shorter, atol=2e-5)


@pytest.mark.parametrize("name", ["learned", "alibi"])
def test_packed_segments_are_rows_of_their_own(name):
    gpt, params = model(name)
    segments = jnp.array([[1, 1, 1, 1, 2, 2, 2, 2]])

    @jax.jit
    def both(params):
        packed = gpt.apply(params, IDS[:1], segments=segments)[1]
        return packed.reshape(2, 4, V), gpt.apply(params, IDS[0].reshape(2, 4))[1]

    packed, alone = both(params)
    np.testing.assert_allclose(packed, alone, atol=1e-5)


def test_no_logit_depends_on_a_later_token():
    gpt, params = model()

    @jax.jit
    @jax.grad
    def influence(table):
        """Of the vector of each token on the logits at place 3."""
        words = params["params"] | {"words": {"embedding": table}}
        return (gpt.apply({"params": words}, jnp.arange(L)[None])[1][0, 3, V - 1] ** 2).sum()

    # Each token stands once, and the last word, by whose row it is read, nowhere.
    gradient = np.asarray(influence(params["params"]["words"]["embedding"]))
    reached = np.abs(gradient[:L]).max(-1) > 0
    np.testing.assert_array_equal(reached, np.arange(L) < 4)


def test_decoding_is_that_of_the_whole_sequence():
    gpt, params = model()
    step = functools.partial(gpt.apply, params, method=gpt.step)

    @jax.jit
    def all_ways():
        carry, last = gpt.apply(params, IDS[:, :3], method=gpt.begin)
        found = decoding.greedy(step, carry, last, 4)
        beams, scores = decoding.beam(step, carry, last, 4, width=2, end=V)
        rows = jnp.concatenate([found, beams[:, 0]])
        read = jnp.concatenate([jnp.tile(IDS[:, :3], (2, 1)), rows[:, :-1]], axis=1)
        log_p = jax.nn.log_softmax(gpt.apply(params, read)[1][:, 2:])
        return rows, log_p, scores[:, 0]

    rows, log_p, scores = jax.device_get(all_ways())
    np.testing.assert_array_equal(rows[:2], log_p[:2].argmax(-1))
    of_rows = np.take_along_axis(log_p, rows[..., None], axis=-1).sum((1, 2))
    np.testing.assert_allclose(scores, of_rows[2:], rtol=1e-4)
    assert (scores >= of_rows[:2] - 1e-4).all()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"heads": 0}, "0 heads do not divide a width of 8"),
        ({"heads": 3}, "3 heads do not divide a width of 8"),
        ({"depth": 0}, "0 layers, 1 together: 1 or more are needed"),
        ({"together": 0}, "2 layers, 0 together: 1 or more are needed"),
    ],
)
def test_sizes_are_checked(sizes, message):
    gpt = model()[0].clone(**sizes)
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(gpt.init, jax.random.key(0), IDS)


def test_lengths_are_checked():
    gpt, params = model()
    with pytest.raises(ValueError, match="9 tokens is longer than the 8 learned positions"):
        jax.eval_shape(gpt.apply, params, jnp.zeros((1, 9), int))
    with pytest.raises(ValueError, match="prompts of 5 tokens do not fit into 4 places"):
        jax.eval_shape(lambda: gpt.apply(params, IDS[:, :5], places=4, method=gpt.begin))
    with pytest.raises(ValueError, match="a cache of 9 places is longer than the 8 learned pos"):
        jax.eval_shape(lambda: gpt.apply(params, IDS[:, :5], places=9, method=gpt.begin))
    rotary, of_rotary = model("rotary")  # knows any place
    jax.eval_shape(lambda: rotary.apply(of_rotary, IDS[:, :5], places=9, method=rotary.begin))
    with pytest.raises(ValueError, match=r"a mask \(2, 4\) does not fit prompts \(2, 5\)"):
        jax.eval_shape(lambda: gpt.apply(params, IDS[:, :5], np.ones((2, 4)), method=gpt.begin))
    with pytest.raises(ValueError, match="a prompt has no token"):
        gpt.apply(params, IDS, np.zeros((2, L)), method=gpt.begin)
    begin = jax.jit(functools.partial(gpt.apply, places=4, method=gpt.begin))
    carry, last = begin(params, IDS[:, :3])
    step = functools.partial(gpt.apply, params, method=gpt.step)
    with pytest.raises(ValueError, match=r"rows \[0, 1\] hold NaN .* past the last place of a"):
        decoding.greedy(step, carry, last, 3)


def test_it_learns_in_trials_of_different_dropout():
    batch = {"x": IDS[:, :-1], "y": IDS[:, 1:]}
    tx = optax.adam(3e-2)

    @jax.jit
    @jax.vmap
    def losses(rate):
        gpt = GPT(
            V,
            8,
            1,
            2,
            L,
            dropout=rate,
            attention_dropout=rate,
            dtype=jnp.bfloat16,
            remat=jax.checkpoint_policies.dots_saveable,
        )
        task = tasks.language_model(gpt)
        state = train.init(task, tx, jax.random.key(0), batch)

        def step(state, _):
            state, metrics = train.step(task, tx, state, batch)
            return state, metrics["loss"][0] / metrics["loss"][1]

        return jax.lax.scan(step, state, length=40)[1]

    none, some = losses(jnp.array([0.0, 0.3]))
    np.testing.assert_allclose(none[0], np.log(V), rtol=0.02)
    assert none[-1] < some[-1] < none[0]
    assert none[-1] < 0.7


def test_states_are_what_logits_are_made_of():
    gpt, params = model()
    states = gpt.apply(params, IDS, method=gpt.states)
    table = params["params"]["words"]["embedding"]
    np.testing.assert_allclose(states @ table.T, gpt.apply(params, IDS)[1], atol=1e-5)


def test_a_text_is_classified_by_its_last_token_whatever_is_behind_it():
    gpt, body = model()
    classifier = GPTClassifier(gpt, 3)
    params = classifier.init(jax.random.key(1), IDS)["params"]
    params = transplant(params, {"body": body["params"]}, "^body/")
    texts = np.array([[3, 1, 4, 1, 5], [9, 2, 0, 0, 0], [0, 0, 0, 0, 0]])
    logits = jax.jit(classifier.apply)({"params": params}, texts)
    kernel, bias = (params["logits"][name] for name in ("kernel", "bias"))
    for row, text in zip(logits, ([3, 1, 4, 1, 5], [9, 2], [0]), strict=True):
        state = gpt.apply(body, np.array([text]), method=gpt.states)[0, -1]
        np.testing.assert_allclose(row, state @ kernel + bias, atol=1e-5)


def test_a_trained_gpt_in_a_classifier_is_frozen_tuned_or_tuned_by_layer():
    gpt, body = model()
    classifier = GPTClassifier(gpt, 3)
    task = tasks.classification(classifier)
    batch = {"x": IDS, "y": np.array([0, 2])}
    fresh, _ = task.init(jax.random.key(1), batch)
    params = transplant(fresh, {"body": body["params"]}, "^body/")
    chosen = [jax.tree.leaves(by_path(params, group)) for group in classifier.groups]
    assert (np.sum(chosen, axis=0) == 1).all()

    @jax.jit
    def after(decay):
        factors = optimizers.by_depth(classifier.groups, decay)
        tx = optax.chain(optax.sgd(0.1), optimizers.scale_by_path(factors))
        state = train.init(task, tx, jax.random.key(0), batch)._replace(params=params)
        return train.step(task, tx, state, batch)[0].params

    def moved(now, path):
        then, now = (functools.reduce(lambda tree, k: tree[k], path, t) for t in (params, now))
        return np.asarray(now - then)

    frozen, by_layer, tuned = map(after, (0.0, 0.5, 1.0))
    held = jax.tree.map(np.array_equal, frozen["body"], params["body"])
    assert jax.tree.all(held)
    assert moved(frozen, ("logits", "kernel")).any()
    for path, factor in {
        ("stack", "norm", "scale"): 0.5,
        ("stack", "layers_0", "attention", "out", "kernel"): 0.25,
        ("positions", "embedding"): 0.125,
    }.items():
        whole = moved(tuned, ("body", *path))
        assert whole.any()
        np.testing.assert_allclose(moved(by_layer, ("body", *path)), factor * whole, atol=1e-6)
