"""A word of the user's, said by a network on disk."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import pronunciation
from jaxdl import launch
from jaxdl.data.text import vocabulary
from jaxdl.launch import UserError

LETTERS, PHONEMES = vocabulary.build("cat"), vocabulary.build(["K", "AE", "T"])


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    options = {
        "decoder": pronunciation.ATTENTION,
        "letters": len(LETTERS),
        "phonemes": len(PHONEMES),
        "features": 3,
        "width": 4,
    }
    model = pronunciation.network(**options)
    ids = jnp.ones((1, 2), jnp.int32)
    params = jax.jit(model.init)(jax.random.key(0), ids, jnp.ones((1, 2)), ids)["params"]
    # Whatever it looks at, it says T, or ends.
    params["logits"]["kernel"] *= 0
    params["logits"]["bias"] = jnp.where(
        np.isin(np.arange(len(PHONEMES)), [PHONEMES.ids["T"], vocabulary.END]), 10.0, -10.0
    )
    launch.save_best(
        folder, params, task="sequence_to_sequence", model="pronunciation", options=options,
        letters=LETTERS.words, phonemes=PHONEMES.words,
    )  # fmt: skip
    return folder


def test_the_likeliest_ways_to_say_a_word_come_first(workdir):
    lines = pronunciation.pronounce(workdir, " Act ").splitlines()
    # It ends with probability 1/2 after each.
    assert [line.split() for line in lines] == [["(0.50)"], ["T", "(0.25)"], ["T", "T", "(0.12)"]]


def test_letters_that_no_word_had_are_named_in_one_line(workdir):
    with pytest.raises(ValueError, match=r"^the model does not know 'o', 'w'$"):
        pronunciation.pronounce(workdir, "cow")


def test_no_word_has_no_pronunciation(workdir):
    with pytest.raises(ValueError, match="no word"):
        pronunciation.pronounce(workdir, "  ")


def test_a_folder_without_a_trained_model_is_named(tmp_path):
    with pytest.raises(UserError, match="no trained model"):
        pronunciation.pronounce(tmp_path, "cat")
