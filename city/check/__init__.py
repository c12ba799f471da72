"""Finds what is wrong with a city before the agents stumble over it: ``check(city) -> findings``, worst first."""

from itertools import chain

from sqlmodel import Session

from city.check.finding import Finding, Severity
from city.check.fit import fit_findings
from city.check.fleet import fleet_findings
from city.check.in_use import InUse
from city.check.marks import mark_findings
from city.check.places import place_findings
from city.check.rows import row_findings
from city.check.service import service_findings
from city.check.times import time_findings
from city.store import CityData, load

__all__ = ["Finding", "Severity", "check"]


def check(city: CityData | Session) -> list[Finding]:
    """Look at a whole city: its rows, places, streams, times, fleet and marks.

    Parameters
    ----------
    city
        The city, or a session that reads the database it is stored in.

    Returns
    -------
    list of Finding
        Errors first; among equals in the order of the registry. Nothing found means every point can be served.

    Raises
    ------
    CityError
        If the database holds no city.
    """
    data = load(city) if isinstance(city, Session) else city
    used = InUse.of(data)
    found = chain(
        row_findings(data),
        place_findings(used),
        service_findings(used),
        fit_findings(used),
        time_findings(used),
        fleet_findings(used),
        mark_findings(data),
    )
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)
