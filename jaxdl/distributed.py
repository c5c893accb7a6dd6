"""Several processes as one job: they begin together, stop together, and none waits for ever.

JAX's own runtime does it; here is how it is asked. Every process runs the same program:

    distributed.start()
    with distributed.watchdog(600) as alive:
        for state, metrics in ...:
            alive()
            if distributed.stopping():
                ...  # save, and exit with 75

What is lost with a process is not mended in the others: they end, and the same commands, given to
all again, go on from the newest checkpoint.
"""

import contextlib
import faulthandler
import itertools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec

from jaxdl.types import PyTree

ADDRESS = "127.0.0.1:8476"
"""Where process 0 listens if no address is given: no other machine can reach it."""
HEARTBEAT = 60
"""Seconds without a sign of life after which a process counts as dead."""


def start(
    processes: int | None = None,
    index: int | None = None,
    address: str | None = None,
    *,
    heartbeat: int = HEARTBEAT,
) -> None:
    """Joins the processes of a job; to be called before anything else of JAX.

    processes, index: how many there are, and which this is. None: as $JAX_NUM_PROCESSES and
    $JAX_PROCESS_ID say or, where these are not set, the cluster: Slurm, Open MPI, Kubernetes or the
    TPU runtime, which have the address, too.
    address: `HOST:PORT` of process 0, which listens on this interface of its machine alone. None:
    $JAX_COORDINATOR_ADDRESS or else `ADDRESS`. Where a cluster has it, or another interface is to
    be taken, $JAX_COORDINATOR_BIND_ADDRESS is what it listens on.
    heartbeat: seconds after which all others end if a process has died or was stopped.
    Raises ValueError for a process that cannot be, RuntimeError where the others do not come.
    """
    address = address or os.environ.get("JAX_COORDINATOR_ADDRESS")
    processes = _given(processes, "JAX_NUM_PROCESSES")
    index = _given(index, "JAX_PROCESS_ID")
    if (processes is None) != (index is None):
        raise ValueError(f"processes and index belong together, not {processes} and {index}")
    if processes is not None and index is not None:
        if not 0 <= index < processes:
            raise ValueError(f"process {index} of {processes}: the first is 0")
        address = address or ADDRESS
    jax.distributed.initialize(
        address,
        processes,
        index,
        cluster_detection_method="deactivate" if processes else None,
        coordinator_bind_address=os.environ.get("JAX_COORDINATOR_BIND_ADDRESS", address),
        heartbeat_timeout_seconds=heartbeat,
    )


def _given(value: int | None, variable: str) -> int | None:
    text = os.environ.get(variable)
    if value is not None or text is None:
        return value
    if not text.isdecimal():
        raise ValueError(f"${variable} is {text!r}, and not a number")
    return int(text)


# Counted here, from 1: JAX takes the number after the largest that was asked for, 1 before the
# first, and where a run goes on from step 7 that one never comes.
_asked = itertools.count(1)


def stopping() -> bool:
    """Whether all processes save after this step and leave, since one of them was sent SIGTERM.

    To be asked by all, once after each step; all are told so after the same step, a second or two
    after the signal. Python must not handle SIGTERM itself: JAX does, until then; a second one ends
    a process at once. False in a process alone.
    """
    if not multihost_utils.reached_preemption_sync_point(next(_asked)):
        return False
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return True


@contextlib.contextmanager
def watchdog(seconds: float) -> Iterator[Callable[[], None]]:
    """Ends a process in which nothing happens for long: stacks of all threads, exit code 1.

    Gives the function to call after each step. A process that is stuck still answers JAX's
    heartbeat, and the others would wait for it in the next collective. seconds: more than the
    longest step takes, compilation and evaluations among them.
    """

    def alive() -> None:
        faulthandler.dump_traceback_later(seconds, exit=True)

    alive()
    try:
        yield alive
    finally:
        faulthandler.cancel_dump_traceback_later()


