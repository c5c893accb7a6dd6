"""Transformer layers and stacks of them. Vaswani et al. 2017, https://arxiv.org/abs/1706.03762

With f the attention, or the network: y = norm(x + f(x)) as in the paper (post-norm), or
y = x + f(norm(x)) with one norm more at the end of the stack (pre-norm; Xiong et al. 2020,
https://arxiv.org/abs/2002.04745).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
from jax.typing import DTypeLike

from jaxdl.initializers import Initializer
from jaxdl.layers.activations import gelu_tanh
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.multi_head import UNMASKED, AttentionMetadata, KeysValues, MultiHeadAttention
from jaxdl.layers.norms import LayerNorm
from jaxdl.layers.rows import by_rows
from jaxdl.types import Array


class FeedForward(nn.Module):
    """A hidden layer at each place alone: `[B, T, width]` to itself."""

    width: int
    hidden: int
    activation: Callable[[Array], Array] = gelu_tanh
    kernel_init: Initializer = nn.initializers.lecun_normal()
    out_init: Initializer | None = None
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        inner = nn.Dense(self.hidden, dtype=self.dtype, kernel_init=self.kernel_init, name="inner")
        outer = nn.Dense(
            self.width,
            dtype=self.dtype,
            kernel_init=self.out_init or self.kernel_init,
            name="outer",
        )
        return by_rows(lambda rows: outer(self.activation(inner(rows))), x)


class TransformerLayer(nn.Module):
    """Attention to itself, to a memory if there is one, and a network: `[B, T, width]` to itself.

    hidden: of the network; None: 4 · width. dropout: rate on what each of the three gives;
    attention_dropout: on the weights; both may be traced. epsilon: of the norms. out_init: of the
    last matrix of each of the three; None: `kernel_init`. dtype: of the products; parameters,
    softmax and norms are float32.
    """

    width: int
    heads: int
    hidden: int | None = None
    activation: Callable[[Array], Array] = gelu_tanh
    pre_norm: bool = True
    dropout: float | Array = 0.0
    attention_dropout: float | Array = 0.0
    epsilon: float = 1e-5
    kernel_init: Initializer = nn.initializers.lecun_normal()
    out_init: Initializer | None = None
    dtype: DTypeLike | None = None

    def setup(self) -> None:
        self.attention, self.cross_attention = (
            MultiHeadAttention(
                self.width,
                self.heads,
                self.attention_dropout,
                self.kernel_init,
                self.out_init,
                self.dtype,
            )
            for _ in range(2)
        )
        self.feed_forward = FeedForward(
            self.width,
            self.hidden or 4 * self.width,
            self.activation,
            self.kernel_init,
            self.out_init,
            self.dtype,
        )
        self.attention_norm, self.cross_attention_norm, self.feed_forward_norm = (
            LayerNorm(epsilon=self.epsilon, dtype=self.dtype) for _ in range(3)
        )
        self.drop = Dropout(self.dropout)

    def __call__(
        self,
        x: Array,
        memory: KeysValues | None = None,
        metadata: AttentionMetadata = UNMASKED,
        *,
        causal: bool = False,
        train: bool = False,
    ) -> Array:
        def attend(x: Array) -> Array:
            return self.attention(x, metadata, causal=causal, train=train)

        return self._through(attend, x, memory, metadata, train)

    def extend(
        self, x: Array, cache: KeysValues, memory: KeysValues | None, metadata: AttentionMetadata
    ) -> tuple[Array, KeysValues]:
        """x goes on after what is in the cache: see `MultiHeadAttention.extend`."""
        after = cache

        def attend(x: Array) -> Array:
            nonlocal after
            y, after = self.attention.extend(x, cache, metadata)
            return y

        return self._through(attend, x, memory, metadata, False), after

    def remember(self, memory: Array) -> KeysValues:
        """What `__call__` takes as memory, of the states `[B, N, D]` of an encoder."""
        return self.cross_attention.remember(memory)

    def _through(
        self,
        attend: Callable[[Array], Array],
        x: Array,
        memory: KeysValues | None,
        metadata: AttentionMetadata,
        train: bool,
    ) -> Array:
        def added(norm: nn.Module, part: Callable[[Array], Array], x: Array) -> Array:
            if self.pre_norm:
                return x + self.drop(part(norm(x)), train=train)
            return norm(x + self.drop(part(x), train=train))

        x = added(self.attention_norm, attend, x)
        if memory is not None:
            look = functools.partial(
                self.cross_attention.look, memory=memory, mask=metadata.memory_mask, train=train
            )
            x = added(self.cross_attention_norm, look, x)
        return added(self.feed_forward_norm, self.feed_forward, x)


class TransformerStack(nn.Module):
    """`depth` layers on each other: `[B, T, width]` to itself.

    layer: makes a layer. norm: of what the last one gives, for pre-norm. remat: what
    `jax.checkpoint` keeps for the way back, one of `jax.checkpoint_policies`; None: everything.
    together: so many layers are computed anew at once; memory grows with √depth where √depth are.
    On CPU that saves nothing unless XLA is told so: `jax.jit(step, compiler_options=
    {"xla_disable_hlo_passes": "cse_barrier_expander"})`, or by XLA_FLAGS.
    """

    depth: int
    layer: Callable[[], TransformerLayer]
    norm: nn.Module | None = None
    remat: Callable[..., bool] | None = None
    together: int = 1

    def setup(self) -> None:
        self.layers = [self.layer() for _ in range(self.depth)]

    def __call__(
        self,
        x: Array,
        memories: Sequence[KeysValues] | None = None,
        metadata: AttentionMetadata = UNMASKED,
        *,
        causal: bool = False,
        train: bool = False,
    ) -> Array:
        """memories: of each layer, as `remember` gives them."""
        for first in range(0, self.depth, self.together):
            part = slice(first, first + self.together)

            def run(
                stack: "TransformerStack",
                x: Array,
                told: Any,
                metadata: AttentionMetadata,
                part: slice = part,
            ) -> Array:
                for layer, memory in zip(stack.layers[part], told, strict=True):
                    x = layer(x, memory, metadata, causal=causal, train=train)
                return x

            if self.remat is not None:
                run = nn.remat(run, policy=self.remat)
            x = run(self, x, _each(memories, self.depth)[part], metadata)
        return x if self.norm is None else self.norm(x)

    def extend(
        self,
        x: Array,
        caches: Sequence[KeysValues],
        memories: Sequence[KeysValues] | None,
        metadata: AttentionMetadata,
    ) -> tuple[Array, tuple[KeysValues, ...]]:
        """x goes on after what is in the caches: see `MultiHeadAttention.extend`."""
        after = []
        told = _each(memories, self.depth)
        for layer, cache, memory in zip(self.layers, caches, told, strict=True):
            x, cache = layer.extend(x, cache, memory, metadata)
            after.append(cache)
        return x if self.norm is None else self.norm(x), tuple(after)

    def remember(self, memory: Array) -> tuple[KeysValues, ...]:
        """What `__call__` takes as memories, of the states `[B, N, D]` of an encoder."""
        return tuple(layer.remember(memory) for layer in self.layers)


def _each(memories: Sequence[KeysValues] | None, depth: int) -> Sequence[KeysValues | None]:
    return (None,) * depth if memories is None else memories
