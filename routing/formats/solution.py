"""The solution format of CVRPLIB (``.sol``): a line of customers for every route, then the cost."""

from routing.errors import RoutingError
from routing.formats.instance import Format, Instance
from routing.plan import Plan


def plan_to_sol(instance: Instance, plan: Plan) -> str:
    """Write a plan of a CVRPLIB instance. Customers that are not served are on no line.

    Raises
    ------
    RoutingError
        If the instance is of another kind, whose routes have more than customers on them.
    """
    if instance.format is not Format.CVRPLIB:
        raise RoutingError("only plans of CVRPLIB instances fit into a .sol file; write another kind as .json")
    routes = [
        f"Route #{number}: {' '.join(str(instance.number_of[stop_id]) for stop_id in route.stop_ids)}\n"
        for number, route in enumerate(plan.routes, start=1)
    ]
    return "".join(routes) + f"Cost {instance.in_units(plan.cost.total_cents)}\n"


def routes_of_sol(text: str) -> list[list[int]]:
    """Read the customers of every route of a solution."""
    routes = []
    for line in text.splitlines():
        head, _, customers = line.partition(":")
        if head.strip().lower().startswith("route"):
            routes.append([int(word) for word in customers.split()])
    return routes
