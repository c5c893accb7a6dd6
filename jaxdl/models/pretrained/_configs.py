"""config.json of a BERT or a GPT-2, and the module that it describes."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from jax.typing import DTypeLike

from jaxdl.data.errors import DataError
from jaxdl.layers.activations import gelu_exact, gelu_tanh, relu
from jaxdl.models._bert import BERT
from jaxdl.models._gpt import GPT
from jaxdl.types import Array

Config = Mapping[str, Any]
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": gelu_exact,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": relu,
}
BERT_FIELDS = {
    "vocabulary": "vocab_size",
    "width": "hidden_size",
    "depth": "num_hidden_layers",
    "heads": "num_attention_heads",
    "length": "max_position_embeddings",
    "hidden": "intermediate_size",
    "kinds": "type_vocab_size",
    "epsilon": "layer_norm_eps",
}
GPT2_FIELDS = {
    "vocabulary": "vocab_size",
    "width": "n_embd",
    "depth": "n_layer",
    "heads": "n_head",
    "length": "n_positions",
    "hidden": "n_inner",
    "epsilon": "layer_norm_epsilon",
}
_BERT_FIXED = {"position_embedding_type": "absolute", "is_decoder": False}
_GPT2_FIXED = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}
"""What the module does, and `transformers` as well where nothing else is said."""


def body_of(config: Config, dtype: DTypeLike | None) -> BERT | GPT:
    """The module of a configuration. Raises DataError for one that jaxdl has no module for."""
    kind = config.get("model_type")
    if kind == "bert":
        _check_fixed(config, _BERT_FIXED)
        fields = _fields(config, BERT_FIELDS)
        return BERT(**fields, activation=_activation(config, "hidden_act"), dtype=dtype)
    if kind == "gpt2":
        _check_fixed(config, _GPT2_FIXED)
        fields = _fields({"n_inner": None, **config}, GPT2_FIELDS)
        return GPT(**fields, activation=_activation(config, "activation_function"), dtype=dtype)
    raise DataError(f"model_type {kind!r} is none of bert, gpt2")


def config_of(body: BERT | GPT) -> dict[str, Any]:
    """The configuration of a module. Raises DataError for one that the format has no place for."""
    name = next((key for key, known in ACTIVATIONS.items() if known is body.activation), None)
    if name is None:
        raise DataError(f"the activation {body.activation} is none of {', '.join(ACTIVATIONS)}")
    if body.positions is not None or body.pre_norm is not isinstance(body, GPT):
        raise DataError(
            f"a {type(body).__name__} in this format has learned positions, and its norms where "
            "the paper has them"
        )
    if isinstance(body, BERT):
        fields = {theirs: getattr(body, ours) for ours, theirs in BERT_FIELDS.items()}
        return {
            "model_type": "bert", **fields, "intermediate_size": body.hidden or 4 * body.width,
            "hidden_act": name, **_BERT_FIXED,
            "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
        }  # fmt: skip
    fields = {theirs: getattr(body, ours) for ours, theirs in GPT2_FIELDS.items()}
    return {
        "model_type": "gpt2", **fields, "activation_function": name,
        **_GPT2_FIXED, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0,
    }  # fmt: skip


def _fields(config: Config, names: Mapping[str, str]) -> dict[str, Any]:
    missing = [name for name in names.values() if name not in config]
    if missing:
        raise DataError(f"no {', '.join(missing)}")
    fields = {ours: config[theirs] for ours, theirs in names.items()}
    for ours, value in fields.items():
        _check_number(names[ours], value, ours)
    width, heads = fields["width"], fields["heads"]
    if width % heads:
        raise DataError(
            f"{names['heads']} {heads} does not divide {names['width']} {width}: heads are equal"
        )
    return fields


def _check_number(name: str, value: Any, field: str) -> None:
    kind, what = (int | float, "a number") if field == "epsilon" else (int, "a whole number")
    if field == "hidden" and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value < math.inf:
        raise DataError(f"{name} is {value!r}, not {what} above 0")


def _activation(config: Config, name: str) -> Callable[[Array], Array]:
    if not isinstance(config.get(name), str) or config[name] not in ACTIVATIONS:
        raise DataError(f"{name} {config.get(name)!r} is none of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[config[name]]


def _check_fixed(config: Config, fixed: Config) -> None:
    for name, value in fixed.items():
        if config.get(name, value) != value:
            raise DataError(f"{name} is {config[name]!r}; {value!r} alone is known here")
