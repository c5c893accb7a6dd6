"""GPT: a causal Transformer language model. Radford et al. 2018, 2019, https://openai.com/index/better-language-models"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxdl.initializers import Initializer
from jaxdl.layers.multi_head import KeysValues
from jaxdl.layers.positions import places_in
from jaxdl.models._of_attention import OfAttention, groups_of_body
from jaxdl.types import Array


class GPTCarry(NamedTuple):
    """A cache of each layer, `[B, H, L, D]`, and how many tokens stand in them, `[B]`."""

    caches: tuple[KeysValues, ...]
    filled: Array


class GPT(OfAttention):
    """Logits of the next token: `(ids [B, T], carry=None) -> (carry, logits [B, T, V])`.

    The defaults are GPT-2's: pre-norm, GELU by tanh, learned positions, logits by the table of the
    words. carry: of `begin` or a call, what goes before, any number of tokens in each row; there is
    no dropout then. None: nothing goes before, and nothing is kept. segments `[B, T]`: packed
    sequences, each contiguous, that do not see each other and begin at place 0.
    Decode with `decoding.greedy(model.step, *model.begin(prompts, mask), length)`.
    ValueError for a sequence longer than a table of positions; past the last place of a carry
    logits are NaN.
    """

    def setup(self) -> None:
        super().setup()
        # What 2·depth parts add up to keeps its size: Radford et al. 2019, section 2.3.
        self.stack = self.stack_of(
            self.depth, _scaled(self.kernel_init, 1 / math.sqrt(2 * self.depth))
        )

    def __call__(
        self,
        ids: Array,
        carry: GPTCarry | None = None,
        *,
        segments: Array | None = None,
        train: bool = False,
    ) -> tuple[GPTCarry | None, Array]:
        if carry is not None:
            if segments is not None:
                raise ValueError("a carry goes on with one sequence in each row: no segments")
            return self._extended(ids, carry)
        return None, self.logits(
            self.states(ids, segments=segments, train=train), self.words.embedding
        )

    def states(self, ids: Array, *, segments: Array | None = None, train: bool = False) -> Array:
        """What logits are made of, `[B, T, D]`: each token's state, of it and those before it.

        For a bigger network that has a GPT in it, such as `GPTClassifier`.
        """
        at = None if segments is None else places_in(segments)
        x = self.drop(self.placed(self.words(ids), at), train=train)
        metadata = self.metadata(ids.shape[1], at, segments=segments)
        return self.stack(x, metadata=metadata, causal=True, train=train)

    def _extended(self, ids: Array, carry: GPTCarry) -> tuple[GPTCarry, Array]:
        length = ids.shape[1]
        at = carry.filled[:, None] + jnp.arange(length)[None]
        x, caches = self.stack.extend(
            self.placed(self.words(ids), at), carry.caches, None, self.metadata(length, at)
        )
        logits = self.fitting(self.logits(x, self.words.embedding), at, caches)
        return GPTCarry(caches, carry.filled + length), logits

    def begin(
        self, prompts: Array, mask: Array | None = None, places: int | None = None
    ) -> tuple[GPTCarry, Array]:
        """(carry, last tokens `[B]`) of prompts `[B, N]`, for `step` and `jaxdl.decoding`.

        mask `[B, N]`: 0 where a shorter prompt has no token, before, behind or between.
        places: of the cache, for prompt and what follows; None: the model's `length`. ValueError
        for prompts longer than that, or known to be empty, for a mask of another shape, and for
        more places than a table of positions has.
        """
        batch, length = prompts.shape
        places = self.length if places is None else places
        if length > places:
            raise ValueError(f"prompts of {length} tokens do not fit into {places} places")
        count = jnp.full(batch, length)
        if mask is not None:
            if mask.shape != prompts.shape:
                raise ValueError(f"a mask {mask.shape} does not fit prompts {prompts.shape}")
            count = (mask != 0).sum(axis=1)
            # What is real goes to the front, so that tokens are where they are counted to be.
            order = jnp.argsort(mask == 0, axis=1, stable=True)
            prompts = jnp.take_along_axis(prompts, order, axis=1)
        if not isinstance(count, jax.core.Tracer) and (count < 1).any():
            raise ValueError("a prompt has no token; begin with one that stands for the start")
        carry = GPTCarry(self.empty(batch, self.depth, places), jnp.zeros(batch, jnp.int32))
        carry, _ = self._extended(prompts, carry)
        last = jnp.take_along_axis(prompts, count[:, None] - 1, axis=1)[:, 0]
        # The last token is read again, and what is behind it written over.
        return carry._replace(filled=count - 1), last

    def step(self, carry: GPTCarry, tokens: Array) -> tuple[GPTCarry, Array]:
        """One token of each sequence, for `jaxdl.decoding`: tokens `[B]` to logits `[B, V]`.

        Past the last place of the cache logits are NaN, which decoding tells.
        """
        carry, logits = self._extended(tokens[:, None], carry)
        return carry, logits[:, 0]


class GPTClassifier(nn.Module):
    """A class of each text from its last token's state (Radford et al. 2018, section 3.2).

    `ids [B, T] -> logits [B, K]`, float32, for `tasks.classification`. Where ids are `padding`,
    behind the last token, nothing is read; of a text of padding alone it is the first one's state.
    A trained body is put in by `params.transplant(params, {"body": weights}, "^body/")`.
    """

    body: GPT
    classes: int
    padding: int = 0

    @property
    def groups(self) -> tuple[str, ...]:
        """Patterns of the parameters of each layer, from the head down to the embeddings.

        For `optimizers.by_depth` and `unfreeze_gradually`.
        """
        return "^logits/", *groups_of_body(self.body.depth)

    @nn.compact
    def __call__(self, ids: Array, *, train: bool = False) -> Array:
        states = self.body.states(ids, train=train)
        places = jnp.arange(ids.shape[1])[None]
        last = jnp.where(ids != self.padding, places, 0).max(axis=1)
        read = jnp.take_along_axis(states, last[:, None, None], axis=1)[:, 0]
        return nn.Dense(self.classes, name="logits")(read.astype(jnp.float32))


def _scaled(init: Initializer, factor: float) -> Initializer:
    def draw(key: Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        return factor * init(key, shape, dtype)

    return draw
