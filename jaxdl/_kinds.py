"""What a metric is: which way is better, its unit, and the scale of its intervals."""

from typing import Literal, NamedTuple

Mode = Literal["max", "min"]
"""Which values of a metric are better, the high or the low."""
Scale = Literal["real", "positive", "share"]
"""Where the values of a metric lie: anywhere, above 0, or in 0 … 1."""


class Kind(NamedTuple):
    """What is known of a metric wherever it is chosen by, averaged or printed.

    mode: `max` where higher is better
    unit: in which it is printed; a share is a fraction 0 … 1 and printed in %
    scale: of its interval (`stats.mean_interval`)
    """

    mode: Mode
    unit: str
    scale: Scale


SHARE = Kind("max", "%", "share")
"""The kind of an accuracy: a fraction, better when it is high, printed in %."""
KINDS = {
    "accuracy": SHARE,
    "agreement": SHARE,
    "f1": SHARE,
    "mrr": SHARE,
    "overlap": SHARE,
    "precision": SHARE,
    "recall": SHARE,
    "right": SHARE,
    "bits": Kind("min", "bits", "positive"),
    "cost": Kind("min", "1", "positive"),
    "distance": Kind("min", "1", "positive"),
    "error": Kind("min", "1", "positive"),
    "errors": Kind("min", "1", "positive"),
    "excess": Kind("min", "1", "positive"),
    "mae": Kind("min", "1", "positive"),
    "rmse": Kind("min", "1", "positive"),
    "r2": Kind("max", "1", "real"),
    "loss": Kind("min", "nats", "positive"),
    "passes": Kind("min", "passes", "positive"),
    "perplexity": Kind("min", "1", "positive"),
    "seconds": Kind("min", "s", "positive"),
    "steps": Kind("min", "steps", "positive"),
}
"""By the last word of a metric's name, numbers left out: `test_loss`, `validation_recall_1`."""


def kind(metric: str) -> Kind:
    """The kind of a metric, from the last word of its name.

    ValueError for a name that is not in `KINDS`: a direction is never guessed.
    """
    words = [word for word in metric.lower().replace("_", " ").split() if not word.isdigit()]
    if not words or words[-1] not in KINDS:
        raise ValueError(
            f"it is not known whether {metric!r} is better high or low: say so (mode='max' or "
            f"'min', or a stats.Kind), or end its name with one of {', '.join(sorted(KINDS))}"
        )
    return KINDS[words[-1]]


def direction(metric: str, mode: Mode | None = None) -> Mode:
    """The mode of a metric; one that is given must not contradict what is known.

    ValueError for an unknown metric without a mode, and for a loss that is to be maximised.
    """
    if mode not in (None, "max", "min"):
        raise ValueError(f"mode is 'max' or 'min', not {mode!r}")
    if mode is None:
        return kind(metric).mode
    try:
        known = kind(metric).mode
    except ValueError:
        return mode
    if mode != known:
        raise ValueError(f"{metric!r} is better {_WORDS[known]}, but mode={mode!r} was given")
    return mode


_WORDS = {"max": "high", "min": "low"}
