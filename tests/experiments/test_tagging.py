"""The use of a trained tagger, with one whose answer is known, and taggers of equal size."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import tagging
from jaxdl import launch
from jaxdl.data.sources import markup
from jaxdl.data.text import bio, vocabulary
from jaxdl.launch import UserError

SIZES = {"features": 3, "letters": 4, "hidden": 5}


def test_as_many_weights_in_one_direction():
    words, spelled = np.ones((1, 2), np.int32), np.ones((1, 2, 3), np.int32)
    counts = []
    for both in (True, False):
        model = tagging.tagger(9, 8, **SIZES | {"hidden": 48}, both=both, spelled=True)
        init = functools.partial(model.init, train=False)
        variables = jax.eval_shape(init, jax.random.key(0), words, spelled)
        counts.append(sum(leaf.size for leaf in jax.tree.leaves(variables)))
    assert counts[1] / counts[0] == pytest.approx(1, abs=0.02)


def test_a_sentence_is_tagged_word_by_word(tmp_path):
    known = vocabulary.build(["None", "axis"]), vocabulary.build("Noneaxis")
    options = dict(zip(("words", "characters"), map(len, known), strict=True)) | SIZES
    options |= {"both": True, "spelled": True}
    model = tagging.tagger(**options)
    words, spelled = np.ones((1, 2), np.int32), np.ones((1, 2, 3), np.int32)
    params = jax.jit(lambda key: model.init(key, words, spelled, train=False))(jax.random.key(0))
    params = params["params"]
    code = bio.labels(markup.TYPES).index("B-CODE")
    # In the forward LSTM nothing is kept and what is added is positive, but for unknown words.
    params = jax.tree.map(jnp.zeros_like, params)
    params["embedding"]["embedding"] = jnp.zeros((6, 3)).at[vocabulary.UNKNOWN, 0].set(-9)
    forward = params["body"]["forward"]
    forward["kernel"] = forward["kernel"].at[0, 10:15].set(1)
    forward["bias"] = jnp.full(20, 2.0).at[5:10].set(-9)
    params["logits"]["kernel"] = params["logits"]["kernel"].at[:5, code].set(1)
    words, letters = (each.words for each in known)
    launch.save_best(
        tmp_path, params, task="tagging", model="tagger", options=options, words=words,
        letters=letters,
    )  # fmt: skip
    assert tagging.tag(tmp_path, "If axis is None.") == "If [axis]/CODE is [None]/CODE ."
    assert tagging.tag(tmp_path, "If.").startswith("If .\n(no span found")
    with pytest.raises(ValueError, match="no word"):
        tagging.tag(tmp_path, "  ")


def test_without_a_trained_tagger_it_says_so(tmp_path):
    with pytest.raises(UserError, match="no trained model"):
        tagging.tag(tmp_path, "If None.")
