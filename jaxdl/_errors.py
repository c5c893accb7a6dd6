"""The one error that commands tell their user, without a traceback."""


class UserError(ValueError):
    """A mistake of the user's, in one line: what, where, and what would be right."""
