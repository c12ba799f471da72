"""Sessions: what a signed-in person's token stands for, until it is closed, unused for too long, or too old."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Field, Session, SQLModel, col, delete, update

from api.tokens import SESSION_PREFIX, digest, new_token
from city.database import moment

# How stale the "last used" moment may get before it is written again: reads must not all become writes.
USED_EVERY = timedelta(minutes=1)


class SignInSession(SQLModel, table=True):
    """One sign-in. The token itself is not kept."""

    __tablename__ = "sign_in_session"

    token_hash: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    opened_at: datetime = Field(sa_column=moment())
    used_at: datetime = Field(sa_column=moment())
    expires_at: datetime = Field(sa_column=moment(index=True))


@dataclass(frozen=True)
class OpenedSession:
    """A fresh session and the only copy of its token."""

    account_id: str
    token: str
    expires_at: datetime


def open_session(session: Session, account_id: str, *, now: datetime, life: timedelta) -> OpenedSession:
    """Open a session in the caller's transaction, and forget those that have run out."""
    session.exec(delete(SignInSession).where(col(SignInSession.expires_at) <= now))
    opened = OpenedSession(account_id, new_token(SESSION_PREFIX), now + life)
    session.add(
        SignInSession(
            token_hash=digest(opened.token),
            account_id=account_id,
            opened_at=now,
            used_at=now,
            expires_at=opened.expires_at,
        )
    )
    return opened


def find_session(session: Session, token: str, *, now: datetime, idle: timedelta) -> SignInSession | None:
    """Return the session behind a token, if it still counts."""
    found = session.get(SignInSession, digest(token))
    if found is None or now >= found.expires_at or now - found.used_at >= idle:
        return None
    return found


def mark_used(session: Session, token_hash: str, *, now: datetime) -> None:
    """Note that a session is in use, which keeps it from counting as idle."""
    session.exec(update(SignInSession).where(col(SignInSession.token_hash) == token_hash).values(used_at=now))


def close_session(session: Session, token_hash: str) -> None:
    """End one session."""
    session.exec(delete(SignInSession).where(col(SignInSession.token_hash) == token_hash))


def close_sessions(session: Session, account_id: str) -> None:
    """End every session of an account."""
    session.exec(delete(SignInSession).where(col(SignInSession.account_id) == account_id))
