"""Generated sequence tasks: what a model must remember, count, nest or sort is known exactly.

Arrays of a task share their first axis N; `mask` has the shape of `y` and is 1 where y counts.
Id 0 is padding. Every function draws from the given generator and from nothing else.
"""

import numpy as np

PAD = 0
A, B, STOP = 1, 2, 3
"""The ids of aⁿbⁿ."""
OPEN, CLOSE = (1, 2), (3, 4)
"""The ids of round and square brackets; `DYCK_END` follows the last one."""
DYCK_END = 5


def copy_memory(
    rng: np.random.Generator, count: int, delay: int, length: int = 10, symbols: int = 8
) -> dict[str, np.ndarray]:
    """Repeat what was read `delay + length` steps ago (Arjovsky, Shah & Bengio 2016).

    x: int32 `[N, delay + 2·length]`: `length` ids of 1 … symbols, zeros, the signal symbols + 1
        that asks for them after delay − 1 zeros, then zeros
    y: int32, of the same shape: zeros, then those ids at the last `length` steps
    mask: 1 at the last `length` steps

    Who remembers nothing loses ln(symbols) nats a counted step. Raises ValueError for delay < 1.
    """
    if delay < 1:
        raise ValueError(f"delay {delay}, 1 or more is needed")
    memory = rng.integers(1, symbols + 1, (count, length), dtype=np.int32)
    x, y = np.zeros((2, count, delay + 2 * length), np.int32)
    x[:, :length] = y[:, -length:] = memory
    x[:, length + delay - 1] = symbols + 1
    mask = np.zeros(y.shape, np.float32)
    mask[:, -length:] = 1
    return {"x": x, "y": y, "mask": mask}


def adding(rng: np.random.Generator, count: int, length: int) -> dict[str, np.ndarray]:
    """Add the two marked numbers (Hochreiter & Schmidhuber 1997, as in Le, Jaitly & Hinton 2015).

    x: float32 `[N, T, 2]`: numbers uniform in 0 … 1, and markers, 1 at one step of the first half
        and one of the second, else 0
    y: float32 `[N]`, the sum of the two; the constant 1 has the mean squared error 1/6
    mask: float32 `[N]`, ones

    Raises ValueError for length < 2.
    """
    if length < 2:
        raise ValueError(f"length {length}, 2 or more is needed")
    x = np.zeros((count, length, 2), np.float32)
    x[..., 0] = rng.random((count, length))
    half = length // 2
    first, second = rng.integers(half, size=count), rng.integers(half, length, size=count)
    rows = np.arange(count)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return {"x": x, "y": (x[..., 0] * x[..., 1]).sum(1), "mask": np.ones(count, np.float32)}


def a_n_b_n(
    rng: np.random.Generator, count: int, lowest: int, highest: int
) -> dict[str, np.ndarray]:
    """Words aⁿbⁿ with n uniform in lowest … highest (Gers & Schmidhuber 2001).

    x: int32 `[N, 2·highest]`, n times `A`, n times `B`, then padding
    y: int32, of the same shape, the id after each: `STOP` after the last
    mask: 1 at the steps that read a `B`, from where on the next id is certain
    n: int32 `[N]`

    Raises ValueError unless 1 ≤ lowest ≤ highest.
    """
    _check_range("n", lowest, highest)
    n = rng.integers(lowest, highest + 1, (count, 1), dtype=np.int32)
    step = np.arange(2 * highest + 1)
    word = np.select([step < n, step < 2 * n, step == 2 * n], [A, B, STOP], PAD).astype(np.int32)
    x = np.where(word == STOP, PAD, word)[:, :-1]
    y = np.where(x == PAD, PAD, word[:, 1:])
    return {"x": x, "y": y, "mask": (x == B).astype(np.float32), "n": n[:, 0]}


