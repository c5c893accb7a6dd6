"""A made-up sweep of 7 optimizers × 7 initializers × 7 rates × 5 seeds, some of it diverged."""

import numpy as np
import pandas as pd
import pytest

OPTIMIZERS = {
    "sgd": 0.3,
    "momentum": 0.05,
    "nesterov": 0.05,
    "adagrad": 0.03,
    "rmsprop": 0.003,
    "adam": 0.004,
    "adamw": 0.004,
}
INITIALIZERS = {
    "zeros": (0.10, 0.0),
    "normal_0.01": (0.93, 0.5),
    "lecun_normal": (0.965, 0.0),
    "glorot_uniform": (0.968, -0.1),
    "he_normal": (0.972, -0.3),
    "orthogonal": (0.975, 0.2),
    "truncated_normal": (0.95, -0.6),
}
"""Accuracy reached at the best rate, and how far off (in decades) that rate lies."""
GRID = np.logspace(-1.5, 1.5, 7)


def _trials() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for optimizer, best in OPTIMIZERS.items():
        for initializer, (peak, shift) in INITIALIZERS.items():
            for rate in best * GRID:
                distance = np.log10(rate / best) - shift + 0.9 * (optimizer == "adagrad")
                for seed in range(5):
                    accuracy = peak * np.exp(-0.25 * distance**2) + rng.normal(0, 0.006)
                    accuracy = min(max(accuracy, 0.08), 0.995)
                    lost = distance > 0.6 and rng.random() < 0.5 * distance and peak > 0.2
                    rows.append(
                        {
                            "program": optimizer,
                            "optimizer": optimizer,
                            "initializer": initializer,
                            "learning_rate": float(rate),
                            "seed": seed,
                            "status": "diverged" if lost else "ok",
                            "diverged_at": 17 if lost else None,
                            "steps": 300,
                            "validation_accuracy": np.nan if lost else accuracy,
                            "validation_loss": np.nan if lost else -np.log(accuracy),
                            "test_accuracy": np.nan if lost else accuracy - 0.004,
                            "test_loss": np.nan if lost else -np.log(accuracy - 0.004),
                            "fingerprint": "abc",
                        }
                    )
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def trials() -> pd.DataFrame:
    return _trials()


@pytest.fixture(scope="session")
def curves() -> pd.DataFrame:
    """Training loss of every chosen trial at 30 steps, in nats."""
    rng = np.random.default_rng(1)
    rows = []
    steps = np.arange(10, 301, 10)
    for i, optimizer in enumerate(OPTIMIZERS):
        for initializer, (peak, _) in INITIALIZERS.items():
            for seed in range(5):
                floor = -np.log(peak) + 0.02
                loss = floor + (2.3 - floor) * np.exp(-steps / (25 + 8 * i))
                loss = loss * np.exp(rng.normal(0, 0.08, steps.size))
                rows += [
                    {
                        "optimizer": optimizer,
                        "initializer": initializer,
                        "seed": seed,
                        "step": int(step),
                        "loss": float(value),
                    }
                    for step, value in zip(steps, loss, strict=True)
                ]
    return pd.DataFrame(rows)
