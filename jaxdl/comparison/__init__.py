"""Is an optimizer better? A candidate against tuned baselines on workloads, with intervals."""

from jaxdl.comparison.comparison import BASELINES, WORKLOADS, Comparison, compare, conclude
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
    "compare",
    "conclude",
    "entrant",
    "find",
    "sections",
]
