"""`benchmarks.optimizers` with a candidate in a file of the user's own."""

import subprocess
import sys

from support import pages

RAISES = """
import jax
import optax

def mine(learning_rate):
    def update(grads, state, params=None):
        if len(jax.tree.leaves(grads)) > 3:
            raise RuntimeError("more than three leaves")
        return optax.sgd(learning_rate).update(grads, state, params)

    return optax.GradientTransformation(optax.sgd(learning_rate).init, update)
"""


def test_a_candidate_that_raises_on_one_workload_has_lost_there_and_is_compared_on_the_others(
    tmp_path,
):
    (tmp_path / "rules.py").write_text(RAISES)
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks.optimizers", "--config.quick=true",
            f"--config.candidate={tmp_path}/rules.py:mine", "--config.baselines=sgd",
            "--config.workloads=breast_cancer,digits_mlp", "--config.steps=20",
            "--config.points=2", "--config.fresh_seeds=3", f"--workdir={tmp_path}/run",
        ],
        cwd=pages.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mine raises RuntimeError: more than three leaves" in " ".join(done.stdout.split())
    assert "mine wins on 0, ties on 1, loses on 1 of 2 workloads" in " ".join(done.stdout.split())
    # The first line of the traceback is the candidate's.
    said, _, first, *_ = done.stderr[done.stderr.index("program digits_mlp: mine failed") :].split(
        "\n"
    )
    assert first == f'  File "{tmp_path}/rules.py", line 8, in update'
    assert "jaxdl/" not in done.stderr, said
