"""What can be wrong with a simulated city."""


class ScenarioError(Exception):
    """A simulated city cannot be set up or go on; the message says what, where and what to do."""
