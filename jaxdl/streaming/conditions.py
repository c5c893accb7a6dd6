"""Whether a session may go on from what another one has left."""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from jaxdl._files import write_atomic
from jaxdl.params import digest
from jaxdl.types import PyTree

CONFIG = "config.json"
LIBRARIES = ("jax", "jaxlib", "flax", "optax")
IN_WORDS = {
    "program": "the program (model, loss, optimizer and its numbers, shapes of a batch)",
    "data": "the first batch of the data (rows, order, seed, batch size, transformations)",
}
_ADDRESS = re.compile("0x[0-9a-f]+")


class Refused(ValueError):
    """A workdir that cannot be used, or was begun under other conditions."""


def of(traced: jax.stages.Traced, first: PyTree) -> dict[str, str]:
    """What the bits of a run depend on, beside its configuration and its devices.

    traced: the step. first: the first batch of the data. Nothing in a checkpoint tells Adam's state
    from Adamax's, nor a position in a stream from one in another stream.
    """
    text = _ADDRESS.sub("", str(traced.jaxpr)) + digest(traced.jaxpr.consts)
    return {
        "program": hashlib.sha256(text.encode()).hexdigest()[:16],
        "data": digest(first)[:16],
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def settled(workdir: Path, config: Mapping[str, Any], allow_change: bool) -> bool:
    """Whether the configuration is not the one in `workdir`. Raises Refused, unless allowed."""
    path = workdir / CONFIG
    if not path.exists():
        return False
    try:
        saved = dict(json.loads(path.read_text()))
    except (OSError, TypeError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {error}") from None
    return check(workdir, saved, json.loads(json.dumps(config)), allow_change)


def check(
    workdir: Path, saved: Mapping[str, Any], asked: Mapping[str, Any], allow_change: bool
) -> bool:
    """Whether they differ. Raises Refused, which says in what, unless a change is allowed."""
    differing = [
        IN_WORDS.get(name, f"{name} ({saved.get(name)} there, {asked.get(name)} here)")
        for name in sorted({*saved, *asked})
        if saved.get(name) != asked.get(name)
    ]
    if differing and not allow_change:
        raise Refused(
            f"{workdir} was begun under other conditions: {'; '.join(differing)}; use another "
            "workdir, or allow_config_change"
        )
    return bool(differing)


def write(workdir: Path, config: Mapping[str, Any]) -> None:
    """Keeps the configuration, as data."""
    write_atomic(workdir / CONFIG, json.dumps(config, indent=2) + "\n")
