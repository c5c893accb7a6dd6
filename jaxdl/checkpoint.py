"""Checkpoints that can be trusted: written by Orbax, sealed by a hash of every byte, or not used.

A checkpoint is a directory `step_00000012`:

    arrays/        the leaves in the tree's order, numbered, as Orbax writes them
    contents.json  the step, the caller's `meta`, and path, dtype and shape of every leaf
    seal.json      size and sha256 of every other file

It is prepared under a hidden name and renamed when all of it is on disk, so whatever moment a
process dies at, there is a whole checkpoint or none. Nothing in it is ever executed.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import operator
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl import quiet
from jaxdl._files import sync
from jaxdl.params import is_key
from jaxdl.types import PyTree

if TYPE_CHECKING:
    import orbax.checkpoint as ocp

ARRAYS, CONTENTS, SEAL = "arrays", "contents.json", "seal.json"
# A step that is saved again stays readable under the suffix until the new one has its name.
STEP = re.compile(r"step_([0-9]{8}|[1-9][0-9]{8,})(\.replaced)?")


class CheckpointError(RuntimeError):
    """There are checkpoints and none can be used, or one does not fit the template."""


class WorkdirBusy(RuntimeError):
    """Another process works in this directory."""


class Restored(NamedTuple):
    """What `restore` gives back."""

    step: int
    tree: PyTree
    meta: dict[str, Any]


def save(
    directory: str | os.PathLike[str],
    step: int,
    tree: PyTree,
    meta: Mapping[str, Any] | None = None,
    *,
    keep: int = 2,
) -> Path:
    """Writes `tree` as the checkpoint of `step`, then drops all but the `keep` newest up to it.

    Leaves are JAX or NumPy arrays of numbers or booleans, typed PRNG keys or Python numbers;
    `meta` is what JSON can hold. One writer at a time: hold `lock`; of several processes, process
    0 saves alone what `distributed.gathered` gives it.
    Returns the checkpoint's path. Raises OSError if the disk is full or fails (earlier
    checkpoints are untouched), ValueError or TypeError for a leaf or a meta it cannot hold.
    """
    step = operator.index(step)
    if step < 0 or keep < 1:
        raise ValueError(f"step must be >= 0 and keep >= 1, not {step} and {keep}")
    if jax.process_index() != 0:  # Orbax would leave its arrays out without a word
        raise RuntimeError(f"process 0 saves, this is process {jax.process_index()}")
    leaves = _leaves(tree)
    contents = {
        "step": step,
        "meta": dict(meta or {}),
        "leaves": {path: _signature(leaf) for path, leaf in leaves.items()},
        "keys": {p: str(jax.random.key_impl(leaf)) for p, leaf in leaves.items() if is_key(leaf)},
    }
    text = json.dumps(contents, allow_nan=False, indent=1)
    arrays = _to_numpy(leaves)

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    final = directory / f"step_{step:08d}"
    draft = directory / f".{final.name}"
    for leftover in directory.glob(".step_*"):
        shutil.rmtree(leftover)
    try:
        draft.mkdir()
        _write_arrays(draft / ARRAYS, arrays)
        (draft / CONTENTS).write_text(text)
        (draft / SEAL).write_bytes(_seal(_digests(draft)))
        for path in (*draft.rglob("*"), draft):
            sync(path)
        _publish(draft, final)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _prune(directory, step, keep)
    return final


def restore(directory: str | os.PathLike[str], like: PyTree) -> Restored | None:
    """Reads the newest checkpoint whose seal holds into the structure of `like`.

    `like` holds arrays or `jax.ShapeDtypeStruct`s; what is restored is of their kind (JAX, NumPy
    or Python number), with their weak types and shardings. A checkpoint that is not as it was
    sealed is named in a warning and the next older one is tried; a foreign directory or file of
    such a name is passed over with a warning. Returns None where there is no checkpoint.
    Raises CheckpointError if there are some and all are bad, or if path, dtype or shape of a leaf
    differ from `like`.
    """
    bad = []
    for path in _candidates(Path(directory)):
        if not _is_ours(path):
            warnings.warn(f"{path} is ignored: it is not a checkpoint", stacklevel=2)
            continue
        fault = _fault(path)
        if fault is None:
            return _read(path, like)
        warnings.warn(f"{path} is ignored: {fault}", stacklevel=2)
        bad.append(path.name)
    if bad:
        raise CheckpointError(f"no checkpoint in {directory} is intact: {', '.join(bad)}")
    return None


def inspect(directory: str | os.PathLike[str]) -> dict[Path, str | None]:
    """What is wrong with each checkpoint there, newest first; None if it is as it was sealed."""
    return {
        path: _fault(path) if _is_ours(path) else "it is not a checkpoint"
        for path in _candidates(Path(directory))
    }


@contextlib.contextmanager
def lock(workdir: str | os.PathLike[str], name: str = ".lock") -> Iterator[None]:
    """Holds `workdir`, for one purpose, for this process until the block ends or the process dies.

    Raises WorkdirBusy at once if it is held already.
    """
    with Path(workdir, name).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkdirBusy(f"{workdir} is in use by another process") from None
        try:
            yield
        finally:
            # Closing is not enough: a forked child has the same open file.
            fcntl.flock(file, fcntl.LOCK_UN)


def _leaves(tree: PyTree) -> dict[str, Any]:
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    leaves = {jax.tree_util.keystr(path): leaf for path, leaf in flat}
    if len(leaves) < len(flat):
        raise ValueError("two leaves of the tree have the same path")
    return leaves


def _signature(leaf: Any) -> str:
    array = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
    return f"{array.dtype}[{', '.join(map(str, array.shape))}]"


def _to_numpy(leaves: dict[str, Any]) -> list[np.ndarray]:
    data = [jax.random.key_data(leaf) if is_key(leaf) else leaf for leaf in leaves.values()]
    arrays = [np.asarray(array) for array in jax.device_get(data)]
    for path, array in zip(leaves, arrays, strict=True):
        if not (array.dtype == bool or jnp.issubdtype(array.dtype, np.number)):
            raise ValueError(f"{path} is {_signature(array)}, which a checkpoint does not hold")
    return arrays


def _orbax() -> "ocp.Checkpointer":
    # Importing Orbax takes most of a second, which a program that saves nothing need not wait.
    import orbax.checkpoint as ocp

    # Each process for itself: by default all of them would have to meet in every call.
    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process_{me}"
    )
    # Weights hardly compress; without trying, a small tree is saved in half the time.
    handler = ocp.PyTreeCheckpointHandler(use_compression=False)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _write_arrays(path: Path, arrays: list[np.ndarray]) -> None:
    # Orbax refuses arrays without elements, and has nothing to write of them.
    numbered = {str(number): array for number, array in enumerate(arrays) if array.size}
    if not numbered:
        return
    try:
        # Orbax logs a failed write as pages of tracebacks, one a thread; the error says it once.
        with quiet.absl(logging.CRITICAL), _orbax() as checkpointer:
            checkpointer.save(path.absolute(), numbered)
    except ValueError as error:  # of TensorStore, whatever went wrong
        raise OSError(f"cannot write {path}: {error}") from error


def _publish(draft: Path, final: Path) -> None:
    replaced = final.with_name(f"{final.name}.replaced")
    if _is_ours(final):
        if replaced.exists():
            _remove(replaced)
        os.replace(final, replaced)
    os.replace(draft, final)
    sync(final.parent)


def _prune(directory: Path, step: int, keep: int) -> None:
    # Later steps, of a run that went on from an earlier one, stay until they are saved again.
    past = [path for path in _candidates(directory) if _step(path) <= step and _is_ours(path)]
    kept = [path for path in past if not path.suffix][:keep]
    for path in past:
        if path not in kept:
            _remove(path)


def _remove(path: Path) -> None:
    # Renamed first, so that a kill does not leave half a checkpoint under a step's name.
    hidden = path.with_name(f".{path.name}.removed")
    os.replace(path, hidden)
    shutil.rmtree(hidden)


def _candidates(directory: Path) -> list[Path]:
    """Everything that is named like a checkpoint, newest first."""
    if not directory.exists():
        return []
    named = [path for path in directory.iterdir() if STEP.fullmatch(path.name)]
    return sorted(named, key=lambda path: (-_step(path), path.suffix))


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step_"))


def _is_ours(path: Path) -> bool:
    return any((path / name).exists() for name in (ARRAYS, CONTENTS, SEAL))


def _digests(path: Path) -> dict[str, str]:
    """Size and sha256 of every file below `path` but the seal."""
    digests = {}
    for file in path.rglob("*"):
        name = file.relative_to(path).as_posix()
        if file.is_dir() or name == SEAL:
            continue
        if not file.is_file():
            raise OSError(f"{name} is not a file")
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            digests[name] = f"{stream.tell()} {digest}"
    return digests


def _seal(digests: dict[str, str]) -> bytes:
    return json.dumps(digests, sort_keys=True, indent=1).encode()


def _fault(path: Path) -> str | None:
    """What is wrong with a checkpoint, in words; None if every byte is as it was sealed."""
    rewritten = f"{SEAL} is not as it was written"
    try:
        text = (path / SEAL).read_bytes()
        found = _digests(path)
        sealed = dict(json.loads(text))
    except OSError as error:
        return f"it cannot be verified ({error})"
    except (TypeError, ValueError):
        return rewritten
    for name in sorted({*sealed, *found}):
        if sealed.get(name) != found.get(name):
            return f"{name} is {'not as it was sealed' if name in found else 'missing'}"
    return None if text == _seal(found) else rewritten


def _read(path: Path, like: PyTree) -> Restored:
    contents = json.loads((path / CONTENTS).read_bytes())
    leaves, saved = _leaves(like), contents["leaves"]
    wanted = {name: _signature(leaf) for name, leaf in leaves.items()}
    differing = [name for name in {**wanted, **saved} if wanted.get(name) != saved.get(name)]
    if differing:
        name, more = differing[0], len(differing) - 1
        raise CheckpointError(
            f"{path} does not fit: {name} is {saved.get(name, 'missing')} in the checkpoint, "
            f"{wanted.get(name, 'missing')} in the template" + (f" ({more} more)" if more else "")
        )
    arrays: dict[str, np.ndarray] = {}
    if (path / ARRAYS).exists():
        with quiet.absl(logging.WARNING), _orbax() as checkpointer:
            arrays = checkpointer.restore((path / ARRAYS).absolute())
    numbers = {name: str(number) for number, name in enumerate(saved)}
    values = [
        _like(leaf, arrays.get(numbers[name]), contents["keys"].get(name))
        for name, leaf in leaves.items()
    ]
    tree = jax.tree.unflatten(jax.tree.structure(like), values)
    return Restored(contents["step"], tree, contents["meta"])


def _like(leaf: Any, array: np.ndarray | None, impl: str | None) -> ArrayLike:
    """`array` (None if it has no elements) as what `leaf` is; typed keys if `impl` is given."""
    if array is None:
        data = jax.eval_shape(jax.random.key_data, leaf) if impl else leaf
        array = np.zeros(data.shape, data.dtype)
    if isinstance(leaf, np.ndarray):
        return array
    if isinstance(leaf, np.generic):
        return array[()]
    if not hasattr(leaf, "dtype"):
        return array.item()
    sharding = leaf.sharding if getattr(leaf, "committed", True) else None
    with jax.enable_x64(array.real.itemsize == 8):  # nothing is narrowed, whatever the mode
        value: Any
        if sharding is None or sharding.is_fully_addressable:
            value = jax.device_put(array, sharding, may_alias=False)
        else:  # device_put would gather it from every process on each device, to compare them
            value = jax.make_array_from_callback(array.shape, sharding, array.__getitem__)
        if getattr(leaf, "weak_type", False):
            value = jax.jit(_weak, out_shardings=sharding)(value)
        return jax.random.wrap_key_data(value, impl=impl) if impl else value


def _weak(value: jax.Array) -> jax.Array:
    return jnp.full(value.shape, value.dtype.type(0).item()).at[...].set(value)
