"""A folder of `transformers`: config.json, model.safetensors, tokenizer.json. No pickle."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.typing import DTypeLike
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save as serialize

from jaxdl._files import write_atomic
from jaxdl.data.errors import DataError
from jaxdl.models._bert import BERT, BERTPretraining
from jaxdl.models._gpt import GPT
from jaxdl.models.pretrained import _names
from jaxdl.models.pretrained._configs import body_of, config_of
from jaxdl.types import PyTree

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": jnp.bfloat16,
          "I64": np.int64, "U8": np.uint8, "BOOL": np.bool_}  # fmt: skip
"""What is read; the integers are buffers that are then left out."""
Model = BERT | BERTPretraining | GPT


class Pretrained(NamedTuple):
    """A model, its parameters (float32), and the tokenizer that it was trained with, if any."""

    model: Model
    params: PyTree
    tokenizer: "Tokenizer | None" = None

    @property
    def body(self) -> "Pretrained":
        """Without the heads of pretraining."""
        if isinstance(self.model, BERTPretraining):
            return Pretrained(self.model.body, self.params["body"], self.tokenizer)
        return self


def load(folder: str | Path | zipfile.Path, dtype: DTypeLike | None = None) -> Pretrained:
    """The model of a folder, or of a zip file: a `BERT`, `BERTPretraining` or `GPT`.

    With the heads of both tasks, or of the first, a `BERTPretraining`; one of `GPT2Model` alone is
    the `GPT` too, for its logits are by the table of the words.
    dtype: of the products, as the modules have it; parameters are float32 whatever the file has.
    The tokenizer, None without a tokenizer.json, neither cuts nor pads.
    Raises DataError, naming the file, where it is missing or damaged, or of another architecture or
    shape than config.json says; for weights that are not finite; for a tokenizer with more tokens
    than the model; for weights that are tied here and differ; and where there is a tokenizer and
    the package `tokenizers` is not installed.
    """
    path = Path(folder) if isinstance(folder, str) else folder
    config = _json(path / CONFIG)
    try:
        body = body_of(config, dtype)
    except DataError as error:
        raise DataError(f"{path / CONFIG}: {error}") from None
    arrays = _arrays(path)
    try:
        model, params = _fill(body, _names.cleaned(arrays))
    except DataError as error:
        raise DataError(
            f"{path / WEIGHTS}: not the {config['model_type']} of {CONFIG}: {error}"
        ) from None
    return Pretrained(model, params, _tokenizer(path / TOKENIZER, body.vocabulary))


def save(folder: str | Path, pretrained: Pretrained) -> None:
    """Writes a folder that `load` and `transformers` read; without a tokenizer if there is none.

    Weights are float32, each once. Raises DataError for a module or a tokenizer that the format has
    no place for.
    """
    path, (model, params, tokenizer) = Path(folder), pretrained
    body = model.body if isinstance(model, BERTPretraining) else model
    flat = flatten_dict(jax.tree.map(np.asarray, params), sep="/")
    names, architecture = _layout(model, "pooler/kernel" in flat or "body/pooler/kernel" in flat)
    config = config_of(body) | {"architectures": [architecture]}
    arrays = _names.given(flat, names)
    if tokenizer is not None:
        _check_size(tokenizer, body.vocabulary)
    if path.exists() and not path.is_dir():
        raise DataError(f"{path} is a file, not a folder")
    path.mkdir(parents=True, exist_ok=True)
    write_atomic(path / CONFIG, json.dumps(config, indent=2) + "\n")
    write_atomic(path / WEIGHTS, serialize(arrays, {"format": "pt"}))
    if tokenizer is not None:
        write_atomic(path / TOKENIZER, tokenizer.to_str(pretty=True) + "\n")


def _layout(model: Model, pooler: bool) -> tuple[_names.Names, str]:
    """The names of a model's parameters, and its class in `transformers`."""
    if isinstance(model, GPT):
        return _names.prefixed(_names.gpt2(model.depth), "", "transformer."), "GPT2LMHeadModel"
    if isinstance(model, BERT):
        return _names.bert(model.depth, pooler), "BertModel"
    pair = model.next_sentence
    names = _names.prefixed(_names.bert(model.body.depth, pooler), "body/", "bert.")
    return names | _names.bert_heads(pair), "BertForPreTraining" if pair else "BertForMaskedLM"


