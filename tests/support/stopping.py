"""A sweep that is asked to stop."""


class Stop:
    """True from the nth time it is asked; `left` counts on."""

    def __init__(self, after):
        self.left = after

    def __call__(self):
        self.left -= 1
        return self.left < 0
