"""Is an optimizer better? A candidate against tuned baselines on workloads, with intervals."""

from jaxdl.comparison._compare import (
    BASELINES,
    SCHEDULES,
    USUAL,
    WORKLOADS,
    Usual,
    against,
    check_raised,
    compare,
    conclude,
)
from jaxdl.comparison.candidates import OPTIMIZER, entrant, find, kind_of
from jaxdl.comparison.card import Card
from jaxdl.comparison.card import sections as card_sections
from jaxdl.comparison.comparison import Comparison
from jaxdl.comparison.entrants import ENTRANTS, Entrant
from jaxdl.comparison.exam import Exam
from jaxdl.comparison.page import sections
from jaxdl.comparison.study import FRESH_SEEDS, POINTS, PROTOCOLS, SEGMENTS, Study

__all__ = [
    "BASELINES",
    "ENTRANTS",
    "FRESH_SEEDS",
    "OPTIMIZER",
    "POINTS",
    "PROTOCOLS",
    "SCHEDULES",
    "SEGMENTS",
    "USUAL",
    "WORKLOADS",
    "Card",
    "Comparison",
    "Entrant",
    "Exam",
    "Study",
    "Usual",
    "against",
    "card_sections",
    "check_raised",
    "compare",
    "conclude",
    "entrant",
    "find",
    "kind_of",
    "sections",
]
