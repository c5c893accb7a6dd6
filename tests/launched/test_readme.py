"""The README's code runs as it stands."""

import json
import re

from support import pages

from jaxdl import launch
from jaxdl.data.scaling import fit_max

README = pages.ROOT / "README.md"
BLOCKS = pages.blocks(README)


def test_the_code_of_the_readme_runs_and_learns(tmp_path):
    (tmp_path / "runs").mkdir()
    save_a_model(tmp_path / "runs/demo")
    assert len(BLOCKS) == 3
    printed = pages.run("".join([*BLOCKS, "print(logits.shape)\n"]), tmp_path)
    evaluated, swept = printed.split("\n", 1)
    assert float(re.search(r"'accuracy': ([0-9.]+)", evaluated)[1]) > 0.9
    assert "learning_rate" in swept
    assert swept.endswith("(1, 2)\n")
    rows = [
        json.loads(row) for row in (tmp_path / "runs/readme/trials.jsonl").read_text().splitlines()
    ]
    assert len(rows) == 35
    assert {row["status"] for row in rows} == {"ok"}


def save_a_model(workdir):
    """A model of 8×8 images with two classes, as a finished run leaves it."""
    import jax
    import numpy as np
    import optax

    from jaxdl import tasks, train
    from jaxdl.models import MLP

    workdir.mkdir()
    images = np.full((2, 8, 8, 1), 16, np.uint8)
    batch = {"x": images.astype(np.float32), "y": np.array([0, 1])}
    task = tasks.classification(MLP((4,), 2))
    state = train.init(task, optax.sgd(0.1), jax.random.key(0), batch)
    options = {"features": (4,), "outputs": 2}
    launch.save_best(
        workdir,
        state.params,
        state.model_state,
        fit_max(images),
        task="classification",
        model="mlp",
        options=options,
        input_shape=(8, 8, 1),
    )


def test_every_link_of_the_readme_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README.read_text()) if "://" not in link]
    missing = [link for link in links if not (pages.ROOT / link).exists()]
    assert missing == []
