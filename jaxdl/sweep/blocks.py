"""Rows of hosted training data, sent to the devices in blocks, of which one is always ahead.

Which rows a segment reads is known before it begins, see `run.ByRows`. A block is as many of its
steps as read, all lanes of a device together, no more different rows than it has room for: trials
of one seed read the same ones. While the devices train on a block, a thread reads and sends the
next.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.sweep.hosted import TRAIN, Hosted
from jaxdl.sweep.placement import Placement
from jaxdl.sweep.run import Data
from jaxdl.types import Array, PyTree, TrainState


class Size(NamedTuple):
    """What a device's part of a block can hold: different rows, and steps."""

    room: int
    most: int


class Block(NamedTuple):
    """On the devices: what a program is given for some steps.

    places: `[lanes, most, ...]`, where among the rows those are that a step reads.
    rows: `({name: [devices * room, ...]}, [devices])`, the rows, and the number of the steps.
    """

    places: Any
    rows: Any


@dataclasses.dataclass(frozen=True)
class Streamed:
    """`Program.advance` on a hosted `data["train"]`.

    read: `(hparams [L], keys [L], steps [L], ()) -> [L, steps, ...]`, rows of a segment.
    learn: `(hparams, state, alive, *block) -> (state, curves, finite, steps)`; donates the state.
    """

    read: Callable[..., Array]
    learn: Any
    placement: Placement
    size: Size

    def __call__(
        self, hparams: PyTree, state: TrainState, alive: np.ndarray, data: Data
    ) -> tuple[TrainState, dict[str, np.ndarray], Array, Array]:
        """A segment; returns when it has been trained."""
        rows = np.asarray(self.read(hparams, state.key, state.step, ()))
        blocks = self._blocks(data[TRAIN], rows, alive)
        parts: list[dict[str, np.ndarray]] = []
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(next, blocks, None)
            while (ready := ahead.result()) is not None:
                count, block = ready
                state, curves, *rest = self.learn(hparams, state, alive, *block)
                ahead = reader.submit(next, blocks, None)
                # Waits for the block to be done with, so that no third one is begun before.
                curves = jax.device_get(curves)
                parts.append({name: curve[:, :count] for name, curve in curves.items()})
        whole = {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
        return state, whole, *rest

    def memory_analysis(self) -> Any:
        """That of training on a block; another one, which waits, is not in it."""
        return self.learn.memory_analysis()

    def _blocks(
        self, hosted: Hosted, rows: np.ndarray, alive: np.ndarray
    ) -> Iterator[tuple[int, Block]]:
        """The blocks of a segment, with the steps in each. rows: `[lanes, steps, ...]`."""
        devices, steps = self.placement.mesh.size, rows.shape[1]
        seats = np.split(np.arange(len(rows)), devices)
        living = [lanes[alive[lanes]] for lanes in seats]
        begin, window = 0, 1
        while begin < steps:
            last = min(begin + self.size.most, steps)
            while True:
                end = min(begin + window, last)
                # Step after step, for `fitting`.
                parts = [rows[lanes, begin:end].swapaxes(0, 1) for lanes in living]
                fits = [fitting(part.reshape(end - begin, -1), self.size.room) for part in parts]
                count = min(fit.steps for fit in fits)
                if begin + count < end or end == last:
                    break
                window *= 2
            yield count, self._block(hosted, count, parts, fits, living, rows.shape)
            begin, window = begin + count, count

    def _block(
        self,
        hosted: Hosted,
        count: int,
        parts: list[np.ndarray],
        fits: list["Fit"],
        living: list[np.ndarray],
        shape: tuple[int, ...],
    ) -> Block:
        """Reads and sends a block. parts: of each device `[steps, its living lanes, ...]`."""
        devices, room = len(parts), self.size.room
        arrays = {
            name: np.empty((devices * room, *row.shape[1:]), row.dtype)
            for name, row in hosted.shapes.items()
        }
        places = np.zeros((shape[0], self.size.most, *shape[2:]), np.int32)
        for device, (part, fit, lanes) in enumerate(zip(parts, fits, living, strict=True)):
            found = fit.rows[fit.first < count]
            mine = slice(device * room, (device + 1) * room)
            hosted.read(found, {name: array[mine] for name, array in arrays.items()})
            places[lanes, :count] = np.searchsorted(found, part[:count]).swapaxes(0, 1)
        number = np.full(devices, count, np.int32)
        return jax.device_put(Block(places, (arrays, number)), self.placement.split)


class Fit(NamedTuple):
    """steps: how many of the first there is room for. rows: all different ones of the steps looked
    at, in order; first: `[rows]`, the step that reads a row first."""

    steps: int
    rows: np.ndarray
    first: np.ndarray


def fitting(rows: np.ndarray, room: int) -> Fit:
    """How many steps read no more than so many different rows. rows: `[steps, rows of a step]`."""
    found, first = np.unique(rows, return_index=True)
    first = first // max(1, rows.shape[1])
    fresh = np.bincount(first, minlength=len(rows)).cumsum()
    return Fit(int(np.searchsorted(fresh, room, side="right")), found, first)


def size_of(hosted: Hosted, rows: tuple[int, ...], lanes: int) -> Size:
    """For a device with so many lanes. rows: the shape of those that a lane reads in a segment."""
    steps, each = rows[0], lanes * math.prod(rows[1:])
    room = max(each, hosted.block_bytes // max(1, hosted.row_bytes))
    # From a place for one step alone XLA would make another loop, with other bits.
    most = max(2, hosted.block_bytes // (each * np.dtype(np.int32).itemsize))
    return Size(min(room, hosted.examples, steps * each), min(most, steps))