def dyck(
    rng: np.random.Generator, count: int, lowest: int, highest: int, deepest: int | None = None
) -> dict[str, np.ndarray]:
    """Balanced words of two kinds of brackets, Dyck-2, with n pairs, n uniform in lowest … highest.

    All words of n pairs are equally likely: at height h with r brackets to come, the next one opens
    the probability (r − h)(h + 2) / (2r(h + 1)) (Arnold & Sleep 1980). With `deepest`, all of those
    in which no more brackets are open at a time are, and no others come.

    x: int32 `[N, 2·highest]`, ids of `OPEN` and `CLOSE`, then padding
    y: int32, of the same shape, the id after each: `DYCK_END` after the last
    mask: 1 where y closes, so that the bracket on top of the stack decides its kind
    depth: int32, of the same shape, how many brackets are open behind each step

    Raises ValueError unless 1 ≤ lowest ≤ highest, and for deepest < 1.
    """
    _check_range("n", lowest, highest)
    if deepest is not None and deepest < 1:
        raise ValueError(f"deepest {deepest}, 1 or more is needed")
    ways = None if deepest is None else _ways(2 * highest, deepest)
    sizes = 2 * rng.integers(lowest, highest + 1, count)
    word = np.zeros((count, 2 * highest + 1), np.int32)
    depth = np.zeros((count, 2 * highest), np.int32)
    for row, size in enumerate(sizes):
        word[row, :size], depth[row, :size] = _balanced(rng, int(size), ways)
        word[row, size] = DYCK_END
    x = np.where(word == DYCK_END, PAD, word)[:, :-1]
    y = np.where(x == PAD, PAD, word[:, 1:])
    return {"x": x, "y": y, "mask": np.isin(y, CLOSE).astype(np.float32), "depth": depth}


def sorting(
    rng: np.random.Generator, count: int, lowest: int, highest: int, symbols: int
) -> dict[str, np.ndarray]:
    """Put ids in ascending order; lengths are uniform in lowest … highest.

    x: int32 `[N, highest]`, ids uniform in 1 … symbols, then padding
    y: int32, of the same shape, the same ids in order, then padding
    mask: 1 on ids

    Raises ValueError unless 1 ≤ lowest ≤ highest.
    """
    _check_range("length", lowest, highest)
    lengths = rng.integers(lowest, highest + 1, (count, 1))
    real = np.arange(highest) < lengths
    x = np.where(real, rng.integers(1, symbols + 1, real.shape), PAD).astype(np.int32)
    in_order = np.sort(np.where(real, x, symbols + 1), axis=1)
    return {"x": x, "y": np.where(real, in_order, PAD), "mask": real.astype(np.float32)}


def _ways(steps: int, deepest: int) -> list[list[int]]:
    """By brackets to come and height: how many ways there are to close all, none too deep."""
    ways = [[1] + [0] * (deepest + 1)]  # the height past the deepest has none
    for _ in range(steps):
        last = ways[-1]
        ways.append([(last[h - 1] if h else 0) + last[h + 1] for h in range(deepest + 1)] + [0])
    return ways


def _balanced(
    rng: np.random.Generator, size: int, ways: list[list[int]] | None
) -> tuple[list[int], list[int]]:
    """A word of `size` brackets and the depth behind each."""
    word: list[int] = []
    depths: list[int] = []
    stack: list[int] = []
    for rest, u, kind in zip(
        range(size, 0, -1), rng.random(size), rng.integers(2, size=size), strict=True
    ):
        height = len(stack)
        if ways is None:
            opening = (rest - height) * (height + 2) / (2 * rest * (height + 1))
        else:
            opening = ways[rest - 1][height + 1] / ways[rest][height]
        if u < opening:
            stack.append(kind)
            word.append(OPEN[kind])
        else:
            word.append(CLOSE[stack.pop()])
        depths.append(len(stack))
    return word, depths


def _check_range(name: str, lowest: int, highest: int) -> None:
    if not 1 <= lowest <= highest:
        raise ValueError(f"{name} from {lowest} to {highest}: 1 <= lowest <= highest is needed")
