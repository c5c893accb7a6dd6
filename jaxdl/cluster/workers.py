"""A worker: the process that runs parts of a sweep, and what its driver knows of it."""

import contextlib
import importlib.util
import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import jax

from jaxdl import checkpoint
from jaxdl._errors import from_your_code
from jaxdl._worker import Command
from jaxdl.signals import Interrupted, caught
from jaxdl.sweep import chunk, parts, programs
from jaxdl.sweep.conditions import ForeignRows
from jaxdl.sweep.engine import Failed, check
from jaxdl.sweep.ledger import LedgerError
from jaxdl.sweep.placement import one_after_another, place
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.progress import Progress
from jaxdl.sweep.rungs import PruneError

CHECK, RERUN = "check", "check_and_rerun"
"""Instead of a part: compare the ledger's rows with what would be run now, see `execute`."""
TRIES = 3
"""How often a part may kill a worker."""
SECONDS = 0.2
"""Between two looks for what has changed."""


class Lost(RuntimeError):
    """A part killed its worker again and again."""


class Unavailable(RuntimeError):
    """A launcher lacks what it needs, in one line."""


def need(package: str, launcher: str) -> None:
    """Raises Unavailable where a package is not installed."""
    if importlib.util.find_spec(package) is None:
        raise Unavailable(f"launcher {launcher} needs {package}: pip install {package}")


Pool = Callable[[Sequence[str]], Iterator[str | None]]
"""Runs parts: gives the name of each that has ended, and None now and then, to look around. Raises
what a part has refused, and Lost."""


class Launcher(Protocol):
    """Where workers run; `workers` of them at a time."""

    @property
    def workers(self) -> int: ...

    def pool(
        self, plan: Plan, command: Command, workdir: Path, stop: Callable[[], bool]
    ) -> contextlib.AbstractContextManager[Pool]:
        """Workers for a plan; when the block ends they save what they are at, and end.

        stop: whether the driver was asked to, for what runs in its own process.
        """
        ...


def command(function: str, workdir: str | Path, **arguments: Any) -> Command:
    """A worker for the plan that `module:function` returns when called with these arguments.

    The module is imported anew by each worker, which needs it on its path; the arguments are
    numbers, texts, lists and dicts of these.
    """
    given = json.dumps(arguments, allow_nan=False)
    module = (sys.executable, "-m", "jaxdl.cluster")
    return Command((*module, function, str(Path(workdir).absolute()), given), os.getcwd())


def serve(plan: Plan, workdir: Path) -> None:
    """Runs the parts whose names are read from standard input, until that ends or a signal comes.

    Each is answered by a line of JSON. What else the program prints goes to standard error.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        names: queue.SimpleQueue[str] = queue.SimpleQueue()
        alone = threading.Event()
        threading.Thread(target=_listen, args=(sys.stdin, names, alone), daemon=True).start()
        with caught() as asked:
            while not asked() and not alone.is_set():
                with contextlib.suppress(queue.Empty):
                    name = names.get(timeout=SECONDS)
                    refused = run(plan, workdir, name, lambda: asked() or alone.is_set())
                    print(json.dumps({"part": name, "refused": refused}), file=answers, flush=True)
            if asked():
                raise Interrupted


def _listen(lines: IO[str], names: "queue.SimpleQueue[str]", alone: threading.Event) -> None:
    for line in lines:
        names.put(line.strip())
    alone.set()


def run(plan: Plan, workdir: Path, name: str, stop: Callable[[], bool]) -> str:
    """Runs a part; returns why it was refused, or nothing.

    Waits for a process that has it already. A program that fails has rows that say so.
    """
    try:
        if name in (CHECK, RERUN):
            _check(plan, workdir, rerun_changed=name == RERUN)
            return ""
        while not _ran(plan, workdir, name, stop):
            if stop():
                raise Interrupted
            time.sleep(SECONDS)
    except (ForeignRows, LedgerError, PruneError) as error:
        return str(error)
    except Failed as failed:
        cause = failed.__cause__ or failed
        logging.getLogger("jaxdl").error("part %s failed", name, exc_info=from_your_code(cause))
    return ""


def _check(plan: Plan, workdir: Path, rerun_changed: bool) -> None:
    check(
        plan.programs,
        plan.trials,
        plan.data,
        workdir=workdir,
        segments=plan.segments,
        categories=plan.categories,
        labels=plan.labels,
        prune=plan.prune,
        batched=plan.batched,
        rerun_changed=rerun_changed,
    )


def _ran(plan: Plan, workdir: Path, name: str, stop: Callable[[], bool]) -> bool:
    """Whether a part is done now; it is not where another process is at it."""
    part = parts.read(workdir, name)
    if part is None:
        return True
    try:
        plan._replace(trials=part.trials, ask=None).run_all(
            parts.folder(workdir, name),
            lanes=_lanes(plan, part),
            stop=stop,
            progress=Progress(),
            rerun_changed=True,  # the rows that count are those of the ledger
        )
    except checkpoint.WorkdirBusy:
        return False
    return True


def _lanes(plan: Plan, part: parts.Part) -> int | None:
    """As many as one worker would take that runs all there is."""
    if part.together:
        return None
    placement, program = place(None, plan.batched), part.trials[0].program
    # One after another, a lane that no trial is in costs nothing.
    trials = part.of if placement.over_lanes is one_after_another else part.size
    hparams = chunk.columns(part.trials, plan.categories)
    data = jax.eval_shape(lambda: jax.tree.map(jax.numpy.asarray, plan.data))
    return programs.usual_lanes(plan.programs[program], placement, hparams, data, trials)
