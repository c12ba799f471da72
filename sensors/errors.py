"""What can be wrong with something that was reported, or with what somebody wants to do about it."""

from typing import Any

from city.wording import Language, say


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


class DutyError(Exception):
    """Something that cannot be done about an alarm or a work order; nothing was changed.

    Parameters
    ----------
    code
        Which error, worded as ``duty.<code>``.
    numbers
        What the sentence's placeholders stand for.
    """

    def __init__(self, code: str, **numbers: Any) -> None:
        self.code = code
        self.numbers = numbers
        super().__init__(self.say("en"))

    def say(self, language: Language) -> str:
        """Word the error for a person."""
        return say("sensors", f"duty.{self.code}", language, **self.numbers)


class UnknownDutyError(DutyError):
    """There is no such alarm or work order."""


class MovedDutyError(DutyError):
    """It is not, or no longer, in the state that the request supposes."""


class ChangedDutyError(MovedDutyError):
    """It has changed since it was read."""


class NoReasonError(DutyError):
    """A reason is missing."""
