"""Fields that most configurations have, in one line each."""

from jaxdl.launch.fields import setting


def rates(*default: float, help: str = "Learning rates to try.") -> tuple[float, ...]:
    """A field of learning rates, all above 0."""
    return setting(default, help, low=1e-12)


def widths(*default: int, help: str = "Widths of the hidden layers.") -> tuple[int, ...]:
    """A field of widths or channels, one a layer; layers may be alike."""
    return setting(default, help, low=1, repeats=True)
