"""Batches whose position is a line of text."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import jax

from jaxdl import distributed
from jaxdl.streaming.conditions import Refused
from jaxdl.types import Batch


class Batches(Protocol):
    """An iterator that knows where it is: `data.batches.epochs`, those of grain, your own.

    A state is bytes of text, or what JSON can hold.
    """

    def __iter__(self) -> Iterator[Batch]: ...
    def __next__(self) -> Batch: ...
    def get_state(self) -> Any: ...
    def set_state(self, state: Any, /) -> None: ...


class Stream:
    """The batches of an iterator; its `first` tells this stream from others, and comes first.

    Raises TypeError for what has no position, ValueError for no batches.
    """

    def __init__(self, batches: Batches | Iterable[Batch]):
        iterator: Any = iter(batches)  # a grain.DataLoader makes one
        if not (hasattr(iterator, "get_state") and hasattr(iterator, "set_state")):
            raise TypeError(
                f"batches: a {type(iterator).__name__} has no get_state and set_state, without "
                "which training cannot go on behind it; data.batches.epochs gives one that has"
            )
        self._batches: Batches = iterator
        self._in_bytes = isinstance(iterator.get_state(), bytes)
        try:
            self.first = next(iterator)
        except StopIteration:
            raise ValueError("batches is empty") from None
        self._waiting = [self.first]

    def __next__(self) -> Batch:
        return self._waiting.pop() if self._waiting else next(self._batches)

    def position(self) -> str:
        """Where the batch that comes next is to be found, in this process."""
        state = self._batches.get_state()
        return state.decode() if self._in_bytes else json.dumps(state)

    def positions(self) -> str | list[str]:
        """The position, if it is that of all processes, else all. Every process must call it."""
        found = distributed.texts(self.position())
        return found[0] if len(set(found)) == 1 else found

    def move(self, positions: str | list[str]) -> None:
        """Goes on from there; positions: of all processes, or one for each of them.

        Raises Refused if these were another number.
        """
        if isinstance(positions, list) and len(positions) != jax.process_count():
            raise Refused(
                f"each of {len(positions)} processes had its own position in the data, and now "
                f"there are {jax.process_count()}: data.batches.epochs(rows=...) has one for all"
            )
        own = jax.process_index()
        position = positions[own] if isinstance(positions, list) else positions
        self._waiting.clear()
        self._batches.set_state(position.encode() if self._in_bytes else json.loads(position))
