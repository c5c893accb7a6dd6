"""The report of a run: what it concludes, between its claims and how it was made."""

from collections.abc import Mapping
from typing import Any

from jaxdl import report
from jaxdl.launch.experiment import Conclusion
from jaxdl.report import Report, Section


def page(
    name: str,
    question: str,
    conclusion: Conclusion,
    explored: report.Trials | None,
    settings: Mapping[str, Any],
    facts: Mapping[str, Any],
    command: str,
) -> Report:
    """The claims first, then what the experiment says, then what it takes to repeat it.

    question: what the experiment asks. explored: the trials, after what the experiment says first.
    settings: the configuration. facts: the environment. command: that repeats the run.
    """
    claims = conclusion.claims
    first = [Section("Claims", (report.Verdicts(claims),))] if claims else []
    return Report(
        name.replace("_", " "),
        conclusion.headline or report.headline(claims),
        (
            *first,
            *conclusion.sections[:1],
            *([Section("Explore the trials", (explored,))] if explored else []),
            *conclusion.sections[1:],
            Section("Claims in numbers", (report.claims_table(claims),)),
            Section("Configuration", (report.from_mapping(settings),)),
            Section("Environment", (report.from_mapping(facts),)),
            Section(
                "How to repeat it",
                ("With the commit and the versions above, a module in its checkout:",
                 report.Code(command)),
            ),
        ),
        question,
    )  # fmt: skip
