"""Training on a stream of batches that survives whatever happens to the machine.

`fit` trains; a *session* is one process that does so. State, position in the data and position in
the metrics are one *checkpoint*, from which the next session goes on bit for bit.
"""

from jaxdl.signals import Interrupted
from jaxdl.streaming._fit import fit
from jaxdl.streaming.conditions import Refused
from jaxdl.streaming.endings import Diverged, in_one_line
from jaxdl.streaming.session import Evaluation
from jaxdl.streaming.stream import Batches

__all__ = ["Batches", "Diverged", "Evaluation", "Interrupted", "Refused", "fit", "in_one_line"]
