"""Is an optimizer better? A candidate against tuned baselines on workloads, with intervals."""

from jaxdl.comparison.comparison import BASELINES, WORKLOADS, Comparison, against, compare, conclude
from jaxdl.comparison.entrants import ENTRANTS, Entrant, entrant, find
from jaxdl.comparison.page import sections
from jaxdl.comparison.study import PROTOCOLS, SEGMENTS, Study

__all__ = [
    "BASELINES",
    "ENTRANTS",
    "PROTOCOLS",
    "SEGMENTS",
    "WORKLOADS",
    "Comparison",
    "Entrant",
    "Study",
    "against",
    "compare",
    "conclude",
    "entrant",
    "find",
    "sections",
]
