"""Is an optimizer better? A candidate against tuned baselines on workloads, with intervals."""

from jaxdl.comparison.card import Card
from jaxdl.comparison.card import sections as card_sections
from jaxdl.comparison.comparison import BASELINES, WORKLOADS, Comparison, against, compare, conclude
from jaxdl.comparison.entrants import ENTRANTS, Entrant, entrant, find
from jaxdl.comparison.exam import Exam
from jaxdl.comparison.page import sections
from jaxdl.comparison.study import PROTOCOLS, SEGMENTS, Study

__all__ = [
    "BASELINES",
    "ENTRANTS",
    "PROTOCOLS",
    "SEGMENTS",
    "WORKLOADS",
    "Card",
    "Comparison",
    "Entrant",
    "Exam",
    "Study",
    "against",
    "card_sections",
    "compare",
    "conclude",
    "entrant",
    "find",
    "sections",
]
