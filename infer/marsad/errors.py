"""The one kind of error that a caller can mend."""


class MarsadError(Exception):
    """Something the caller gave is not as it should be; the message says what, where and what would be.

    Anything else that is raised is a bug of ours.
    """
