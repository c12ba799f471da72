"""Puts what files hold and what the registry knows together to one whole city, leaving out what does not fit in."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel import Session, SQLModel

from city.importing.lost import set_lost_aside
from city.importing.report import Exclusion, Remark
from city.importing.rows import NewRow, TableRead
from city.importing.sources import PLACED
from city.network import RoadNetwork
from city.placement import Streets
from city.registry import City, ClosureKind
from city.store import CityData, load_table
from city.tables import TABLES, Table, lost_reference


class Merger:
    """One merge: what was read goes in; `exclusions` and `remarks` are complete when `merge` has made the city.

    Parameters
    ----------
    tables
        What was read, by table.
    keep
        Leave rows in use that a file does not mention.
    """

    def __init__(self, tables: Mapping[str, TableRead], *, keep: bool) -> None:
        self._tables = tables
        self._keep = keep
        self.exclusions: list[Exclusion] = [one for read in tables.values() for one in read.exclusions]
        self.remarks: list[Remark] = [one for read in tables.values() for one in read.remarks]

    def merge(self, session: Session, city: City, network: RoadNetwork) -> CityData:
        """Make the whole city, parents first: a row that names nothing known is left out.

        Raises
        ------
        CityError
            If most places of a file lie far from the roads.
        """
        streets = Streets(network) if set(PLACED) & self._tables.keys() else None
        known: dict[str, set[Any]] = {}
        merged: dict[str, list[Any]] = {}
        for table in TABLES:
            stored = load_table(session, table)
            read = self._tables.get(table.rows)
            if read is None:
                merged[table.rows] = stored
            else:
                new = list(read.rows)
                if streets is not None and table.rows in PLACED and streets.drivable.any():
                    new = self._near_streets(read, streets)
                new = self._with_known_parents(read, new, known)
                if table.rows == "closures":
                    new = self._of_something(read, new, network, known)
                merged[table.rows] = [*(one.row for one in new), *self._rest(table, stored, new)]
            known[table.rows] = {table.identity(row) for row in merged[table.rows]}
        return CityData(city=city, network=network, **merged)

    def _near_streets(self, read: TableRead, streets: Streets) -> list[NewRow]:
        new, exclusions, remarks = set_lost_aside(read, streets)
        self.exclusions += exclusions
        self.remarks += remarks
        return new

    def _with_known_parents(
        self, read: TableRead, new: Iterable[NewRow], known: Mapping[str, set[Any]]
    ) -> list[NewRow]:
        left_out = {(one.kind, one.subject) for one in self.exclusions}
        good = []
        for one in new:
            fault = lost_reference(read.table, one.row, known)
            if fault is None or fault.target is None:
                good.append(one)
                continue
            code = "names_left_out" if (fault.target.rows, str(fault.value)) in left_out else "names_unknown"
            numbers = {"column": fault.column, "target": fault.target.rows, "target_id": fault.value}
            self.exclusions.append(read.excluded(one, code, **numbers))
        return good

    def _of_something(
        self, read: TableRead, new: Iterable[NewRow], network: RoadNetwork, known: Mapping[str, set[Any]]
    ) -> list[NewRow]:
        subjects = {
            ClosureKind.ROAD: {str(way) for way in set(network.way_id.tolist())},
            ClosureKind.POINT: known["points"],
            ClosureKind.FACILITY: known["facilities"],
            ClosureKind.TRUCK: known["trucks"],
        }
        good = []
        for one in new:
            kind, subject = one.row.kind, one.row.subject_id  # type: ignore[attr-defined]
            if subject in subjects[kind]:
                good.append(one)
            else:
                self.exclusions.append(read.excluded(one, "closes_nothing", value=subject))
        return good

    def _rest(self, table: Table, stored: Iterable[SQLModel], new: Iterable[NewRow]) -> Iterable[SQLModel]:
        """Yield the stored rows that no new row takes the place of, retired unless there is a reason to keep them."""
        replaced = {table.identity(one.row) for one in new}
        left_out = {one.subject for one in self.exclusions if one.kind == table.rows}
        for row in stored:
            if table.identity(row) in replaced:
                continue
            stays = self._keep or table.name(row) in left_out or table.lasting
            if stays or not getattr(row, "active", True):
                yield row
            elif "active" in table.columns:
                yield table.model(**row.model_dump() | {"active": False})
