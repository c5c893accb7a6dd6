"""A trained model as one file that JAX alone reads: StableHLO with its parameters and scaling.

The file is a ZIP of two members, and nothing in it is run by being read:
`about.json` says what goes in and what comes out; `model.jax_export` is what `jax.export`
serializes, read by `jax.export.deserialize` where `jax` and `flatbuffers` are installed.
"""

import contextlib
import datetime
import importlib.metadata
import importlib.util
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.export as jax_export
import jax.numpy as jnp
import numpy as np

from jaxdl._files import write_atomic
from jaxdl.data.scaling import Scaling
from jaxdl.types import Array, PyTree, Task

__all__ = ["ABOUT", "MODEL", "PLATFORMS", "save"]

ABOUT, MODEL = "about.json", "model.jax_export"
PLATFORMS = ("cpu", "cuda", "tpu")
NO_FACTS: Mapping[str, Any] = {}


def save(
    path: str | Path,
    task: Task,
    params: PyTree,
    model_state: PyTree,
    *,
    input_shape: Sequence[int],
    input_dtype: str = "float32",
    scaling: Scaling | None = None,
    classes: Sequence[str] | None = None,
    facts: Mapping[str, Any] = NO_FACTS,
) -> dict[str, Any]:
    """Writes the task's `predict` at these parameters, for raw inputs `[B, *input_shape]`, any B.

    The function in the file takes inputs of `input_dtype` and gives a dict: `outputs`, those of
    `task.predict`; with `classes`, of logits `[B, K]` also `probabilities [B, K]`, float32, and
    `labels [B]`, int32. It runs on those of `PLATFORMS` for which the program can be lowered.
    scaling: what inputs go through first, reckoned in float64 and rounded once, as
        `data.scaling.apply` does on the host.
    classes: their names, in the order of the logits.
    facts: plain values, kept in `about.json`.
    Returns what `about.json` says. Raises ValueError where the program cannot be exported (of the
    shape of a batch it may use B in no way that is not linear), and OSError if the disk fails.
    """
    if importlib.util.find_spec("flatbuffers") is None:
        raise ValueError("the package flatbuffers is not installed: pip install flatbuffers")
    dtype = _numeric(input_dtype)
    function = _raw(task, params, model_state, scaling, classes is not None)
    batch = (*jax_export.symbolic_shape("batch"), *input_shape)
    exported = _lowered(function, jax.ShapeDtypeStruct(batch, dtype))
    outputs = jax.tree.unflatten(exported.out_tree, exported.out_avals)
    if classes is not None and outputs["outputs"].shape[1:] != (len(classes),):
        raise ValueError(
            f"{len(classes)} classes, of outputs {_shown(outputs['outputs'])['shape']}: "
            "one a column is needed"
        )
    about = {
        "input": {"shape": ["batch", *input_shape], "dtype": dtype.name},
        "outputs": jax.tree.map(_shown, outputs),
        "classes": None if classes is None else [*map(str, classes)],
        "scaling": scaling and {n: np.asarray(a).tolist() for n, a in scaling._asdict().items()},
        "platforms": [*exported.platforms],
        "date": datetime.date.today().isoformat(),
        "calling_convention": exported.calling_convention_version,
        **{name: importlib.metadata.version(name) for name in ("jaxdl", "jax", "jaxlib")},
        **facts,
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as file:
        file.writestr(ABOUT, json.dumps(about, indent=2) + "\n")
        file.writestr(MODEL, _serialized(exported))
    write_atomic(path, content.getvalue())
    return about


def _numeric(name: str) -> np.dtype:
    try:
        dtype = np.dtype(name)
    except TypeError:
        raise ValueError(f"{name!r} is no dtype; float32, int32, uint8 are some") from None
    if jax.dtypes.canonicalize_dtype(dtype) != dtype or dtype.kind not in "fiub":
        raise ValueError(f"inputs of {name}: JAX has none, or not without jax_enable_x64")
    return dtype


def _raw(
    task: Task, params: PyTree, model_state: PyTree, scaling: Scaling | None, classifies: bool
) -> Callable[[Array], dict[str, PyTree]]:
    """`raw inputs -> outputs by name`."""

    def function(x: Array) -> dict[str, PyTree]:
        batch = {"x": x if scaling is None else _scaled(scaling, x)}
        found = {"outputs": task.predict(params, model_state, batch)}
        if classifies:
            logits = found["outputs"]
            found["probabilities"] = jax.nn.softmax(logits.astype(jnp.float32))
            found["labels"] = jnp.argmax(logits, axis=-1).astype(jnp.int32)
        return found

    return function


def _scaled(scaling: Scaling, x: Array) -> Array:
    """As `data.scaling.apply` of a NumPy array, to the bit: in float64, whatever JAX is set to."""
    with jax.enable_x64(True):
        # Behind the barrier: the compiler would multiply by the inverse of a constant.
        parts = jax.lax.optimization_barrier(
            tuple(jnp.asarray(part, jnp.float64) for part in scaling)
        )
        ones = (1,) * x.ndim
        mean, scale = (part.reshape(ones[part.ndim :] + part.shape) for part in parts)
        return ((x.astype(jnp.float64) - mean) / scale).astype(jnp.float32)


def _lowered(function: Callable[[Array], PyTree], x: jax.ShapeDtypeStruct) -> jax_export.Exported:
    """Exported for all platforms, or else for those that take it; ValueError if none does."""

    def on(*platforms: str) -> jax_export.Exported:
        with _without_paths():
            return jax_export.export(jax.jit(function), platforms=platforms)(x)

    try:
        return on(*PLATFORMS)
    except Exception as error:  # a model raises what it likes
        first = error
    able = []
    for platform in PLATFORMS:
        with contextlib.suppress(Exception):
            on(platform)
            able.append(platform)
    if not able:
        reason = " ".join(f"{type(first).__name__}: {first}".split())
        if "_DimExpr" in reason:  # of a batch of any size
            reason += "; the model asks len(x), or makes an int of the batch size: use x.shape[0]"
        raise ValueError(f"inputs {x.shape} of {x.dtype} cannot be predicted: {reason}") from first
    return on(*able)


@contextlib.contextmanager
def _without_paths() -> Iterator[None]:
    """What is lowered within does not say in which files of this machine its lines stood."""
    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)


def _serialized(exported: jax_export.Exported) -> bytes:
    try:
        return bytes(exported.serialize())
    except ValueError as error:  # of a pytree of another kind
        raise ValueError(f"outputs must be arrays in dicts, lists and tuples: {error}") from error


def _shown(aval: jax.ShapeDtypeStruct) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else str(size) for size in aval.shape]
    return {"shape": shape, "dtype": aval.dtype.name}
