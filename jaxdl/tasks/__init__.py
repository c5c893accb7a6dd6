"""From a model to a `Task`, one kind a file."""

from jaxdl.tasks import noise, siamese, statistics, token_errors
from jaxdl.tasks._adversarial import Attack, adversarial, attacked, fgsm, pgd
from jaxdl.tasks._adversary import with_adversary
from jaxdl.tasks._bidirectional_language_model import bidirectional_language_model
from jaxdl.tasks._blanking import blanking, loudest
from jaxdl.tasks._captioning import captioning
from jaxdl.tasks._classification import classification
from jaxdl.tasks._distillation import Teacher, distillation, taught
from jaxdl.tasks._drawn_attention import drawn_attention
from jaxdl.tasks._equinox import from_equinox
from jaxdl.tasks._forecasting import forecasting
from jaxdl.tasks._gan import (
    NON_SATURATING,
    SATURATING,
    WASSERSTEIN,
    Game,
    Penalty,
    gan,
    gradient_penalty,
    two_player,
)
from jaxdl.tasks._image_to_image import paired, unpaired
from jaxdl.tasks._language_model import language_model
from jaxdl.tasks._masked_language_model import masked_language_model
from jaxdl.tasks._multitask import Objective, multitask
from jaxdl.tasks._nearest_word import nearest_word
from jaxdl.tasks._nnx import from_nnx
from jaxdl.tasks._noisy_quadratic import noisy_quadratic
from jaxdl.tasks._on import on
from jaxdl.tasks._reconstruction import absolute_code, code_divergence, reconstruction
from jaxdl.tasks._regression import regression
from jaxdl.tasks._scaled_loss import scaled_loss, trained
from jaxdl.tasks._sequence_to_sequence import sequence_to_sequence
from jaxdl.tasks._skip_thought import skip_thought
from jaxdl.tasks._still import still
from jaxdl.tasks._supervised import supervised
from jaxdl.tasks._tagging import tagging
from jaxdl.tasks._variational import gaussian_nll, reparameterize, standard_normal_kl, variational
from jaxdl.tasks._window_ranking import corrupted, window_ranking
from jaxdl.tasks.networks import Model, Network, from_functions

TASKS = {"classification": classification, "regression": regression}
"""What `launch.load` finds by name."""

__all__ = [
    "NON_SATURATING",
    "SATURATING",
    "TASKS",
    "WASSERSTEIN",
    "Attack",
    "Game",
    "Model",
    "Network",
    "Objective",
    "Penalty",
    "Teacher",
    "absolute_code",
    "adversarial",
    "attacked",
    "bidirectional_language_model",
    "blanking",
    "captioning",
    "classification",
    "code_divergence",
    "corrupted",
    "distillation",
    "drawn_attention",
    "fgsm",
    "forecasting",
    "from_equinox",
    "from_functions",
    "from_nnx",
    "gan",
    "gaussian_nll",
    "gradient_penalty",
    "language_model",
    "loudest",
    "masked_language_model",
    "multitask",
    "nearest_word",
    "noise",
    "noisy_quadratic",
    "on",
    "paired",
    "pgd",
    "reconstruction",
    "regression",
    "reparameterize",
    "scaled_loss",
    "sequence_to_sequence",
    "siamese",
    "skip_thought",
    "standard_normal_kl",
    "statistics",
    "still",
    "supervised",
    "tagging",
    "taught",
    "token_errors",
    "trained",
    "two_player",
    "unpaired",
    "variational",
    "window_ranking",
    "with_adversary",
]
