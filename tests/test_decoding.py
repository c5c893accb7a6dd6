"""Decoding of a small Markov chain, against enumeration and probabilities worked by hand."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import decoding

END = 2
# Of the next token, given the one before: rows sum to 1.
CHAIN = np.array([[0.1, 0.5, 0.4], [0.6, 0.1, 0.3], [0.2, 0.3, 0.5]])
START = jnp.array([0, 1])


def step(carry, tokens):
    """The carry counts steps: each multiplies the odds of token 0 by e."""
    logits = jnp.log(jnp.asarray(CHAIN, jnp.float32))[tokens]
    return carry + 1, logits.at[:, 0].add(carry)


def log_probability(start, sequence, length_of=END):
    """By hand, up to the end token, and how many tokens that are."""
    total, before = 0.0, start
    for number, token in enumerate(sequence):
        odds = CHAIN[before] * np.exp([number, 0, 0])
        total += np.log(odds[token] / odds.sum())
        before = token
        if token == length_of:
            return total, number + 1
    return total, len(sequence)


CARRY = jnp.zeros(2)
greedy = jax.jit(decoding.greedy, static_argnames=("step", "length", "end"))
sample = jax.jit(decoding.sample, static_argnames=("step", "length", "end", "top_k"))
beam = jax.jit(decoding.beam, static_argnames=("step", "length", "width", "end"))


def test_greedy_takes_the_likeliest_each_time_and_repeats_the_end():
    # From 0: 1 (0.5), then e·0.6 is 0, then e²·0.1 is 0 against 0.5, ...
    free = greedy(step, CARRY, START, 4)
    np.testing.assert_array_equal(free, [[1, 0, 0, 0], [0, 1, 0, 0]])
    ended = greedy(lambda c, t: (c, jnp.log(CHAIN)[t]), None, jnp.array([2, 0]), 3, END)
    np.testing.assert_array_equal(ended, [[2, 2, 2], [1, 0, 1]])


def test_a_beam_of_one_is_greedy():
    tokens, scores = map(np.asarray, beam(step, CARRY, START, 5, width=1, end=END))
    np.testing.assert_array_equal(tokens[:, 0], greedy(step, CARRY, START, 5, END))
    pairs = zip(np.asarray(START), tokens, strict=True)
    expected = [log_probability(start, found[0])[0] for start, found in pairs]
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_beam_finds_the_best_of_all_sequences(penalty):
    length, width = 4, 40
    found = beam(step, CARRY, START, length, width=width, end=END, length_penalty=penalty)
    tokens, scores = map(np.asarray, found)
    for row, start in enumerate(np.asarray(START)):
        found = {}
        for sequence in itertools.product(range(3), repeat=length):
            log_p, count = log_probability(start, sequence)
            kept = sequence[:count] + (END,) * (length - count)
            found[kept] = log_p / count**penalty
        best = sorted(found.items(), key=lambda pair: -pair[1])
        assert len(best) == 31  # 1 + 2 + 4 + 8 that end, 16 that do not
        np.testing.assert_allclose(scores[row, :31], [score for _, score in best], rtol=1e-4)
        assert [tuple(map(int, t)) for t in tokens[row, :5]] == [s for s, _ in best[:5]]
        assert np.isneginf(scores[row, 31:]).all()
        assert (tokens[row, 31:] == decoding.NO_TOKEN).all()


def test_samples_have_the_probabilities_of_the_model():
    many = np.zeros(20_000, np.int32)
    tokens = sample(step, np.zeros(20_000, np.float32), many, 2, jax.random.key(0))
    tokens = np.asarray(tokens)
    for first in range(3):
        share = (tokens[:, 0] == first).mean()
        np.testing.assert_allclose(share, CHAIN[0, first], atol=0.015)
    after_one = tokens[tokens[:, 0] == 1][:, 1]
    odds = CHAIN[1] * [np.e, 1, 1]
    np.testing.assert_allclose((after_one == 0).mean(), odds[0] / odds.sum(), atol=0.02)


def test_a_low_temperature_is_greedy_and_the_key_decides():
    def drawn(seed, temperature):
        key = jax.random.key(seed)
        return np.asarray(sample(step, CARRY, START, 6, key, temperature=temperature, end=END))

    np.testing.assert_array_equal(drawn(0, 1e-3), greedy(step, CARRY, START, 6, END))
    np.testing.assert_array_equal(drawn(1, 2.0), drawn(1, 2.0))
    assert not (drawn(1, 2.0) == drawn(2, 2.0)).all()


def test_top_k_and_nucleus_by_hand():
    shares = np.array([[0.5, 0.3, 0.15, 0.05], [0.25, 0.25, 0.25, 0.25]], np.float32)
    logits = np.log(shares)
    two = jax.jit(decoding.keep_top_k, static_argnums=1)(logits, 2)
    np.testing.assert_array_equal(np.isfinite(two), [[1, 1, 0, 0], [1, 1, 1, 1]])
    for p, kept in ((0.4, 1), (0.5, 1), (0.79, 2), (0.81, 3), (1.0, 4)):
        shown = np.isfinite(jax.jit(decoding.keep_nucleus)(logits[:1], p))
        assert shown.sum() == kept, p
    kept = jax.jit(lambda: jax.nn.softmax(decoding.keep_nucleus(logits[:1], 0.79)))()
    np.testing.assert_allclose(kept, [[0.625, 0.375, 0, 0]], rtol=1e-6)
    with pytest.raises(ValueError, match=r"top_k 5 is outside 1\.\.4"):
        decoding.keep_top_k(logits, 5)


def test_filters_are_applied_while_sampling():
    many = np.zeros(500, np.int32)
    still = lambda carry, tokens: (carry, jnp.log(jnp.asarray(CHAIN))[tokens])  # noqa: E731
    first = sample(still, None, many, 1, jax.random.key(0), top_k=2)
    assert set(np.unique(first)) == {1, 2}
    first = sample(still, None, many, 1, jax.random.key(0), top_p=0.45)
    assert set(np.unique(first)) == {1}


def test_a_beam_without_width_and_a_temperature_of_zero_are_named():
    step, start = (lambda carry, token: (carry, jnp.zeros((1, 3)))), jnp.array([0])
    with pytest.raises(ValueError, match="a beam of width 0"):
        decoding.beam(step, np.zeros((1, 1)), start, 2, width=0, end=2)
    with pytest.raises(ValueError, match=r"temperature 0\.0 is not above 0 and finite; `greedy`"):
        decoding.sample(step, np.zeros((1, 1)), start, 2, jax.random.key(0), temperature=0.0)


LAST_WINS = jnp.array([[0.1, -2.0, 0.2], [5.0, 5.5, 6.0]])


def fixed(logits):
    """A model that says the same at every step."""
    return lambda carry, tokens: (carry, jnp.asarray(logits))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_limits_of_temperature_and_nucleus_are_the_likeliest_token(dtype):
    step, key = fixed(np.asarray(LAST_WINS).astype(dtype)), jax.random.key(0)
    known = ({"temperature": 1e-38}, {"temperature": 1e-50}, {"top_p": 1e-38})
    draw = lambda **options: decoding.sample(step, None, START, 3, key, **options)  # noqa: E731
    for got in jax.jit(lambda: [draw(**options) for options in known])():
        np.testing.assert_array_equal(got, 2)
    traced = jax.jit(draw)
    for temperature, p in ((0.0, 1.0), (1.0, 0.0), (1e-45, 1e-45), (1.0, -1.0)):
        np.testing.assert_array_equal(traced(temperature=temperature, top_p=p), 2)


def test_numbers_outside_their_range_are_refused():
    step, key = fixed(LAST_WINS), jax.random.key(0)
    for p in (0, 0.0, -0.5, 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"top_p .* is not above 0 and at most 1"):
            decoding.sample(step, None, START, 3, key, top_p=p)
        with pytest.raises(ValueError, match="top_p"):
            decoding.keep_nucleus(LAST_WINS, p)
    for temperature in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"temperature .* is not above 0 and finite"):
            decoding.sample(step, None, START, 3, key, temperature=temperature)
    with pytest.raises(ValueError, match=r"top_k 0 is outside 1\.\.3"):
        decoding.sample(step, None, START, 3, key, top_k=0)


def test_a_nucleus_of_one_keeps_tokens_beyond_the_rounding_of_sums():
    logits = np.log(np.array([[0.6, 0.4, 1e-9, 1e-12]], np.float32))
    kept = jax.jit(lambda logits: decoding.keep_nucleus(logits, 1.0))(logits)
    np.testing.assert_array_equal(kept, logits)


def test_an_infinite_logit_is_certain_and_a_forbidden_token_never_chosen():
    logits = np.array([[0.0, np.inf, 3.0], [-np.inf, -np.inf, -4.0]], np.float32)
    key, expected = jax.random.key(0), [[1] * 3, [2] * 3]
    np.testing.assert_array_equal(greedy(fixed(logits), None, START, 3), expected)
    np.testing.assert_array_equal(sample(fixed(logits), None, START, 3, key), expected)
    tokens, scores = beam(fixed(np.repeat(logits, 2, 0)), None, START, 3, width=2, end=9)
    np.testing.assert_array_equal(np.asarray(tokens)[:, 0], expected)
    np.testing.assert_array_equal(scores, [[0, -jnp.inf]] * 2)


WAYS = {
    "greedy": lambda step: decoding.greedy(step, CARRY, START, 3),
    "sample": lambda step: decoding.sample(step, CARRY, START, 3, jax.random.key(0)),
    "filtered": lambda step: decoding.sample(
        step, CARRY, START, 3, jax.random.key(0), top_k=2, top_p=0.9
    ),
    "beam": lambda step: decoding.beam(step, jnp.zeros(2), START, 3, width=2, end=2)[0][:, 0],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bad", [[jnp.nan, 0.0, 0.0], [-jnp.inf] * 3])
def test_logits_that_offer_no_token_are_told_or_marked_never_id_0(way, bad):
    def step(carry, tokens):
        """From the second step on, what follows row 0 is unusable; row 1 goes on."""
        good = jnp.tile(jnp.array([0.0, 1.0, -1.0])[None], (len(tokens), 1))
        first = jnp.arange(len(tokens)) < len(tokens) // 2
        return carry + 1, jnp.where((first & (carry > 0))[:, None], jnp.array(bad)[None], good)

    with pytest.raises(ValueError, match=r"no next token: logits of rows \[0\] hold NaN"):
        WAYS[way](step)
    tokens = np.asarray(jax.jit(lambda: WAYS[way](step))())
    np.testing.assert_array_equal(tokens[0, 1:], decoding.NO_TOKEN)
    assert (tokens[1] >= 0).all()


def test_logits_behind_the_end_are_nobodys():
    def step(carry, tokens):
        return carry, jnp.where((tokens == END)[:, None], jnp.nan, jnp.arange(3.0)[None])

    np.testing.assert_array_equal(greedy(step, None, START, 3, END), END)
    tokens, scores = beam(step, None, START, 3, width=1, end=END)
    np.testing.assert_array_equal(tokens, END)
    assert np.isfinite(scores).all()
