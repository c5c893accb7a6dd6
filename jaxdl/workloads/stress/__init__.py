"""Small problems that each hold one trouble for an optimizer, at four difficulties.

Where a workload tells which optimizer is better, these tell why: each isolates what an optimizer
may need or be broken by. The difficulty is a traced number, so that all of them, and every attempt,
are lanes of one program.
"""

from jaxdl.workloads.stress import _conditioning, _gradients, _moving, _networks, _surfaces
from jaxdl.workloads.stress._problem import Now, Problem

PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for kind in (_conditioning, _gradients, _surfaces, _moving, _networks)
    for problem in kind.PROBLEMS
}
"""By name, kind by kind."""

__all__ = ["PROBLEMS", "Now", "Problem"]
