"""What a launch would run, and for how long."""

import sys
from collections.abc import Sequence

from jaxdl import sweep
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.space import Trial

REPORT_SECONDS = 6.0
"""What tables and pictures take on a laptop's core, most of it Matplotlib's start."""


def print_plan(plan: Plan, left: Sequence[Trial]) -> None:
    """What a launch would run. left: the trials that are not done already."""
    for name in plan.programs:
        count = sum(trial.program == name for trial in plan.trials)
        print(f"{name:<16} {count:>7} trials")
    print(f"{len(plan.programs)} programs, {len(plan.trials)} trials")
    if plan.follow:
        print(f"{plan.follow} trials follow on other seeds, at what these have chosen")
    if len(left) < len(plan.trials):
        print(f"{len(plan.trials) - len(left)} trials are done already")
    seconds = sweep.predict_seconds(
        plan.programs,
        left,
        plan.data,
        segments=plan.segments,
        categories=plan.categories,
        tell=lambda name: print(f"measuring {name}", file=sys.stderr, flush=True),
        batched=plan.batched,
    )
    seconds = REPORT_SECONDS + seconds * (1 + plan.follow / max(1, len(left)))
    print(f"about {seconds / 60:.1f} minutes on this machine, with the report")