def _fill(body: BERT | GPT, arrays: dict[str, np.ndarray]) -> tuple[Model, PyTree]:
    """The model whose parameters these arrays are, with them."""
    model: Model = body
    if isinstance(body, GPT):
        stem = "transformer."
        tied = {"lm_head.weight": "transformer.wte.weight"}
    else:
        pair = any(name.startswith("cls.seq_relationship.") for name in arrays)
        heads = pair or any(name.startswith("cls.predictions.") for name in arrays)
        stem, model = "bert.", BERTPretraining(body, pair) if heads else body
        tied = {
            "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
            "cls.predictions.decoder.bias": "cls.predictions.bias",
        }
    bare = not any(name.startswith(stem) for name in arrays)
    if bare:  # as the class without heads names them
        arrays = {name if name.startswith(("cls.", "lm_head.")) else stem + name: array
                  for name, array in arrays.items()}  # fmt: skip
    arrays = _names.without_tied(arrays, tied)
    if others := [name for name in arrays if not name.startswith((stem, "cls.", "lm_head."))]:
        raise DataError(
            f"unexpected: {_names.listed(others)}, of the head of another task: save the body "
            f'alone, model.{stem}save_pretrained("FOLDER")'
        )
    pooler = f"{stem}pooler.dense.weight" in arrays
    names, _ = _layout(model, pooler)
    if isinstance(model, BERT):
        names = _names.prefixed(names, "", stem)
    params = _names.taken(arrays, names, _shapes(model))
    return model, jax.tree.map(jnp.asarray, unflatten_dict(params, sep="/"))


def _shapes(model: Model) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter by path, those of the pooler among them."""

    def init(key: jax.Array) -> PyTree:
        ids = jnp.zeros((1, 1), jnp.int32)
        if isinstance(model, BERT):
            return model.init(key, ids, method=lambda m, ids: m.pooled(m(ids)))["params"]
        return model.init(key, ids)["params"]

    shapes = jax.eval_shape(init, jax.random.key(0))
    flat = {path: leaf.shape for path, leaf in flatten_dict(shapes, sep="/").items()}
    if isinstance(model, BERTPretraining):
        width = model.body.width
        flat |= {"body/pooler/kernel": (width, width), "body/pooler/bias": (width,)}
    return flat


def _json(path: Path | zipfile.Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; a folder with {CONFIG} and {WEIGHTS} is needed")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: a JSON object is needed")
    return found


def _arrays(folder: Path | zipfile.Path) -> dict[str, np.ndarray]:
    path = folder / WEIGHTS
    if not path.is_file():
        hint = ""
        if (folder / "pytorch_model.bin").is_file():
            hint = "; pytorch_model.bin is a pickle, which is never read: convert it"
        elif (folder / f"{WEIGHTS}.index.json").is_file():
            hint = "; weights in several files are not read: save them as one"
        raise DataError(f"{folder}: no {WEIGHTS}{hint}")
    try:
        views = deserialize(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: damaged ({error})") from None
    found = {}
    for name, view in views:  # the library's NumPy side does not read bfloat16
        if view["dtype"] not in DTYPES:
            raise DataError(
                f"{path}: {name} has dtype {view['dtype']}, none of {', '.join(DTYPES)}"
            )
        array = np.frombuffer(view["data"], DTYPES[view["dtype"]])
        found[name] = array.reshape(view["shape"])
    return found


def _tokenizer(path: Path | zipfile.Path, vocabulary: int) -> "Tokenizer | None":
    if not path.is_file():
        return None
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise DataError(
            f"{path}: the package tokenizers is not installed: pip install tokenizers"
        ) from None
    try:
        tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
    except Exception as error:  # the library raises nothing narrower
        raise DataError(f"{path}: not a tokenizer ({error})") from None
    try:
        _check_size(tokenizer, vocabulary)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _check_size(tokenizer: "Tokenizer", vocabulary: int) -> None:
    """A table may have rows that no token needs: some are padded to a multiple of 64."""
    if (last := max(tokenizer.get_vocab().values(), default=-1)) >= vocabulary:
        raise DataError(
            f"a tokenizer with ids up to {last}, the model has a table of {vocabulary} rows"
        )