class Ended(SystemExit):
    """Another process of the job has failed, and has said why; with its exit code."""


class Shared(Exception):
    """What has happened to this process, and ends all of them."""

    def __init__(self, failure: Exception):
        super().__init__()
        self.failure = failure


def is_first() -> bool:
    """Whether this is the process that speaks and writes."""
    return jax.process_index() == 0


def everyones(numbers: Sequence[int]) -> np.ndarray:
    """The numbers of every process, int32 `[P, N]`. Every process must call it."""
    mine = np.asarray(numbers, np.int32)
    if jax.process_count() == 1:
        return mine[None]
    return multihost_utils.process_allgather(mine).reshape(jax.process_count(), -1)


def texts(text: str) -> list[str]:
    """The text of every process. Every process must call it."""
    mine = np.frombuffer(text.encode(), np.uint8)
    lengths = everyones([len(mine)])[:, 0]
    width = 1 << max(10, int(lengths.max()).bit_length())  # few widths: each is compiled
    padded = multihost_utils.process_allgather(np.pad(mine, (0, width - len(mine))))
    rows = padded.reshape(len(lengths), width)
    return [row[:n].tobytes().decode() for row, n in zip(rows, lengths, strict=True)]


def meet(failure: Exception | None, code: int, *numbers: int) -> np.ndarray:
    """What every process says, int32 `[P, N]`, if none has failed. Every process must call it.

    Of those that have failed the first raises Shared with its `failure`; all others raise Ended
    with its exit `code`, without a word. To be called within `one_end`.
    """
    said = everyones([code if failure else 0, *numbers])
    failed = np.flatnonzero(said[:, 0])
    if failed.size and failure is not None and failed[0] == jax.process_index():
        raise Shared(failure)
    if failed.size:
        raise Ended(int(said[failed[0], 0]))
    return said[:, 1:]


@contextlib.contextmanager
def together(code: Callable[[Exception], int]) -> Iterator[None]:
    """What one process raises in the block ends all of them, as `meet` does.

    Every process must enter it, and in it none may wait for another. code: of an error, for the
    exit.
    """
    failure = None
    try:
        yield
    except Exception as error:
        failure = error
    meet(failure, code(failure) if failure else 0)


@contextlib.contextmanager
def one_end() -> Iterator[None]:
    """Within it all processes end alike: what `meet` has told all of them is raised as it was.

    A process that fails otherwise prints the traceback and exits at once, with code 1: going on to
    the end of its program it would wait five minutes there for the others, and these for it.
    """
    try:
        yield
    except Shared as shared:
        raise shared.failure from None
    except Exception:
        if jax.process_count() == 1:
            raise
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within it Ctrl-C asks all processes to stop, as SIGTERM does; a second one ends this one.

    Where the program handles Ctrl-C itself, and outside of its main thread, nothing is changed.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def gathered(tree: PyTree) -> PyTree | None:
    """The tree as NumPy arrays (typed keys: on one device) in process 0, None in all others.

    Every process must call it. Leaf by leaf: beside the tree a device holds one whole array at a
    time, and the machine of process 0 all of them, which is what writing one checkpoint for any
    number of processes costs.
    """
    first = jax.process_index() == 0
    leaves, structure = jax.tree.flatten(tree)
    held = [_fetched(leaf, first) for leaf in leaves]
    return jax.tree.unflatten(structure, held) if first else None


def _fetched(leaf: Any, wanted: bool) -> Any:
    if not isinstance(leaf, jax.Array):
        return leaf
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _fetched(jax.random.key_data(leaf), wanted)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf)) if wanted else None
    if not leaf.is_fully_addressable and not leaf.is_fully_replicated:
        assert isinstance(leaf.sharding, NamedSharding)
        everywhere = NamedSharding(leaf.sharding.mesh, PartitionSpec())
        leaf = jax.jit(lambda array: array, out_shardings=everywhere)(leaf)
    return np.asarray(leaf) if wanted else None
