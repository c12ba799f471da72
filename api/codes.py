"""One-time codes: how somebody signs in who has no password yet."""

from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Field, Session, SQLModel, col, delete, update

from api.accounts import account_of, note
from api.tokens import digest, new_code, plain_code
from city.clock import Clock
from city.database import moment, transaction

CODE_LIFE = timedelta(hours=24)


class SignInCode(SQLModel, table=True):
    """A code that opens one session, once."""

    __tablename__ = "sign_in_code"

    code_hash: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    expires_at: datetime = Field(sa_column=moment(index=True))
    used_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


def issue_code(
    engine: Engine, clock: Clock, wall: Clock, *, actor: str, account_id: str, life: timedelta = CODE_LIFE
) -> str:
    """Make a one-time code for an account and return it; nobody can read it again.

    Parameters
    ----------
    clock, wall
        The city's time, for the audit, and the real one, by which codes expire (a simulated day may last minutes).

    Raises
    ------
    ApiError
        If the account does not exist.
    """
    code, now = new_code(), wall.now()
    with transaction(engine) as session:
        account_of(session, account_id)
        session.exec(delete(SignInCode).where(col(SignInCode.expires_at) <= now))
        session.add(SignInCode(code_hash=digest(plain_code(code)), account_id=account_id, expires_at=now + life))
        note(session, clock, actor, "account.code_issued", account_id, expires_at=(now + life).isoformat())
    return code


def redeem_code(session: Session, typed: str, *, now: datetime) -> str | None:
    """Use a code up and return its account's id; ``None`` if it is unknown, used or expired.

    The change is the test: of two that come at once, one gets the account.
    """
    code_hash = digest(plain_code(typed))
    used = session.exec(
        update(SignInCode)
        .where(
            col(SignInCode.code_hash) == code_hash,
            col(SignInCode.used_at).is_(None),
            col(SignInCode.expires_at) > now,
        )
        .values(used_at=now)
    )
    if used.rowcount != 1:
        return None
    return session.get_one(SignInCode, code_hash).account_id
