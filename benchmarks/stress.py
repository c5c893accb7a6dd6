"""The card of an optimizer's character: what it withstands, what it needs, what breaks it.

Some 30 small problems that each hold one trouble, at 4 difficulties each: ill-conditioning, scales,
noise of several kinds, gradients that are rare, late, rounded or jump, saddle, plateau, cliff,
moving targets, depth, rare classes, an opponent. All attempts of an optimizer at all difficulties
of a problem are lanes of one compiled program. The candidate is a name of `comparison.ENTRANTS`, or
a function of your own, `learning_rate -> optax.GradientTransformation`, in a module of the current
folder.

    python -m benchmarks.stress --config.candidate=my_module:my_optimizer --workdir=runs/card
    python -m benchmarks.stress --config.candidate=lion --config.attempts=20 --workdir=runs/lion
"""

from jaxdl import comparison, launch, sweep
from jaxdl.comparison import Card, Exam
from jaxdl.launch import setting
from jaxdl.report import Claim
from jaxdl.workloads.stress import PROBLEMS

BASELINES = ("adam", "momentum", "muon", "lion")
CLAIMS = (
    FURTHER := Claim(
        "O4", "the candidate solves more difficulties", "difference a problem, of 4", above=0
    ),
)


class Config(launch.Config):
    """Who is examined, beside whom, on which problems."""

    steps: int = setting(0, "Training steps of each attempt; 0: those of its problem.", low=0)
    seeds: int = setting(1, "Not used: each attempt has a seed of its own.", low=1, high=1)
    candidate: str = setting(
        "adamw", "An optimizer by name, or module:function or FILE:function of yours."
    )
    baselines: tuple[str, ...] = setting(BASELINES, f"Out of {', '.join(comparison.ENTRANTS)}.")
    problems: tuple[str, ...] = setting(tuple(PROBLEMS), "Which problems.")
    attempts: int = setting(100, "Random points of each optimizer at each difficulty.", low=1)


def exam(config: Config) -> tuple[Exam, str]:
    """What is run, and the name of the candidate."""
    try:
        name, one = comparison.find(config.candidate)
    except ValueError as error:
        raise launch.UserError(f"config.candidate: {error}") from error
    if one.kind != "optimizer":
        raise launch.UserError(f"config.candidate: {name} is of the kind {one.kind}, no optimizer")
    try:
        name, entrants = comparison.against(name, one, config.baselines)
    except ValueError as error:
        raise launch.UserError(f"config.baselines: {error}") from error
    chosen = launch.choose_all("problems", config.problems, PROBLEMS)
    within = [
        problem._replace(steps=config.steps) if config.steps else problem
        for problem in chosen.values()
    ]
    return Exam(entrants, within, config.attempts), name


def plan(config: Config) -> sweep.Plan:
    """A program for each optimizer on each problem."""
    return exam(config)[0].plan()


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """The card."""
    examined, candidate = exam(config)
    card = Card(candidate, examined, examined.grades(results.frame()))
    claims = [FURTHER.judge(card.gain(other), f"than {other}") for other in card.others]
    return launch.Conclusion(claims, comparison.card_sections(card), card.headline())


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, tolerant=True))
