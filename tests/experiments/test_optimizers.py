"""The claims of the comparison of optimizers."""

from support.compared import made_up

from benchmarks import optimizers

NAN = float("nan")


def test_a_candidate_that_diverges_where_the_baseline_does_not_has_lost():
    good = [0.9, 0.8, 0.7, 0.85, 0.75]
    for scores, verdict in (
        ({"a": [NAN] * 5, "b": good}, "fails"),
        ({"a": good, "b": [NAN] * 5}, "holds"),
        ({"a": [NAN] * 5, "b": [NAN] * 5}, "inconclusive"),
        ({"a": [NAN] * 3, "b": good[:3]}, "fails"),
    ):
        found = made_up(**scores)
        judged = optimizers.judged(found, found.study.workloads[0])
        assert judged.verdict == verdict
        assert (
            judged.claim
            == "a run of the candidate is better than one of the strongest baseline (digits_mlp)"
        )
    lost = made_up(a=[NAN] * 3, b=good[:3])
    assert lost.text().startswith("a loses on digits_mlp (3 of 3 seeds of a diverged against b)")


def test_where_all_end_the_claim_is_of_the_difference():
    found = made_up(a=[0.9, 0.91, 0.92], b=[0.5, 0.5, 0.5])
    judged = optimizers.judged(found, found.study.workloads[0])
    assert (judged.verdict, judged.claim) == (
        "holds",
        "the candidate is better than the strongest baseline (digits_mlp)",
    )
