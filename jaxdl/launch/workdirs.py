"""What a run says of itself in its workdir, and what is checked there before it goes on."""

import contextlib
import importlib.metadata
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from jaxdl._errors import UserError, in_one_line
from jaxdl._files import write_atomic
from jaxdl._text import clean
from jaxdl._workdir import CONFIG, ENVIRONMENT, VERDICT
from jaxdl.sweep.fingerprint import device_name

OWN = CONFIG, ENVIRONMENT, VERDICT


def write(path: Path, values: Mapping[str, Any]) -> None:
    write_atomic(path, json.dumps(values, indent=2) + "\n")


def check_workdir(workdir: Path) -> None:
    """Raises UserError before anything is compiled if the workdir cannot be used."""
    nearest = workdir
    try:
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
    except OSError as error:  # such as a name that is too long
        raise UserError(f"--workdir={workdir} cannot be used: {error.strerror}") from None
    if not nearest.is_dir():
        raise UserError(f"--workdir={workdir}: {nearest} is not a folder")
    if not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
        raise UserError(f"--workdir={workdir}: {nearest} cannot be read and written")


def check_owner(workdir: Path, name: str) -> None:
    """Raises UserError if another experiment, or another program, has begun the workdir.

    A run says whose it is, in its environment, before it writes anything else but its settings.
    """
    if not _there(workdir / ENVIRONMENT):
        if _there(workdir / VERDICT):
            raise UserError(
                f"--workdir={workdir} holds a {VERDICT} and no {ENVIRONMENT}, so it is no run of "
                f"{name}; use another workdir"
            )
        return
    try:
        owner = json.loads((workdir / ENVIRONMENT).read_bytes())["experiment"]
    except OSError as error:
        raise UserError(
            f"{workdir / ENVIRONMENT} cannot be read: {error.strerror}; use another workdir"
        ) from None
    except (ValueError, LookupError, TypeError, RecursionError):
        owner = None
    if not isinstance(owner, str):
        raise UserError(
            f"--workdir={workdir} holds an {ENVIRONMENT} that names no experiment: it is of "
            "another program, or damaged; use another workdir"
        )
    if owner != name:
        other = " ".join(clean(owner).split())
        raise UserError(f"--workdir={workdir} belongs to {other}, not to {name}")


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long, which `check_workdir` tells of
        return False


def differences(
    workdir: Path, settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> list[str]:
    """What the configuration that is saved in a workdir has otherwise than the one asked for.

    defaults: of keys that it lacks, since they came later than the run.
    """
    if not (workdir / CONFIG).exists():
        return []
    try:
        saved = {**_plain(defaults), **json.loads((workdir / CONFIG).read_text())}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{workdir / CONFIG} cannot be read: {error}") from None
    asked = _plain(settings)
    return [
        f"{key} ({saved.get(key)} there, {asked.get(key)} asked)"
        for key in sorted({*saved, *asked})
        if saved.get(key) != asked.get(key)
    ]


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back."""
    return json.loads(json.dumps(settings))


def seconds_before(workdir: Path) -> float:
    """What earlier launches that did not finish have recorded."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return float(json.loads((workdir / ENVIRONMENT).read_text())["seconds_before"])
    return 0.0


@contextlib.contextmanager
def noting_failure(workdir: Path, spared: tuple[type[Exception], ...]) -> Iterator[None]:
    """Notes in the environment that the run has failed, where the block raises anything else."""
    try:
        yield
    except spared:
        raise
    except Exception as error:
        with contextlib.suppress(OSError, ValueError, TypeError):
            facts = json.loads((workdir / ENVIRONMENT).read_text())
            text = in_one_line(error)
            write(workdir / ENVIRONMENT, {**facts, "failed": text})
        raise


def environment() -> dict[str, Any]:
    """Versions, device and commit."""
    names = ("jax", "jaxlib", "flax", "optax", "numpy", "orbax-checkpoint", "grain")
    devices = jax.local_devices()
    kind = "CPU core, " if devices[0].platform == "cpu" else ""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "device": f"{len(devices)} × {kind}{device_name(devices[0])}",
        "commit": _commit(),
        **{name: importlib.metadata.version(name) for name in names},
    }


def _commit() -> str | None:
    root = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True
        )
    except OSError:
        return None
    return found.stdout.strip() or None
