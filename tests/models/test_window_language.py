"""The window model against its formula in NumPy, in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks
from jaxdl.models.window_language import WindowLanguageModel

V, CONTEXT, D, H = 7, 3, 4, 5
IDS = np.random.default_rng(0).integers(0, V, (6, CONTEXT + 1))


def random_params(direct):
    rng = np.random.default_rng(1)
    draw = lambda *shape: rng.standard_normal(shape)  # noqa: E731
    params = {
        "embedding": {"embedding": draw(V, D)},
        "hidden": {"kernel": draw(CONTEXT * D, H), "bias": draw(H)},
        "logits": {"kernel": draw(H, V), "bias": draw(V)},
    }
    return params | ({"direct": {"kernel": draw(CONTEXT * D, V)}} if direct else {})


@pytest.mark.parametrize("direct", [False, True])
def test_equals_the_formula_row_by_row(direct):
    params = random_params(direct)
    model = WindowLanguageModel(V, CONTEXT, D, H, direct)
    with jax.enable_x64(True):
        arrays = jax.tree.map(jnp.asarray, params)
        logits = np.asarray(model.apply({"params": arrays}, IDS))
        shapes = jax.tree.map(jnp.shape, model.init(jax.random.key(0), IDS)["params"])
    assert shapes == jax.tree.map(np.shape, params)
    for ids, found in zip(IDS, logits, strict=True):
        x = np.concatenate([params["embedding"]["embedding"][word] for word in ids[1:]])
        hidden = np.tanh(x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
        expected = hidden @ params["logits"]["kernel"] + params["logits"]["bias"]
        if direct:
            expected += x @ params["direct"]["kernel"]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_only_the_last_words_are_looked_at():
    params = {"params": jax.tree.map(lambda p: jnp.float32(p), random_params(direct=True))}
    model = WindowLanguageModel(V, CONTEXT, D, H, direct=True)
    logits = model.apply(params, IDS)
    for place in range(CONTEXT + 1):
        other = IDS.copy()
        other[:, place] = (other[:, place] + 1) % V
        same = (model.apply(params, other) == logits).all(axis=1)
        np.testing.assert_array_equal(same, place == 0)


@pytest.mark.parametrize("context", [0, CONTEXT + 2])
def test_a_context_that_is_not_there_is_named(context):
    model = WindowLanguageModel(V, context, D, H)
    with pytest.raises(ValueError, match=rf"context {context} is outside 1\.\.4"):
        model.init(jax.random.key(0), IDS)


def test_the_gradient_is_that_of_differences():
    task = tasks.classification(WindowLanguageModel(V, CONTEXT, D, H, direct=True))
    batch = {"x": IDS, "y": np.arange(len(IDS)) % V}
    rng = np.random.default_rng(2)
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, random_params(direct=True))
        direction = jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape), params)
        key = jax.random.key(0)
        loss = jax.jit(lambda params: task.loss(params, {}, batch, key, train=True)[0])
        ahead, behind = (
            loss(jax.tree.map(lambda p, d, e=e: p + e * d, params, direction))
            for e in (1e-5, -1e-5)
        )
        gradient = jax.jit(jax.grad(loss))(params)
        slope = sum(jax.tree.leaves(jax.tree.map(lambda g, d: (g * d).sum(), gradient, direction)))
        np.testing.assert_allclose(float(slope), float(ahead - behind) / 2e-5, rtol=1e-7)
