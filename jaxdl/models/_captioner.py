"""Pictures to words: a CNN, and a GRU that looks at positions. Xu et al. 2015, https://arxiv.org/abs/1502.03044

With regions a_p of the picture and the state h_{t−1}, word by word (their soft attention):
    e_tp = vᵀ tanh(a_p U + h_{t−1} W),   α_t = softmax(e_t),   z_t = Σ_p α_tp a_p
    h_t = GRU([word_t; z_t], h_{t−1}),   logits_t = h_t V + b
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.layers.attention import Additive, Soft
from jaxdl.layers.cells import GRU
from jaxdl.layers.conv import Conv
from jaxdl.models._seq2seq import AttendFirst, Seq2Seq
from jaxdl.numerics import cast
from jaxdl.types import Array, PyTree


class Regions(nn.Module):
    """4×4 convolutions of stride 2 with ReLU, and a learned vector added for each position.

    features: channels of the convolutions. As an encoder: pictures `[B, H, W, C]` to the mean
    region `[B, F]` and the regions `[B, P, F]`, F = features[-1], row by row over the last map.
    Without the vectors no region would know where it is. mask: none is taken.
    """

    features: Sequence[int]
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array, mask: None = None, *, train: bool) -> tuple[Array, Array]:
        for channels in self.features:
            x = nn.relu(
                Conv(channels, (4, 4), strides=2, kernel_init=self.kernel_init, dtype=self.dtype)(x)
            )
        regions = x.reshape(x.shape[0], -1, x.shape[-1])
        places = self.param("places", nn.initializers.normal(0.1), regions.shape[1:])
        regions, places = cast(self.dtype, regions, places)
        regions = regions + jnp.broadcast_to(places, regions.shape)
        return regions.mean(axis=1), regions


class Captioner(nn.Module):
    """A CNN's regions and a GRU that attends to them before each word.

    features: channels of the convolutions; width H of state and embeddings; words: vocabulary size.
    The first state is a linear map of the mean region, through tanh. kernel_init: of all but the
    convolutions.
    """

    features: Sequence[int]
    width: int
    words: int
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        decoder = AttendFirst(
            self.width,
            GRU,
            kernel_init=self.kernel_init,
            # The orthogonal default costs seconds of compilation, and the lines are short.
            recurrent_init=self.kernel_init,
            attention=Soft(Additive(self.width, self.kernel_init, dtype=self.dtype)),
            dtype=self.dtype,
        )
        self.network = Seq2Seq(
            Regions(self.features, dtype=self.dtype),
            decoder,
            self.words,
            self.width,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )

    def __call__(self, x: Array, words: Array, *, train: bool) -> tuple[Array, Array]:
        """Logits `[B, T, words]` of the word after each of `[B, T]`, and attention `[B, T, P]`.

        Pictures x `[B, H, W, C]`; the words are those of the caption (teacher forcing).
        """
        return self.network(x, None, words, train=train)

    def begin(self, x: Array) -> PyTree:
        """The carry before the first word, for `step`."""
        return self.network.begin(x, None)

    def step(self, carry: PyTree, words: Array) -> tuple[PyTree, Array]:
        """One word of each caption, for `jaxdl.decoding`: words `[B]` to logits `[B, words]`."""
        return self.network.step(carry, words)
