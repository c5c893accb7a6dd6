"""How many operations a program has in its products and convolutions, loops counted in full."""

import math
from typing import Any

from jax.extend.core import jaxprs_in_params


def counted(program: Any) -> float:
    """Operations in the products and convolutions of a jaxpr, 2 for each multiplication.

    program: as `jax.make_jaxpr` gives it, or the `jaxpr` of what a jitted function traced. A `scan`
    counts in all of its turns, of a `cond` the branch that has the most; of a loop that nobody
    knows the turns of, one; of a `shard_map` what one device does. XLA's own count
    (`cost_analysis`) has one turn of any loop.
    """
    total = 0.0
    for equation in program.eqns:
        name, parameters = equation.primitive.name, equation.params
        if name == "dot_general":
            (summed, _), _ = parameters["dimension_numbers"]
            left = equation.invars[0].aval.shape
            inner = math.prod(left[axis] for axis in summed)
            total += 2 * inner * math.prod(equation.outvars[0].aval.shape)
        elif name == "conv_general_dilated":
            kernel = equation.invars[1].aval.shape
            features = kernel[parameters["dimension_numbers"].rhs_spec[0]]
            total += 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(kernel) / features
        inside = [counted(part) for part in jaxprs_in_params(parameters)]
        turns = parameters["length"] if name == "scan" else 1
        total += turns * (max(inside) if name == "cond" else sum(inside))
    return total
