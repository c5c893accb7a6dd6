"""Generated time series: seasons with noise, deterministic chaos, a random walk."""

import numpy as np

_SUBSTEPS = 10
"""Steps of the integration in a unit of time."""


def seasons(
    rng: np.random.Generator, steps: int, period: int = 24, cycle: int = 7, noise: float = 0.2
) -> np.ndarray:
    """float64 `[steps]`: a day of two humps, higher on some days than on others, with red noise.

    The shape of a day of `period` steps is multiplied by a factor that repeats after `cycle` days,
    0.5 at its lowest and 1.5 at its highest; what is added has a standard deviation of `noise`
    and is correlated by 0.7 from step to step.
    """
    step = np.arange(steps)
    phase = 2 * np.pi * step / period
    day = np.exp(np.sin(phase)) + 0.5 * np.cos(2 * phase)
    factor = 1 + 0.5 * np.sin(2 * np.pi * (step // period) / cycle)
    drawn = rng.normal(size=steps)
    red = np.zeros(steps)
    red[0] = drawn[0]
    for t in range(1, steps):
        red[t] = 0.7 * red[t - 1] + np.sqrt(1 - 0.7**2) * drawn[t]
    return factor * day + noise * red


def mackey_glass(
    steps: int, delay: float = 17.0, every: float = 3.0, start: float = 1.2, skipped: int = 100
) -> np.ndarray:
    """float64 `[steps]` of dx/dt = 0.2 x(t − τ) / (1 + x(t − τ)¹⁰) − 0.1 x (Mackey & Glass 1977).

    delay: τ; chaotic from about 16.8 on. every: units of time between two values. start: x up to
    the time 0. skipped: values left out at the beginning.
    By Runge and Kutta's method of fourth order, ten steps in a unit of time.
    """
    back, stride = round(delay * _SUBSTEPS), round(every * _SUBSTEPS)
    count = (steps + skipped - 1) * stride + 1
    h = 1 / _SUBSTEPS

    def slope(x: float, late: float) -> float:
        return 0.2 * late / (1 + late**10) - 0.1 * x

    x = [start] * (back + 1)
    for n in range(count - 1):
        before, after = x[n], x[n + 1]
        middle, now = (before + after) / 2, x[-1]
        k1 = slope(now, before)
        k2 = slope(now + h / 2 * k1, middle)
        k3 = slope(now + h / 2 * k2, middle)
        k4 = slope(now + h * k3, after)
        x.append(now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[back::stride])[skipped:]


def random_walk(rng: np.random.Generator, steps: int) -> np.ndarray:
    """float64 `[steps]`, sums of standard normal numbers: the last value is the best forecast."""
    return np.cumsum(rng.normal(size=steps))
