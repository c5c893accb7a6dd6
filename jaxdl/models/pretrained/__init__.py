"""Weights of others: folders as Hugging Face's `transformers` keeps them, of BERT and GPT-2.

`load` reads config.json, model.safetensors and tokenizer.json, `save` writes them, `encode` makes
vectors of texts. Nothing is unpickled, nothing is downloaded. The tokenizer needs the extra `text`,
`minilm` the extra `pretrained`.
"""

from jaxdl.models.pretrained._folder import Pretrained, load, save
from jaxdl.models.pretrained._minilm import minilm
from jaxdl.models.pretrained._sentences import (
    PairClassifier,
    SentenceClassifier,
    encode,
    mean_pooled,
    tokenized,
)

__all__ = [
    "PairClassifier",
    "Pretrained",
    "SentenceClassifier",
    "encode",
    "load",
    "mean_pooled",
    "minilm",
    "save",
    "tokenized",
]
