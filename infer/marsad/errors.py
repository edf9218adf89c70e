"""The one kind of error that a caller can mend."""


class MarsadError(Exception):
    """Something the caller gave is not as it should be.

    The message says what was found, where, and what would be accepted.
    Anything else that is raised is a bug of ours.
    """
