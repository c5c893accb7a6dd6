import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import initializers, sweep, tasks, workloads
from jaxdl.models import MLP
from jaxdl.optimizers import schedules


def test_a_run_without_training_says_what_its_hyperparameters_tell(tmp_path):
    run = sweep.without_training(lambda hparams, state, data: {"square": hparams["width"] ** 2})
    trials = sweep.trials(["sizes"], sweep.grid(width=(2, 3)), range(2))
    data = {"train": {"x": np.zeros(1, np.float32)}}
    rows = sweep.execute({"sizes": run}, trials, data, workdir=tmp_path).rows
    assert [(row["width"], row["square"], row["status"]) for row in rows] == [
        *[(2, 4, "ok")] * 2,
        *[(3, 9, "ok")] * 2,
    ]


def train_set(size):
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(size, 3)).astype(np.float32), "y": np.arange(size) % 2}


def test_a_task_is_trained_at_the_rate_of_the_trial():
    task = tasks.classification(MLP((), 2))
    build = sweep.by_rate(task, optax.sgd, schedules.linear_warmup(4))
    built, tx = build({"learning_rate": 0.5})
    steps, state = [], tx.init(jnp.zeros(()))
    for _ in range(3):
        step, state = tx.update(jnp.ones(()), state)
        steps.append(float(step))
    assert built is task
    np.testing.assert_allclose(steps, [0.0, -0.125, -0.25])
    step, _ = sweep.by_rate(task, optax.sgd)({"learning_rate": 0.5})[1].update(1.0, state)
    assert step == -0.5


@pytest.mark.parametrize(
    ("order", "given"),
    [
        (lambda task, tx: (tx, task), r"\(GradientTransformationExtraArgs, Task\)"),
        (lambda task, tx: task, "Task"),
        (lambda task, tx: (task, 0.1), r"\(Task, float\)"),
        (lambda task, tx: None, "NoneType"),
    ],
)
def test_what_is_no_task_and_transformation_is_one_line(tmp_path, order, given):
    built = order(tasks.classification(MLP((), 2)), optax.sgd(0.1))
    run = sweep.make_run(lambda hparams: built, steps=2, batch_size=4)
    trials = sweep.trials(["it"], sweep.grid(learning_rate=[0.1]), range(1))
    message = rf"build returns \(task, optax transformation\), not {given}$"
    with pytest.raises(sweep.Failed, match=message):
        sweep.execute({"it": run}, trials, {"train": train_set(8)}, workdir=tmp_path)


def test_a_run_on_prepared_data_and_one_made_of_its_hyperparameters_are_the_runs_they_hold():
    def run(size):
        build = sweep.by_rate(tasks.classification(MLP((), 2)), optax.sgd)
        return sweep.make_run(build, steps=2, batch_size=size)

    def first(hparams, key, data):
        return {"train": jax.tree.map(lambda array: array[:4], data["train"])}

    hparams, key = {"learning_rate": 0.1}, jax.random.key(0)
    plain, data = run(4), {"train": train_set(4)}
    prepared = sweep.on(first, sweep.of_hparams(lambda hparams: run(4)))
    state = plain.init(hparams, key, data)
    expected = plain.advance(hparams, state, data)[0].params
    found = prepared.advance(
        hparams, prepared.init(hparams, key, {"train": train_set(9)}), {"train": train_set(9)}
    )[0].params
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_what_is_drawn_without_training_is_there_to_be_looked_at(tmp_path):
    run = sweep.without_training(
        lambda hparams, state, data: {"found": state.params["w"] + data["train"]["x"][0]},
        lambda hparams, key, data: {"w": hparams["width"] * 10.0},
    )
    trials = sweep.trials(["drawn"], sweep.grid(width=(2, 3)), range(1))
    data = {"train": {"x": np.ones(1, np.float32)}}
    rows = sweep.execute({"drawn": run}, trials, data, workdir=tmp_path).rows
    assert [row["found"] for row in rows] == [21.0, 31.0]


def test_an_online_run_descends_on_what_it_draws_and_records_what_is_asked():
    def build(hparams):
        task = tasks.regression(MLP((), 1))
        return task, optax.sgd(hparams["learning_rate"]), lambda state: {"at": state.step * 1.0}

    def batch(hparams, key, step, data):
        x = jax.random.normal(jax.random.fold_in(jax.random.fold_in(key, 7), step), (8, 2))
        return {"x": x, "y": x @ data["teacher"]}

    run = sweep.online(build, batch, lambda hparams, state, data: {}, 60)
    hparams, data = {"learning_rate": 0.1}, {"teacher": jnp.array([[1.0], [-2.0]])}
    state = run.init(hparams, jax.random.key(0), data)
    state, curves = jax.jit(run.advance)(hparams, state, data)
    np.testing.assert_allclose(state.params["Dense_0"]["kernel"], data["teacher"], atol=0.05)
    np.testing.assert_array_equal(curves["at"], np.arange(1, 61))
    assert curves["loss"][0] > 100 * curves["loss"][-1]


def test_a_plan_that_trains_nothing_has_a_row_a_point_and_seed(tmp_path):
    plan = sweep.untrained("sizes", sweep.grid(width=(2, 3)), seeds=2)
    rows = plan.execute(tmp_path).rows
    assert [(row["program"], row["width"], row["seed"]) for row in rows] == [
        ("sizes", width, seed) for width in (2, 3) for seed in (0, 1)
    ]


def test_a_workload_is_run_in_segments_by_any_optimizer(tmp_path):
    workload = workloads.ravine()._replace(steps=40)
    run = sweep.of_workload(workload, lambda hparams: optax.sgd(hparams["rate"]), segments=4)
    programs = {"sgd": (run, sweep.grid(rate=(0.0, 0.0198)))}
    plan = sweep.plan(programs, workload.data(), seeds=2, segments=4)
    frame = plan.execute(tmp_path).frame()
    assert frame["steps"].eq(40).all()
    distance = frame.pivot(index="rate", columns="seed", values="test_distance").to_numpy()
    # Along x a step leaves 0.9802 of the way, across it −0.98.
    np.testing.assert_allclose(distance[1] / distance[0], 0.45, atol=0.01)
    np.testing.assert_allclose(frame["test_loss"][frame["rate"].eq(0)], 0.5, rtol=1e-5)


def test_a_workload_takes_an_initializer_of_the_hyperparameters_and_whole_segments():
    workload = workloads.breast_cancer()
    run = sweep.of_workload(
        workload,
        lambda hparams: optax.sgd(0.1),
        kernel_init=lambda hparams: initializers.constant(hparams["start"]),
    )
    state = run.init({"start": jnp.float32(0.5)}, jax.random.key(0), workload.data())
    np.testing.assert_array_equal(state.params["Dense_0"]["kernel"], np.full((30, 1), 0.5))
    with pytest.raises(ValueError, match="500 steps of breast_cancer are not 7 equal parts"):
        sweep.of_workload(workload, lambda hparams: optax.sgd(0.1), segments=7)
