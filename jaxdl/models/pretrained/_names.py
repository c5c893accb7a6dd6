"""Where `transformers` keeps each parameter of BERT and GPT-2, and in which layout."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from jaxdl.data.errors import DataError


class Kept(NamedTuple):
    """Under which names a parameter is kept: several are its parts along the last axis.

    turned: with the axes in reverse order, as PyTorch's `Linear` does
    """

    names: tuple[str, ...]
    turned: bool = False


Names = Mapping[str, Kept]
"""Of each parameter, by path."""


def bert(depth: int, pooler: bool) -> dict[str, Kept]:
    """The names of a body, those of `BertModel`."""
    found = {
        "words/embedding": Kept(("embeddings.word_embeddings.weight",)),
        "positions/embedding": Kept(("embeddings.position_embeddings.weight",)),
        "segments/embedding": Kept(("embeddings.token_type_embeddings.weight",)),
        **_norm("embedding_norm", "embeddings.LayerNorm"),
    }
    for layer in range(depth):
        ours, theirs = f"stack/layers_{layer}", f"encoder.layer.{layer}"
        parts = [f"{theirs}.attention.self.{part}" for part in ("query", "key", "value")]
        found |= _linear(f"{ours}/attention/qkv", *parts)
        found |= _linear(f"{ours}/attention/out", f"{theirs}.attention.output.dense")
        found |= _norm(f"{ours}/attention_norm", f"{theirs}.attention.output.LayerNorm")
        found |= _linear(f"{ours}/feed_forward/inner", f"{theirs}.intermediate.dense")
        found |= _linear(f"{ours}/feed_forward/outer", f"{theirs}.output.dense")
        found |= _norm(f"{ours}/feed_forward_norm", f"{theirs}.output.LayerNorm")
    return found | (_linear("pooler", "pooler.dense") if pooler else {})


def bert_heads(pair: bool) -> dict[str, Kept]:
    """The names of what `BERTPretraining` adds to its body."""
    return {
        **_linear("transform", "cls.predictions.transform.dense"),
        **_norm("transform_norm", "cls.predictions.transform.LayerNorm"),
        "bias": Kept(("cls.predictions.bias",)),
        **(_linear("pair", "cls.seq_relationship") if pair else {}),
    }


def gpt2(depth: int) -> dict[str, Kept]:
    """The names of `GPT2Model`, whose matrices are not turned."""
    found = {
        "words/embedding": Kept(("wte.weight",)),
        "positions/embedding": Kept(("wpe.weight",)),
        **_norm("stack/norm", "ln_f"),
    }
    for layer in range(depth):
        ours, theirs = f"stack/layers_{layer}", f"h.{layer}"
        found |= _norm(f"{ours}/attention_norm", f"{theirs}.ln_1")
        found |= _norm(f"{ours}/feed_forward_norm", f"{theirs}.ln_2")
        for own, other in (
            ("attention/qkv", "attn.c_attn"),
            ("attention/out", "attn.c_proj"),
            ("feed_forward/inner", "mlp.c_fc"),
            ("feed_forward/outer", "mlp.c_proj"),
        ):
            found[f"{ours}/{own}/kernel"] = Kept((f"{theirs}.{other}.weight",))
            found[f"{ours}/{own}/bias"] = Kept((f"{theirs}.{other}.bias",))
    return found


def prefixed(names: Names, ours: str, theirs: str) -> dict[str, Kept]:
    """The names of a module inside another one."""
    return {
        ours + path: kept._replace(names=tuple(theirs + name for name in kept.names))
        for path, kept in names.items()
    }


def cleaned(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays by today's names, without those that are no parameters: masks and places."""
    found = {}
    for name, array in arrays.items():
        name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)
        name = re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
        if not re.search(r"(^|\.)(position_ids|attn\.(masked_)?bias)$", name):
            found[name] = array
    return found


def without_tied(
    arrays: Mapping[str, np.ndarray], tied: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """The arrays without copies: `tied` names of each the array that it is to equal.

    Raises DataError naming one that does not.
    """
    left = dict(arrays)
    for name, source in tied.items():
        copy = left.pop(name, None)
        if copy is not None and source in left and not np.array_equal(copy, left[source]):
            raise DataError(f"{name} differs from {source}; here both are one parameter")
    return left


def taken(
    arrays: Mapping[str, np.ndarray], names: Names, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """The parameters by path, float32, of arrays by name.

    shapes: of the parameters. Raises DataError naming arrays that are missing or left over, or one
    of another shape, of integers, or that is not finite.
    """
    wanted = {name for kept in names.values() for name in kept.names}
    wrong = [
        f"{what}: {listed(group)}"
        for what, group in (("missing", wanted - set(arrays)), ("unexpected", set(arrays) - wanted))
        if group
    ]
    if wrong:
        raise DataError("; ".join(wrong))
    found = {}
    for path, (sources, turned) in names.items():
        shape = shapes[path]
        part = (*shape[:-1], shape[-1] // len(sources))
        for name in sources:
            expected = part[::-1] if turned else part
            if arrays[name].shape != expected:
                raise DataError(f"{name} has shape {arrays[name].shape}, not {expected}")
            _check_values(name, arrays[name])
        parts = [arrays[name].T if turned else arrays[name] for name in sources]
        found[path] = np.concatenate(parts, axis=-1).astype(np.float32)
    return found


def _check_values(name: str, array: np.ndarray) -> None:
    if array.dtype.kind in "biu":  # quantized, say, with a scale elsewhere
        raise DataError(f"{name} holds {array.dtype}, not floats")
    with np.errstate(over="ignore"):
        lost = int((~np.isfinite(array.astype(np.float32))).sum())
    if lost:
        raise DataError(f"{name} holds {lost} numbers that are not finite in float32")


def given(params: Mapping[str, np.ndarray], names: Names) -> dict[str, np.ndarray]:
    """The arrays by name of parameters by path: the inverse of `taken`.

    Raises DataError for a parameter that has no name.
    """
    if strange := set(params) ^ set(names):
        raise DataError(f"parameters without a place in the format: {listed(strange)}")
    found = {}
    for path, (targets, turned) in names.items():
        parts = np.split(np.asarray(params[path], np.float32), len(targets), axis=-1)
        for name, part in zip(targets, parts, strict=True):
            # safetensors writes the memory of another order as it lies.
            found[name] = np.ascontiguousarray(part.T if turned else part)
    return found


def _linear(ours: str, *theirs: str) -> dict[str, Kept]:
    return {
        f"{ours}/kernel": Kept(tuple(f"{name}.weight" for name in theirs), turned=True),
        f"{ours}/bias": Kept(tuple(f"{name}.bias" for name in theirs)),
    }


def _norm(ours: str, theirs: str) -> dict[str, Kept]:
    return {f"{ours}/scale": Kept((f"{theirs}.weight",)), f"{ours}/bias": Kept((f"{theirs}.bias",))}


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first few names, and how many more there are."""
    first, *rest = (ordered := sorted(names))[:most]
    more = len(ordered) - 1 - len(rest)
    return ", ".join([first, *rest]) + (f" and {more} more" if more else "")
