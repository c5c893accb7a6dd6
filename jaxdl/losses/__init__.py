"""Losses of each example, in nats where they are log-likelihoods, and penalties on parameters.

Nothing is reduced over examples: sums, means and masks are the caller's. All of it is computed and
returned in float32, from narrower inputs and integers too, or in float64 if one is. Gradients
have the dtype of the inputs. Arguments of other shapes raise ValueError instead of broadcasting.

Labels cannot be checked under jit. One that is no class, −1 and −100 too, or another target that
the loss is not defined for, gives NaN, and a gradient that is not finite: it does not train on.
Where examples are left out by `where`, as `metrics.mean` does, theirs may hold anything; a product
with a mask of zeros keeps the NaN.
"""

from jaxdl.losses._classification import (
    binary_cross_entropy,
    distillation,
    hinge,
    multiclass_hinge,
    negative_log_likelihood,
    negative_sampling,
    perceptron,
    smooth_labels,
    soft_cross_entropy,
    softmax_cross_entropy,
    zero_one,
)
from jaxdl.losses._penalties import elastic_net, l1, l2, soft_threshold
from jaxdl.losses._ranking import contrastive, margin_ranking, pairwise_logistic, triplet
from jaxdl.losses._regression import (
    absolute_error,
    huber,
    one_hot_squared_error,
    pinball,
    squared_error,
)

__all__ = [
    "absolute_error",
    "binary_cross_entropy",
    "contrastive",
    "distillation",
    "elastic_net",
    "hinge",
    "huber",
    "l1",
    "l2",
    "margin_ranking",
    "multiclass_hinge",
    "negative_log_likelihood",
    "negative_sampling",
    "one_hot_squared_error",
    "pairwise_logistic",
    "perceptron",
    "pinball",
    "smooth_labels",
    "soft_cross_entropy",
    "soft_threshold",
    "softmax_cross_entropy",
    "squared_error",
    "triplet",
    "zero_one",
]
