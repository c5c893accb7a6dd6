"""Pictures to words: a CNN, and a GRU that looks at positions. Xu et al. 2015, https://arxiv.org/abs/1502.03044

With regions a_p of the picture and the state h_{t−1}, word by word (their soft attention):
    e_tp = vᵀ tanh(a_p U + h_{t−1} W),   α_t = softmax(e_t),   z_t = Σ_p α_tp a_p
    h_t = GRU([word_t; z_t], h_{t−1}),   logits_t = h_t V + b
"""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.layers.conv import Conv
from jaxdl.types import Array


class Regions(nn.Module):
    """4×4 convolutions of stride 2 with ReLU, and a learned vector added for each position.

    features: channels of the convolutions. Pictures `[B, H, W, C]` to regions
    `[B, P, features[-1]]`, row by row over the last map. Without the vectors no region would know
    where it is.
    """

    features: Sequence[int]
    kernel_init: Callable[..., Array] = nn.initializers.he_normal()

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        for channels in self.features:
            x = nn.relu(Conv(channels, (4, 4), strides=2, kernel_init=self.kernel_init)(x))
        regions = x.reshape(x.shape[0], -1, x.shape[-1])
        places = self.param("places", nn.initializers.normal(0.1), regions.shape[1:])
        return regions + jnp.broadcast_to(places, regions.shape)


class Look(nn.Module):
    """One step of the decoder, `-> (state, (logits, α))`.

    State `[B, H]`, word ids `[B]`, regions a `[B, P, F]` and what they answer, a U `[B, P, H]`.
    """

    width: int
    words: int
    kernel_init: Callable[..., Array]

    @nn.compact
    def __call__(
        self, state: Array, word: Array, regions: Array, seen: Array
    ) -> tuple[Array, tuple[Array, Array]]:
        asked = nn.Dense(self.width, kernel_init=self.kernel_init, name="asked")
        score = nn.Dense(1, use_bias=False, kernel_init=self.kernel_init, name="score")
        energy = score(jnp.tanh(seen + asked(state)[:, None]))
        attention = jax.nn.softmax(energy[..., 0])
        context = jnp.einsum("bp,bpf->bf", attention, regions)
        embedded = nn.Embed(self.words, self.width, name="embedding")(word)
        inputs = jnp.concatenate([embedded, context], axis=-1)
        # Flax's orthogonal default costs seconds of compilation, and the lines are short.
        cell = nn.GRUCell(
            self.width,
            kernel_init=self.kernel_init,
            recurrent_kernel_init=self.kernel_init,
            name="cell",
        )
        state, _ = cell(state, inputs)
        return state, (nn.Dense(self.words, kernel_init=self.kernel_init)(state), attention)


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

    def setup(self) -> None:
        self.regions = Regions(self.features)
        self.first = nn.Dense(self.width, kernel_init=self.kernel_init)
        self.seen = nn.Dense(self.width, use_bias=False, kernel_init=self.kernel_init)
        self.look = Look(self.width, self.words, self.kernel_init)

    def __call__(self, x: Array, words: Array, *, train: bool) -> tuple[Array, Array]:
        """Logits `[B, T, words]` of the word after each of `[B, T]`, and attention `[B, T, P]`.

        Pictures x `[B, H, W, C]`; the words are those of the caption (teacher forcing).
        """
        regions, seen, state = self._begin(x, train)
        if self.is_initializing():
            self.look(state, words[:, 0], regions, seen)
        scan = nn.scan(
            lambda look, state, word: look(state, word, regions, seen),
            variable_broadcast="params",
            in_axes=1,
            out_axes=1,
            check_constancy_invariants=False,  # traces the body once instead of twice
        )
        return scan(self.look, state, words)[1]

    def greedy(self, x: Array, start: int, steps: int) -> tuple[Array, Array]:
        """The likeliest word at each step, fed to the next.

        Words `[B, steps]` and attention `[B, steps, P]`; start: id of the word before the first.
        """
        regions, seen, state = self._begin(x, False)

        def body(look: Look, carry: tuple[Array, Array], _: None) -> tuple:
            state, (logits, attention) = look(*carry, regions, seen)
            word = jnp.argmax(logits, axis=-1).astype(jnp.int32)
            return (state, word), (word, attention)

        scan = nn.scan(
            body,
            variable_broadcast="params",
            out_axes=1,
            length=steps,
            check_constancy_invariants=False,
        )
        return scan(self.look, (state, jnp.full(len(x), start, jnp.int32)), None)[1]

    def _begin(self, x: Array, train: bool) -> tuple[Array, Array, Array]:
        regions = self.regions(x, train=train)
        return regions, self.seen(regions), jnp.tanh(self.first(regions.mean(axis=1)))
