"""Architectures as Flax Linen modules, one a file; usable without the rest of jaxdl."""

from jaxdl.models.mlp import MLP

MODELS = {"mlp": MLP}

__all__ = ["MLP", "MODELS"]
