"""What can go wrong at the doors and is the caller's to mend."""


class ApiError(Exception):
    """A command or a call to another Dustcart cannot be carried out; the message says what, where and what to do."""
