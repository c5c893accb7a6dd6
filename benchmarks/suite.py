"""Nine optimizers on ten workloads at seven rates: the configuration of `make bench-optimizers`.

python -m benchmarks.optimizers --config=benchmarks/suite.py --workdir=runs/bench_optimizers
"""

from benchmarks.optimizers import Config


def get_config() -> Config:
    """Of workloads and optimizers those that are done within half an hour on two cores."""
    return Config(
        candidate="adamw",
        baselines=("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "lion", "muon"),
        workloads=(
            "ravine",
            "rosenbrock",
            "himmelblau",
            "saddle_100",
            "quadratic_deep",
            "breast_cancer",
            "topics",
            "digits_mlp",
            "digits_cnn",
            "digits_autoencoder",
        ),
        points=7,
        seeds=3,
        fresh_seeds=10,
    )
