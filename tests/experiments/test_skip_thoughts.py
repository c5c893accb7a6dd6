"""The sentences that a trained network finds near to one of the user's."""

import jax
import jax.numpy as jnp
import pytest

from experiments import skip_thoughts
from jaxdl import launch
from jaxdl.data.text import tokenizers, vocabulary

TEST = [["Sort the rows of an array.", "The order is kept."], ["Draw a line, and a dot."]]
SENTENCES = [sentence for document in TEST for sentence in document]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    known = vocabulary.build(tokenizers.words(" ".join(SENTENCES)))
    ids = jnp.ones((1, 5), jnp.int32)
    model = skip_thoughts.network(len(known), 4)
    params = jax.jit(lambda key: model.init(key, ids, ids, ids))(jax.random.key(0))["params"]
    launch.save_best(
        folder, params, task="skip_thought", model="skip_thoughts",
        options={"vocabulary": len(known), "width": 4}, input_shape=[5], words=known.words,
        sentences=SENTENCES,
    )  # fmt: skip
    return folder


def test_a_sentence_is_nearest_to_itself(workdir):
    lines = skip_thoughts.similar(workdir, "draw a line, and").splitlines()
    assert lines[0] == "1.00  Draw a line, and a dot."  # five words are read
    cosines, found = zip(*(line.split("  ") for line in lines), strict=True)
    assert sorted(found) == sorted(SENTENCES)
    assert list(map(float, cosines)) == sorted(map(float, cosines), reverse=True)


def test_unknown_words_are_read_as_one(workdir):
    first, second = (skip_thoughts.similar(workdir, text) for text in ("gnu emu", "yak asp"))
    assert first == second


def test_nothing_is_near_to_no_word(workdir):
    with pytest.raises(ValueError, match="no word"):
        skip_thoughts.similar(workdir, "  ")
