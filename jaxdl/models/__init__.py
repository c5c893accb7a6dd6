"""Architectures as Flax Linen modules, one a file; usable without the rest of jaxdl.

`dtype`: what the products of a model are computed in (bfloat16, say); None: the widest of inputs
and parameters. Parameters, softmax and the statistics of norms are float32. A module that is passed
to another has a dtype of its own.
"""

from jaxdl.models import bag_of_words, deblur, ngram, pretrained
from jaxdl.models._autoencoder import ConvAutoencoder, DenseAutoencoder
from jaxdl.models._bert import BERT, BERTClassifier, BERTPretraining, BERTTagger
from jaxdl.models._by_class import ByClass
from jaxdl.models._captioner import Captioner, Regions
from jaxdl.models._cnn import CNN
from jaxdl.models._dcgan import DCDiscriminator, DCGenerator
from jaxdl.models._elmo import Contextual, ELMo
from jaxdl.models._forecaster import Forecaster
from jaxdl.models._gan import Discriminator, Generator
from jaxdl.models._gpt import GPT, GPTCarry, GPTClassifier
from jaxdl.models._language import LanguageModel
from jaxdl.models._mlp import MLP
from jaxdl.models._multitask import Head, SharedTrunk
from jaxdl.models._resnet import Block, ResNet, identity_shortcut, no_shortcut
from jaxdl.models._sentence import (
    SentenceEncoder,
    Summary,
    concat_pooling,
    last_state,
    max_state,
    mean_state,
)
from jaxdl.models._seq2seq import (
    AttendFirst,
    Attentive,
    Decoder,
    Encoder,
    FixedContext,
    FromStates,
    InputFeeding,
    Seq2Seq,
    StateEncoder,
)
from jaxdl.models._sequence import Acceptor, OneHot, Transducer
from jaxdl.models._siamese import Siamese
from jaxdl.models._skip_thought import SkipThought
from jaxdl.models._table import TableNetwork
from jaxdl.models._tagger import CharacterFeatures, Tagger
from jaxdl.models._text_cnn import (
    Bag,
    Dilated,
    Hierarchical,
    NGrams,
    SummedNGrams,
    TextClassifier,
)
from jaxdl.models._transformer import Transformer, TransformerCarry
from jaxdl.models._ulmfit import AWDLSTM, NO_DROPS, Drops, ULMFiT, ULMFiTClassifier
from jaxdl.models._unet import UNet
from jaxdl.models._vae import VAE
from jaxdl.models._window import WindowNetwork
from jaxdl.models.bag_of_words import BagOfWords
from jaxdl.models.deblur import ResidualDeblurrer

MODELS = {"cnn": CNN, "mlp": MLP, "resnet": ResNet, "table": TableNetwork}
"""What `launch.load` finds by name."""

__all__ = [
    "AWDLSTM",
    "BERT",
    "CNN",
    "GPT",
    "MLP",
    "MODELS",
    "NO_DROPS",
    "VAE",
    "Acceptor",
    "AttendFirst",
    "Attentive",
    "BERTClassifier",
    "BERTPretraining",
    "BERTTagger",
    "Bag",
    "BagOfWords",
    "Block",
    "ByClass",
    "Captioner",
    "CharacterFeatures",
    "Contextual",
    "ConvAutoencoder",
    "DCDiscriminator",
    "DCGenerator",
    "Decoder",
    "DenseAutoencoder",
    "Dilated",
    "Discriminator",
    "Drops",
    "ELMo",
    "Encoder",
    "FixedContext",
    "Forecaster",
    "FromStates",
    "GPTCarry",
    "GPTClassifier",
    "Generator",
    "Head",
    "Hierarchical",
    "InputFeeding",
    "LanguageModel",
    "NGrams",
    "OneHot",
    "Regions",
    "ResNet",
    "ResidualDeblurrer",
    "SentenceEncoder",
    "Seq2Seq",
    "SharedTrunk",
    "Siamese",
    "SkipThought",
    "StateEncoder",
    "Summary",
    "SummedNGrams",
    "TableNetwork",
    "Tagger",
    "TextClassifier",
    "Transducer",
    "Transformer",
    "TransformerCarry",
    "ULMFiT",
    "ULMFiTClassifier",
    "UNet",
    "WindowNetwork",
    "bag_of_words",
    "concat_pooling",
    "deblur",
    "identity_shortcut",
    "last_state",
    "max_state",
    "mean_state",
    "ngram",
    "no_shortcut",
    "pretrained",
]
