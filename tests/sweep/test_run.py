import numpy as np

from jaxdl import sweep


def test_a_run_without_training_says_what_its_hyperparameters_tell(tmp_path):
    run = sweep.without_training(lambda hparams, state, data: {"square": hparams["width"] ** 2})
    trials = sweep.trials(["sizes"], sweep.grid(width=(2, 3)), range(2))
    data = {"train": {"x": np.zeros(1, np.float32)}}
    rows = sweep.execute({"sizes": run}, trials, data, workdir=tmp_path).rows
    assert [(row["width"], row["square"], row["status"]) for row in rows] == [
        *[(2, 4, "ok")] * 2,
        *[(3, 9, "ok")] * 2,
    ]
