"""What can be wrong with a city's registry, said so that its owner can mend it."""


class CityError(Exception):
    """Something about the registry, its files or its database is wrong; the message says what, where and what to do."""
