import time

from jaxdl import clocks


def test_competitors_are_called_in_turn_and_the_first_round_does_not_count():
    called = []

    def call(name, seconds):
        called.append(name)
        time.sleep(0.05 if len(called) <= 2 else seconds)

    calls = {"short": lambda: call("short", 0.0), "long": lambda: call("long", 0.01)}
    found = clocks.in_turn(calls, repeats=2, steps=3)
    assert called == ["short", "long"] * 7
    assert {name: seconds.shape for name, seconds in found.items()} == {"short": (2,), "long": (2,)}
    assert (found["long"] >= 0.01).all()
    assert found["short"].max() < 0.01
