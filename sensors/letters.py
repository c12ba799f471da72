"""Dead letters: what could not be used, kept whole with the reason."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from sensors.delivery import Delivery
from sensors.telemetry import DeadLetter


def keep_letters(session: Session, deliveries: Sequence[Delivery], now: datetime) -> None:
    """Keep what was refused; the same thing again is counted."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for delivery in deliveries:
        name = delivery.message.format if delivery.message.format.isprintable() else repr(delivery.message.format)
        for rejection, body in delivery.refused:
            digest = hashlib.sha256(name.encode(errors="replace") + b"\0" + body).hexdigest()
            row = rows.setdefault(
                (digest, rejection.code),
                {
                    "received_at": now,
                    "last_at": now,
                    "times": 0,
                    "format": name,
                    "code": rejection.code,
                    "reason": rejection.message,
                    "device_id": rejection.device_id,
                    "digest": digest,
                    "body": body,
                },
            )
            row["times"] += 1
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(DeadLetter)
    again = statement.on_conflict_do_update(
        index_elements=["digest", "code"],
        set_={"times": col(DeadLetter.times) + statement.excluded.times, "last_at": statement.excluded.last_at},
    )
    session.connection().execute(again, [rows[key] for key in sorted(rows)])


def list_letters(session: Session, *, code: str | None = None) -> list[DeadLetter]:
    """Return dead letters, the latest first; only those refused for one reason if it is given."""
    query = select(DeadLetter).order_by(col(DeadLetter.last_at).desc(), col(DeadLetter.id).desc())
    return list(session.exec(query if code is None else query.where(DeadLetter.code == code)))
