"""The drawing board: places, streets, and the edges that streets are made of.

An edge can be divided at any time. Faces that were drawn before notice it when they look at their outline again, so
nothing has to be told to the neighbours.
"""

from dataclasses import dataclass, field

from city.network import RoadClass

Edge = tuple[int, int]
Face = list[int]

# The street of an edge that only parts two faces: no road is built there.
NOTHING = 0


@dataclass(slots=True)
class Street:
    """One street as it was drawn; it may later be interrupted.

    Attributes
    ----------
    road_class
        Its rank; meaningless for the street `NOTHING`.
    parent
        The street that it branches off, whose name it takes when it has none of its own.
    line
        Which line of main roads it is a stretch of; 0 for all others.
    ring
        Which ring road it is a side of, counted from the middle; 0 for all others.
    riverside, bridge
        Whether it runs along the river or crosses it.
    """

    road_class: RoadClass
    parent: int = NOTHING
    line: int = 0
    ring: int = 0
    riverside: bool = False
    bridge: bool = False


@dataclass(slots=True)
class Drawing:
    """Everything drawn so far.

    Attributes
    ----------
    place, arms
        Where each vertex lies, and how many edges meet there.
    streets
        All streets; the first is `NOTHING`.
    street_of
        The street of every undivided edge; an edge is named by its ends, the smaller number first.
    middle
        The vertex that divides an edge which is no more.
    """

    place: list[complex] = field(default_factory=list)
    arms: list[int] = field(default_factory=list)
    streets: list[Street] = field(default_factory=lambda: [Street(RoadClass.TRACK)])
    street_of: dict[Edge, int] = field(default_factory=dict)
    middle: dict[Edge, int] = field(default_factory=dict)

    def add_place(self, place: complex) -> int:
        """Draw a vertex."""
        self.place.append(place)
        self.arms.append(0)
        return len(self.place) - 1

    def add_street(self, street: Street) -> int:
        """Begin a street that has no edges yet."""
        self.streets.append(street)
        return len(self.streets) - 1

    def add_edge(self, a: int, b: int, street: int) -> None:
        """Draw an edge of a street."""
        self.street_of[edge(a, b)] = street
        self.arms[a] += 1
        self.arms[b] += 1

    def divide(self, a: int, b: int, place: complex) -> int:
        """Put a vertex on an edge and return it."""
        whole = edge(a, b)
        vertex = self.add_place(place)
        street = self.street_of.pop(whole)
        self.middle[whole] = vertex
        self.arms[vertex] = 2
        self.street_of[edge(a, vertex)] = street
        self.street_of[edge(vertex, b)] = street
        return vertex

    def outline(self, face: Face) -> Face:
        """Return a face's vertices with all that have come to lie on its edges since."""
        found: Face = []
        middle = self.middle
        for start, end in zip(face, face[1:] + face[:1], strict=True):
            a, ahead = start, [end]
            while ahead:
                vertex = middle.get(edge(a, ahead[-1]))
                if vertex is None:
                    found.append(a)
                    a = ahead.pop()
                else:
                    ahead.append(vertex)
        return found


def edge(a: int, b: int) -> Edge:
    """Name the edge between two vertices."""
    return (a, b) if a < b else (b, a)
