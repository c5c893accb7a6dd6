"""What an experiment is, and what it concludes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.launch.fields import Config
from jaxdl.report.claims import Claim, Judged
from jaxdl.report.page import Section
from jaxdl.sweep.plans import Plan


class Conclusion(NamedTuple):
    """What an experiment found: its claims and the sections of its report.

    headline: the sentence to remember; by default the claims with their verdicts.
    """

    claims: Sequence[Judged]
    sections: Sequence[Section]
    headline: str = ""


class Use(NamedTuple):
    """Something to do with what a finished run has trained: a flag that takes a text.

    run: `(workdir, text) -> what to print`; a ValueError it raises is the user's mistake.
    """

    help: str
    run: Callable[[Path, str], str]


class Experiment(NamedTuple):
    """A claim, a space and a measurement.

    config: the configuration's type. plan: `config -> Plan`; a ValueError it raises is the user's
        mistake.
    conclude: `(config, plan, results) -> Conclusion`; the plan knows the workdir.
    claims: as they are declared, for `--help`.
    uses: what `--NAME=TEXT` does with a finished run, by name.
    confirm: `(config, plan, results) -> Plan` of the chosen settings on fresh seeds, run in the
        same workdir; its results are a fourth argument of `conclude`.
    tolerant: whether it confirms and concludes although programs have failed: it is told by rows of
        the status `error`.
    """

    config: type[Config]
    plan: Callable[[Any], Plan]
    conclude: Callable[..., Conclusion]
    claims: Sequence[Claim] = ()
    uses: Mapping[str, Use] = {}
    confirm: Callable[..., Plan] | None = None
    tolerant: bool = False
