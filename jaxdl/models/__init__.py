"""Architectures as Flax Linen modules, one a file; usable without the rest of jaxdl."""

from jaxdl.models.cnn import CNN
from jaxdl.models.mlp import MLP
from jaxdl.models.resnet import ResNet

MODELS = {"cnn": CNN, "mlp": MLP, "resnet": ResNet}
"""What `launch.load` finds by name."""

__all__ = ["CNN", "MLP", "MODELS", "ResNet"]
