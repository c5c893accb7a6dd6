"""Trained and untrained models against `transformers`, live (`make parity`)."""

import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tokenizers
import torch
import transformers

from jaxdl.data.sources import documents
from jaxdl.models import BERT, GPT, BERTPretraining, GPTClassifier, pretrained
from jaxdl.models.pretrained import Pretrained
from jaxdl.similarity import cosine

VECTORS = runpy.run_path(str(Path(__file__).parents[1] / "goldens/make_minilm.py"))["vectors"]
IDS = np.random.default_rng(0).integers(5, 23, (2, 7))


@pytest.fixture(scope="module")
def sentences():
    """The first lines of a hundred docstrings of the standard library."""
    texts = documents.docstrings_by_package()["python"]
    lines = [line for text in texts if len(line := text.strip().splitlines()[0]) > 20]
    return lines[:: len(lines) // 100][:100]


@pytest.fixture(scope="module")
def vectors(sentences):
    return VECTORS(sentences)


def test_a_hundred_sentences(sentences, vectors):
    found = pretrained.encode(pretrained.minilm(), sentences)
    assert found.shape == (100, 384)
    np.testing.assert_allclose(found, vectors, atol=1e-4)


def test_a_hundred_sentences_in_half_the_bits(sentences, vectors):
    """In bfloat16 vectors keep their direction to 1 in 1000, and so do those of `transformers`."""
    found = pretrained.encode(pretrained.minilm(jnp.bfloat16), sentences)
    ours = cosine(found, vectors)
    theirs = cosine(VECTORS(sentences, torch.bfloat16), vectors)
    assert ours.min() > 0.999
    assert (1 - ours).mean() < 2 * (1 - theirs).mean()


def tokenizer():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(18))]
    model = tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return made


@pytest.mark.parametrize(
    ("model", "peer", "output"),
    [
        (BERT(23, 16, 2, 4, 9), transformers.BertModel, None),
        (BERTPretraining(BERT(23, 16, 2, 4, 9)), transformers.BertForPreTraining, "tokens"),
        (
            BERTPretraining(BERT(23, 16, 2, 4, 9), next_sentence=False),
            transformers.BertForMaskedLM,
            "tokens",
        ),
        (GPT(23, 16, 2, 4, 9), transformers.GPT2LMHeadModel, None),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_transformers_reads_what_is_written(model, peer, output, tmp_path):
    params = model.init(jax.random.key(0), jnp.asarray(IDS))["params"]
    params = jax.tree.map(
        lambda leaf: leaf + 0.1 * jax.random.normal(jax.random.key(1), leaf.shape), params
    )
    pretrained.save(tmp_path, Pretrained(model, params, tokenizer()))
    theirs, report = peer.from_pretrained(tmp_path, output_loading_info=True)
    # A body that never pooled has no pooler.
    missing = {name for name in report["missing_keys"] if "pooler" not in name}
    assert not missing
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(IDS))[0].numpy()
    found = model.apply({"params": params}, jnp.asarray(IDS))
    found = found[output] if output else found[1] if isinstance(model, GPT) else found
    np.testing.assert_allclose(found, expected, atol=1e-4)
    words = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert words("w1 w4")["input_ids"] == [6, 9]


def test_a_gpt_classifies_as_that_of_transformers(tmp_path):
    """By the state of the last token that is no padding."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=23, n_embd=16, n_layer=2, n_head=4, n_positions=9, num_labels=3,
        bos_token_id=1, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    theirs = transformers.GPT2ForSequenceClassification(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape))
    theirs.transformer.save_pretrained(tmp_path)
    loaded = pretrained.load(tmp_path)
    head = {"kernel": theirs.score.weight.detach().numpy().T, "bias": np.zeros(3, np.float32)}
    ids = np.array([[3, 1, 4, 1, 5], [9, 2, 0, 0, 0], [7, 0, 0, 0, 0]])
    with torch.no_grad():
        expected = theirs(torch.from_numpy(ids)).logits.numpy()
    params = {"body": loaded.params, "logits": head}
    found = GPTClassifier(loaded.model, 3).apply({"params": params}, ids)
    np.testing.assert_allclose(found, expected, atol=1e-4)
