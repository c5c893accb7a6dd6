"""What a user may ask of a small BERT that a run has kept."""

import jax
import jax.numpy as jnp
import pytest

from experiments import _small_bert
from jaxdl import launch
from jaxdl.data.text.vocabulary import SPECIAL
from jaxdl.models import BERTPretraining

WORDS = [*SPECIAL, _small_bert.MASK, "returns", "the", "array"]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    options = {"vocabulary": len(WORDS), "width": 8, "depth": 1, "heads": 2}
    model = BERTPretraining(_small_bert.network(**options))
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 4), int))["params"]
    path = tmp_path_factory.mktemp("run")
    launch.save_best(
        path, params, {}, None, task="masked_language_model", model="bert_pretraining",
        options=options, input_shape=None, words=WORDS, trial="0",
    )  # fmt: skip
    return path


def test_each_mask_is_filled_with_the_likeliest_words(workdir):
    lines = _small_bert.fill(workdir, "Returns the [MASK], [MASK] the array.").splitlines()
    assert len(lines) == 2
    for line in lines:
        found = [entry.rsplit(" ", 1) for entry in line.split(", ")]
        shares = [float(share) for _, share in found]
        assert {word for word, _ in found} <= set(WORDS)
        assert len(found) == _small_bert.LIKELIEST
        assert shares == sorted(shares, reverse=True)


def test_a_picture_of_attention_is_written(workdir):
    path = _small_bert.attend(workdir, "Returns the array.")
    with open(path, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_what_cannot_be_read_whole_is_told(workdir):
    """A mask behind the last place would have no line."""
    long = "the " * (_small_bert.LENGTH - 2)
    assert len(_small_bert.fill(workdir, long.removesuffix("the ") + "[MASK]").splitlines()) == 1
    with pytest.raises(ValueError, match="a text of 31 words; 1 to 30 are read"):
        _small_bert.fill(workdir, long + "[MASK]")
    with pytest.raises(ValueError, match="a text of 31 words; 1 to 30 are read"):
        _small_bert.attend(workdir, long + "the")
    with pytest.raises(ValueError, match="a text of 0 words; 1 to 30 are read"):
        _small_bert.attend(workdir, " ")
    with pytest.raises(ValueError, match=r"there is no \[MASK\] in it"):
        _small_bert.fill(workdir, "Returns the array.")
