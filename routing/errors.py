"""What can be wrong with a routing problem, a plan or a road network."""


class RoutingError(ValueError):
    """A problem, plan or network that cannot be worked with; the message names the object and says what to mend."""
