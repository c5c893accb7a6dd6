"""Under which conditions rows were made, and whether rows may stand beside each other."""

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdl.checkpoint import is_key, write_atomic

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy")
SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision", "jax_default_prng_impl")
CONDITIONS = "conditions.json"
MAY_DIFFER = frozenset({"devices", "lanes", "python", "xla_flags"})
"""Facts that can change bits, and no more than that: rows of one sweep may differ in them."""
IN_WORDS = {
    "code": "the program (model, loss, optimizer, steps or shapes of the data)",
    "data": "the data",
}

Facts = Mapping[str, Any]


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on."""
    found = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **found}


def numerics() -> dict[str, str]:
    """Settings of JAX and XLA that numbers depend on."""
    found = {name: str(getattr(jax.config, name)) for name in SETTINGS}
    return {**found, "xla_flags": _xla_flags()}


@functools.cache
def _xla_flags() -> str:
    # XLA reads them once: what is written into the environment later has no effect.
    return f"NPROC={os.environ.get('NPROC', '')} {os.environ.get('XLA_FLAGS', '')}"


def device_name(device: jax.Device) -> str:
    """The model of an accelerator, or of the processor behind a CPU device."""
    if device.platform != "cpu":
        return device.device_kind
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def digest(tree: Any) -> str:
    """sha256 of a pytree of arrays: paths, shapes, dtypes and bytes."""
    hasher = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)
        hasher.update(f"{jax.tree_util.keystr(path)}{array.shape}{array.dtype}".encode())
        hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


def fingerprint(facts: Facts) -> str:
    """16 hexadecimal digits of a mapping of plain values."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def remember(workdir: Path, facts: Facts) -> str:
    """Keeps the facts in the workdir under their fingerprint, which is returned."""
    name, known = fingerprint(facts), recall(workdir)
    if name not in known:
        text = json.dumps({**known, name: facts}, indent=1, sort_keys=True)
        write_atomic(workdir / CONDITIONS, text + "\n")
    return name


def recall(workdir: Path) -> dict[str, Facts]:
    """The facts behind each fingerprint of a workdir's rows."""
    path = workdir / CONDITIONS
    return json.loads(path.read_text()) if path.exists() else {}


def differences(before: Facts | None, now: Facts) -> list[str]:
    """In which facts, in words, two conditions differ that must not; `before` None: not known."""
    if before is None:
        return [f"their conditions are not in {CONDITIONS}"]
    return [
        _difference(name, before.get(name), now.get(name))
        for name in sorted({*before, *now} - MAY_DIFFER)
        if before.get(name) != now.get(name)
    ]


def _difference(name: str, before: Any, now: Any) -> str:
    if name in IN_WORDS:
        return IN_WORDS[name]
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
        return ", ".join(
            _difference(f"{name}.{key}", before.get(key), now.get(key)) for key in keys
        )
    return f"{name} ({before} there, {now} here)"
