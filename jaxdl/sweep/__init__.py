"""Sweeps: a space of trials, each a pure function, run as compiled programs, kept in a ledger.

A *program* is what is compiled once: whatever changes shapes or code makes another. A *trial* is
one program with one point of hyperparameters and one seed. A program has a number of *lanes*, in
each of which a trial is in flight; these trials are a *chunk*, and a program with more trials runs
chunk after chunk. A *segment* is a piece of training after which a chunk returns to the host, to
be evaluated or saved. A *rung* is where the trials of a program wait for each other, and some of
them stop. A *row* is what the ledger holds of a trial that has ended.
"""

from jaxdl.signals import Interrupted
from jaxdl.sweep._replay import kept_state, predict_seconds, replay
from jaxdl.sweep._track import track
from jaxdl.sweep.asking import Goal, asked
from jaxdl.sweep.conditions import ForeignRows
from jaxdl.sweep.distributions import Choice, Integer, LogUniform, Uniform
from jaxdl.sweep.engine import Failed, execute
from jaxdl.sweep.found import Found, Winner
from jaxdl.sweep.hosted import Hosted
from jaxdl.sweep.ledger import LedgerError
from jaxdl.sweep.placement import place, take_all_cores, use_all_cores
from jaxdl.sweep.plans import Plan, plan, segments, untrained
from jaxdl.sweep.programs import compile_run
from jaxdl.sweep.progress import Progress, reporter
from jaxdl.sweep.results import NoResult, Results, load
from jaxdl.sweep.run import (
    NO_DATA,
    ByRows,
    Data,
    Record,
    Run,
    by_rate,
    make_run,
    of_workload,
    online,
    without_training,
)
from jaxdl.sweep.rungs import Best, Halving, PruneError
from jaxdl.sweep.searching import halved, search
from jaxdl.sweep.space import (
    Point,
    Trial,
    grid,
    halton,
    log_spaced,
    random,
    trial_id,
    trials,
)
from jaxdl.sweep.store import pending
from jaxdl.sweep.wrappers import (
    drawn_examples,
    few_examples,
    few_labels,
    keeping_first,
    numbered,
    of_hparams,
    on,
    on_part,
    only,
)

__all__ = [
    "NO_DATA",
    "Best",
    "ByRows",
    "Choice",
    "Data",
    "Failed",
    "ForeignRows",
    "Found",
    "Goal",
    "Halving",
    "Hosted",
    "Integer",
    "Interrupted",
    "LedgerError",
    "LogUniform",
    "NoResult",
    "Plan",
    "Point",
    "Progress",
    "PruneError",
    "Record",
    "Results",
    "Run",
    "Trial",
    "Uniform",
    "Winner",
    "asked",
    "by_rate",
    "compile_run",
    "drawn_examples",
    "execute",
    "few_examples",
    "few_labels",
    "grid",
    "halton",
    "halved",
    "keeping_first",
    "kept_state",
    "load",
    "log_spaced",
    "make_run",
    "numbered",
    "of_hparams",
    "of_workload",
    "on",
    "on_part",
    "online",
    "only",
    "pending",
    "place",
    "plan",
    "predict_seconds",
    "random",
    "replay",
    "reporter",
    "search",
    "segments",
    "take_all_cores",
    "track",
    "trial_id",
    "trials",
    "untrained",
    "use_all_cores",
    "without_training",
]
