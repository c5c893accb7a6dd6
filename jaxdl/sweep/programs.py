"""Programs that this process has compiled, each once, for as many lanes as fit."""

import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any

import jax
import numpy as np

from jaxdl.sweep.compilation import (
    Program,
    compiled,
    identity,
    is_told_by_text,
    needed_bytes,
    one_trial,
    state_shapes,
)
from jaxdl.sweep.fingerprint import numerics
from jaxdl.sweep.hosted import is_hosted
from jaxdl.sweep.hosted_programs import streamed
from jaxdl.sweep.placement import Placement, one_after_another
from jaxdl.sweep.run import Data, Run
from jaxdl.types import PyTree

CPU_STATE_BYTES = 256 * 2**20
CPU_LANES = 32
ACCELERATOR_LANES = 1024
ACCELERATOR_SHARE = 0.8
KEPT = 64


def compile_run(
    run: Run,
    placement: Placement,
    hparams: Mapping[str, np.ndarray],
    data: Data,
    trials: int,
    lanes: int | None = None,
    *,
    left: int | None = None,
    name: str = "",
    code: str = "",
) -> Program:
    """The three functions of a run compiled for as many lanes as are asked for or fit.

    What this process has compiled before under that name is not compiled again, if its `identity`
    is the same. Programs that call back into Python are always compiled, since the text does not
    tell which function they call.

    hparams: arrays of any length, for their dtypes. data: as `run` takes it, on the devices.
    trials: of the program altogether; they are cut into chunks of about equal size.
    left: those still to be run; on CPU, where a dead lane costs nothing, a program that is compiled
        already and has lanes for a quarter of them will do. None: the lanes that `trials` ask for.
    code: the run's identity, where it is known.
    """
    began = time.perf_counter()
    devices = placement.mesh.size
    one = one_trial(hparams)
    signature = _signature(one, data)
    seen = (name, signature)
    if not code and seen in _SEEN:
        code = identity(run, hparams, data)
    # The text tells no names, and a compiled function takes only the ones that it was made with.
    kept = _PROGRAMS.get((code, signature, placement), {}) if is_told_by_text(code) else {}
    given = lanes is not None
    if lanes is None:
        lanes = _lanes(placement, _state_bytes(run, hparams, data, kept), trials)
    lanes = -(-lanes // devices) * devices
    flexible = left is not None and not given and placement.over_lanes is one_after_another
    enough = min(lanes, left or lanes) if flexible else lanes
    fitting = [each for each in kept if each == lanes or (flexible and 4 * each >= enough)]
    if fitting:
        nearest = min(fitting, key=lambda each: (each != lanes, each < enough, abs(each - enough)))
        return kept[nearest]._replace(compilations=0)
    asked, compilations = lanes, 0
    while True:
        make = streamed if is_hosted(data) else compiled
        program = make(run, placement, one, data, lanes, code)
        compilations += program.compilations
        if lanes == devices or _fits(program.advance, placement):
            break
        lanes = max(devices, lanes // 2 // devices * devices)
    seconds = time.perf_counter() - began
    program = program._replace(compilations=compilations, compile_seconds=seconds)
    _SEEN.put(seen, True)
    if is_told_by_text(program.code):
        _PROGRAMS.put((program.code, signature, placement), {**kept, asked: program})
    return program


def usual_lanes(
    run: Run, placement: Placement, hparams: Mapping[str, np.ndarray], data: Data, trials: int
) -> int:
    """The lanes that `compile_run` takes for so many trials, but for those that do not fit."""
    return _lanes(placement, _state_bytes(run, hparams, data, {}), trials)


def forget(code: str = "") -> None:
    """Drops the compiled programs of this code, or all, that the process keeps."""
    for key in [key for key in _PROGRAMS if not code or key[0] == code]:
        del _PROGRAMS[key]
    if not code:
        _SEEN.clear()


class _Recent(OrderedDict[Any, Any]):
    """The KEPT entries that were last used."""

    def get(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            return default
        self.move_to_end(key)
        return self[key]

    def put(self, key: Any, value: Any) -> None:
        self[key] = value
        self.move_to_end(key)
        while len(self) > KEPT:
            self.popitem(last=False)


_SEEN, _PROGRAMS = _Recent(), _Recent()


def _signature(one: Mapping[str, jax.ShapeDtypeStruct], data: Data) -> Hashable:
    leaves, structure = jax.tree.flatten(data)
    shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
    dtypes = tuple(sorted((name, str(column.dtype)) for name, column in one.items()))
    return dtypes, structure, shapes, tuple(numerics().items())


def _state_bytes(
    run: Run, hparams: Mapping[str, np.ndarray], data: Data, kept: Mapping[int, Program]
) -> int:
    """What one lane's state takes."""
    for program in kept.values():
        return _bytes(program.state) // program.lanes
    return _bytes(state_shapes(run, hparams, data))


def _bytes(tree: PyTree) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _lanes(placement: Placement, state_bytes: int, trials: int) -> int:
    """Lanes of all devices that cut so many trials into chunks of about equal size."""
    most = ACCELERATOR_LANES
    if placement.over_lanes is one_after_another:
        most = max(1, min(CPU_LANES, CPU_STATE_BYTES // max(state_bytes, 1)))
    each = -(-trials // placement.mesh.size)
    return -(-each // -(-each // most)) * placement.mesh.size


def _fits(compiled: Any, placement: Placement) -> bool:
    stats = placement.mesh.devices.flat[0].memory_stats()
    if not stats or "bytes_limit" not in stats:
        return True
    return needed_bytes(compiled) < ACCELERATOR_SHARE * stats["bytes_limit"]
