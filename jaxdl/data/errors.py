"""Exception raised for invalid data."""


class DataError(ValueError):
    """Data that is missing, damaged or malformed; the message is one line for the user."""
