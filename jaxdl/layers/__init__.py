"""Building blocks that several models share, as Flax Linen modules and functions.

`dtype` of a layer is as in `jaxdl.models`; one without parameters computes in that of what comes.
"""

from jaxdl.layers._unroll import unroll
from jaxdl.layers.activations import (
    ACTIVATIONS,
    Maxout,
    PReLU,
    gelu_exact,
    gelu_tanh,
    maxout,
    softmax,
)
from jaxdl.layers.attention import Additive, Biaffine, Dot, General, Memory, ScaledDot, Soft
from jaxdl.layers.attention_pooling import AttentionPool
from jaxdl.layers.causal import Causal
from jaxdl.layers.cells import (
    CELLS,
    COUPLED,
    ELMAN,
    GRU,
    LSTM,
    MINIMAL_GRU,
    NORMED,
    PEEPHOLE,
    Cell,
)
from jaxdl.layers.conv import Conv, ConvTranspose
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.embedding import Embedding, FrozenEmbedding, pretrained
from jaxdl.layers.hard_attention import Drawn, Hard
from jaxdl.layers.mix import LayerMix
from jaxdl.layers.monotonic_attention import Monotonic
from jaxdl.layers.multi_head import AttentionMetadata, KeysValues, MultiHeadAttention
from jaxdl.layers.norms import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from jaxdl.layers.positions import ALiBi, Learned, NoPositions, Positions, Rotary, Sinusoidal
from jaxdl.layers.recurrent import RNN, Bidirectional, Stack
from jaxdl.layers.transformer import FeedForward, TransformerLayer, TransformerStack
from jaxdl.layers.wavefront import Wavefront
from jaxdl.ops.pooling import avg_pool, global_avg_pool, max_pool

__all__ = [
    "ACTIVATIONS",
    "CELLS",
    "COUPLED",
    "ELMAN",
    "GRU",
    "LSTM",
    "MINIMAL_GRU",
    "NORMED",
    "PEEPHOLE",
    "RNN",
    "ALiBi",
    "Additive",
    "AttentionMetadata",
    "AttentionPool",
    "BatchNorm",
    "Biaffine",
    "Bidirectional",
    "Causal",
    "Cell",
    "Conv",
    "ConvTranspose",
    "Dot",
    "Drawn",
    "Dropout",
    "Embedding",
    "FeedForward",
    "FrozenEmbedding",
    "General",
    "GroupNorm",
    "Hard",
    "InstanceNorm",
    "KeysValues",
    "LayerMix",
    "LayerNorm",
    "Learned",
    "Maxout",
    "Memory",
    "Monotonic",
    "MultiHeadAttention",
    "NoPositions",
    "PReLU",
    "Positions",
    "RMSNorm",
    "Rotary",
    "ScaledDot",
    "Sinusoidal",
    "Soft",
    "Stack",
    "TransformerLayer",
    "TransformerStack",
    "Wavefront",
    "avg_pool",
    "gelu_exact",
    "gelu_tanh",
    "global_avg_pool",
    "max_pool",
    "maxout",
    "pretrained",
    "softmax",
    "unroll",
]
