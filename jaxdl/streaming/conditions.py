"""Whether a session may go on from what another one has left."""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from jaxdl import distributed
from jaxdl._files import write_atomic
from jaxdl._workdir import CONFIG
from jaxdl.checkpoint import CheckpointError
from jaxdl.params import digest
from jaxdl.types import Batch, PyTree

FAILED, USER_ERROR = 1, 2
"""Exit codes: of a failed run, of what the user asks for and cannot have."""
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

    traced: the step on one device. first: the first batch of the data. Nothing in a checkpoint
    tells Adam's state from Adamax's, nor a position in a stream from one in another stream.
    """
    return {
        "program": _program(traced),
        "data": digest(first)[:16],
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def _program(traced: jax.stages.Traced) -> str:
    return _sum(_ADDRESS.sub("", str(traced.jaxpr)) + digest(traced.jaxpr.consts))


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_shared(config: Mapping[str, Any], traced: jax.stages.Traced, first: Batch) -> None:
    """Raises Refused if a process was started with something else than process 0.

    Each would wait for the others in a program of its own. Of rows that each process reads for
    itself only the shape is looked at. Every process must call it.
    """
    whole = {
        name: digest(array) if not isinstance(array, jax.Array) else str(array.shape)
        for name, array in first.items()
    }
    facts = {
        "the configuration": json.dumps(config),
        IN_WORDS["program"]: _program(traced),
        IN_WORDS["data"]: json.dumps(whole, sort_keys=True),
    }
    said = distributed.everyones([int(_sum(text)[:7], 16) for text in facts.values()])
    differing = [name for name, column in zip(facts, said.T, strict=True) if len({*column}) > 1]
    distributed.meet(
        Refused(f"the processes of this job differ in {'; '.join(differing)}")
        if differing and distributed.is_first()
        else None,
        USER_ERROR,
    )


def check_same_step(workdir: Path, step: int) -> None:
    """Raises CheckpointError if not all processes have found this step's checkpoint."""
    steps = distributed.everyones([step])[:, 0].tolist()
    distributed.meet(
        CheckpointError(
            f"the processes found checkpoints of the steps {steps}: {workdir} has to be one folder "
            "that all of them see"
        )
        if len({*steps}) > 1 and distributed.is_first()
        else None,
        FAILED,
    )


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
