"""Back-propagation by hand, for study: what `jax.grad` does, written out layer by layer."""

from jaxdl.backprop import conv, lstm, mlp, rnn

__all__ = ["conv", "lstm", "mlp", "rnn"]
