"""The README's code runs as it stands."""

import re
from pathlib import Path

from jaxdl import launch
from jaxdl.data.scaling import fit_max

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_code_of_the_readme_runs_and_learns(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    save_a_model(tmp_path / "runs/demo")
    names: dict[str, object] = {}
    assert len(BLOCKS) == 3
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)
    evaluated, swept = capsys.readouterr().out.split("\n", 1)
    assert float(re.search(r"'accuracy': ([0-9.]+)", evaluated)[1]) > 0.9
    assert "learning_rate" in swept
    assert len(names["results"].rows) == 35
    assert {row["status"] for row in names["results"].rows} == {"ok"}
    assert names["logits"].shape == (1, 2)


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
    )


def test_every_link_of_the_readme_leads_somewhere():
    root = Path(__file__).parents[2]
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    missing = [link for link in links if not (root / link).exists()]
    assert missing == []
