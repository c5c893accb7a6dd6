"""Networks over a window against their formula in NumPy, in double precision."""

import jax
import numpy as np
import pytest

from jaxdl.layers import embedding
from jaxdl.models import WindowNetwork

V, WINDOW, D, H, OUTPUTS = 7, 3, 4, 5, 6
IDS = np.random.default_rng(0).integers(0, V, (6, WINDOW))


def random_params(direct):
    rng = np.random.default_rng(1)
    draw = lambda *shape: rng.standard_normal(shape)  # noqa: E731
    params = {
        "embedding": {"embedding": draw(V, D)},
        "hidden": {"kernel": draw(WINDOW * D, H), "bias": draw(H)},
        "logits": {"kernel": draw(H, OUTPUTS), "bias": draw(OUTPUTS)},
    }
    return params | ({"direct": {"kernel": draw(WINDOW * D, OUTPUTS)}} if direct else {})


@pytest.mark.parametrize("direct", [False, True])
def test_equals_the_formula_row_by_row(direct):
    params = random_params(direct)
    model = WindowNetwork(V, D, H, OUTPUTS, direct=direct)
    with jax.enable_x64(True):
        logits = np.asarray(jax.jit(model.apply)({"params": params}, IDS))
        shapes = jax.eval_shape(model.init, jax.random.key(0), IDS)["params"]
    assert jax.tree.map(np.shape, shapes) == jax.tree.map(np.shape, params)
    for ids, found in zip(IDS, logits, strict=True):
        x = np.concatenate([params["embedding"]["embedding"][word] for word in ids])
        hidden = np.tanh(x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
        expected = hidden @ params["logits"]["kernel"] + params["logits"]["bias"]
        if direct:
            expected += x @ params["direct"]["kernel"]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("combine", "matters"),
    [(embedding.total, False), (embedding.mean, False), (embedding.concatenation, True)],
)
def test_the_order_of_words_is_what_the_combination_leaves_of_it(combine, matters):
    model = WindowNetwork(V, D, H, OUTPUTS, combine)

    @jax.jit
    def both():
        logits, variables = model.init_with_output(jax.random.key(0), IDS)
        return logits, model.apply(variables, IDS[:, [2, 0, 1]])

    logits, turned = jax.device_get(both())
    assert (np.abs(turned - logits).max() > 0.1) == matters
    if not matters:
        np.testing.assert_allclose(turned, logits, rtol=1e-5, atol=1e-6)
