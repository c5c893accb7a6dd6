import pandas as pd

from experiments import batch_sizes


def test_a_seed_takes_the_mini_batch_size_that_the_next_seed_finds_cheapest():
    config = batch_sizes.Config(batch_sizes=(8, 32))
    passes = {("8", 0): 1.0, ("8", 1): 3.0, ("8", 2): 3.0, ("32", 0): 2.0, ("32", 1): 2.0,
              ("32", 2): 2.0, ("1", 0): 0.1, ("1", 1): 0.1, ("1", 2): 0.1}  # fmt: skip
    frame = pd.DataFrame([
        {"batch_size": size, "seed": seed, "learning_rate": 0.1, "status": "ok", "passes": value,
         "validation_passes": value}
        for (size, seed), value in passes.items()
    ])  # fmt: skip
    price = {size: [1.0] * 3 for size in ("1", "8", "32")}
    found = batch_sizes.mini_batches(config, frame, price)
    # Of three seeds each takes the choice of the one that follows it: 1, 2 and 0.
    assert found["size"].tolist() == [32, 32, 8]
    assert found["passes"].tolist() == [2.0, 2.0, 3.0]
    cheap = batch_sizes.mini_batches(config, frame, price | {"8": [0.5] * 3})
    assert cheap["size"].tolist() == [8, 8, 8]
