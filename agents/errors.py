"""What can be wrong with a decision, an edit, a record or a planning cycle. A code and its numbers, worded for people.

Four kinds, because a caller does four different things about them: look for the right thing (`NotFoundError`), read
again and decide again (`ConflictError`), ask for something else (`RefusedError`), call the operator (`PlanningError`).
"""

from typing import Any

from agents.said import said
from city.wording import Language


class AgentError(Exception):
    """Something the agents cannot or will not do; the message says what, where and what to do.

    Parameters
    ----------
    code
        Which error; its sentences are ``error.<code>`` of this room's wording.
    numbers
        What the sentence's placeholders stand for.
    """

    def __init__(self, code: str, **numbers: Any) -> None:
        self.code = code
        self.numbers = numbers
        super().__init__(self.say("en"))

    def say(self, language: Language) -> str:
        """Word the error for a person."""
        return said(f"error.{self.code}", language, self.numbers)


class NotFoundError(AgentError):
    """There is no such proposal, dispatch, stop, truck or cycle."""


class ConflictError(AgentError):
    """The thing is not, or no longer, in the state that the request supposes."""


class StaleVersionError(ConflictError):
    """The request is about a version that is not the current one."""


class RefusedError(AgentError):
    """The request itself cannot be honoured."""


class EditRefusedError(RefusedError):
    """An edit that would break the plan.

    Attributes
    ----------
    violations
        Each rule the plan would break, in the words of `routing.verify`.
    """

    def __init__(self, code: str, *, violations: tuple[str, ...] = (), **numbers: Any) -> None:
        super().__init__(code, **numbers)
        self.violations = violations


class PlanningError(AgentError):
    """A planning cycle that cannot end in a proposal."""
