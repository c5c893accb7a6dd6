"""Under which conditions rows were made, and whether rows may stand beside each other."""

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from jaxdl._files import write_atomic
from jaxdl._workdir import CONDITIONS

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy")
SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision", "jax_default_prng_impl")
WARNED = frozenset({"devices", "processor", "workers", "xla_flags"})
MAY_DIFFER = WARNED | {"lanes", "python"}
"""Facts that can change bits, and no more than that: rows of one sweep may differ in them, with a
warning for some."""
IN_WORDS = {
    "code": "the program (model, loss, optimizer, steps or shapes of the data)",
    "data": "the data",
}

ADDRESS = re.compile(" at 0x[0-9a-f]+")

Facts = Mapping[str, Any]


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on."""
    found = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **found}


def numerics() -> dict[str, str]:
    """Settings of JAX and XLA that numbers depend on."""
    found = {name: str(getattr(jax.config, name)) for name in SETTINGS}
    return {**found, **_of_the_process()}


@functools.cache
def _of_the_process() -> dict[str, str]:
    # XLA reads them once: what is written into the environment later has no effect.
    return {
        "workers": os.environ.get("NPROC", ""),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def device_name(device: jax.Device) -> str:
    """The model of an accelerator, or of the processor behind a CPU device."""
    if device.platform != "cpu":
        return device.device_kind
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


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
    """The facts behind each fingerprint of a workdir's rows. Raises ValueError for another file."""
    path = workdir / CONDITIONS
    found = json.loads(path.read_text()) if path.exists() else {}
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise ValueError(f"{CONDITIONS} holds no conditions")
    return found


def described(function: object) -> str:
    """What a function is, as far as its code, defaults and what it closes over tell."""
    return hashlib.sha256(ADDRESS.sub("", _parts(function, ())).encode()).hexdigest()[:16]


def _parts(function: object, within: tuple[object, ...]) -> str:
    """within: the functions that it was found in, of which it may be one."""
    if isinstance(function, functools.partial):
        own = f"{function.args!r} {sorted(function.keywords.items())!r}"
        return f"{_parts(function.func, within)} {own}"
    if isinstance(function, types.MethodType):
        return f"{_parts(function.__func__, within)} {_parts(function.__self__, within)}"
    if isinstance(function, types.CodeType):
        constants = [_parts(each, within) for each in function.co_consts]
        return f"{function.co_code.hex()} {function.co_names} {constants}"
    if isinstance(function, types.FunctionType):
        if function in within:
            return f"{function.__name__} itself"
        cells = [_parts(_content(cell), (*within, function)) for cell in function.__closure__ or ()]
        return f"{_parts(function.__code__, within)} {function.__defaults__!r} {cells}"
    if isinstance(function, set | frozenset):  # whose order changes from process to process
        return f"{sorted(map(repr, function))}"
    return f"{function!r} {sorted(getattr(function, '__dict__', {}).items())!r}"


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not yet assigned
        return None


def differences(before: Facts | None, now: Facts, of: frozenset[str] | None = None) -> list[str]:
    """In which facts, in words, two conditions differ that must not; `before` None: not known.

    of: compare these facts alone.
    """
    if before is None:
        return [f"their conditions are not in {CONDITIONS}"]
    return [
        _difference(name, before.get(name), now.get(name))
        for name in sorted({*before, *now} - MAY_DIFFER if of is None else of)
        if before.get(name) != now.get(name)
    ]


def _difference(name: str, before: object, now: object) -> str:
    if name in IN_WORDS:
        return IN_WORDS[name]
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
        return ", ".join(
            _difference(f"{name}.{key}", before.get(key), now.get(key)) for key in keys
        )
    return f"{name} ({before} there, {now} here)"
