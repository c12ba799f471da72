"""Closures by name, to tell those that a plan was made with from those that came, went or changed since."""

from datetime import UTC, datetime

from sqlmodel import Session, col, or_, select

from city.registry import Closure


def known_closures(session: Session, now: datetime) -> dict[str, Closure]:
    """Return the closures that have not ended, by name; one that gets another end is another closure."""
    rows = session.exec(select(Closure).where(or_(col(Closure.ends_at).is_(None), col(Closure.ends_at) > now)))
    return {name_of(closure): closure for closure in rows}


def name_of(closure: Closure) -> str:
    """Name a closure by all that it says."""
    starts = closure.starts_at.astimezone(UTC).isoformat()
    ends = "-" if closure.ends_at is None else closure.ends_at.astimezone(UTC).isoformat()
    slower = "" if closure.slower is None else f"/{closure.slower:g}"
    return f"{closure.kind}/{closure.subject_id}/{starts}/{ends}{slower}"


def end_of(name: str) -> datetime | None:
    """Return when a closure of a name ends; ``None``: it is not known."""
    ends = name.rsplit("/", maxsplit=1)[-1] if name.count("/") == 3 else name.split("/")[-2]
    return None if ends == "-" else datetime.fromisoformat(ends)
