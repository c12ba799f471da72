"""What can be wrong with something that was reported."""


class IntakeError(ValueError):
    """A message that cannot be read or believed; the message says what, where and what to do.

    Parameters
    ----------
    code
        Short machine-readable reason, kept in the dead-letter table and counted; worded as ``rejection.<code>``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
