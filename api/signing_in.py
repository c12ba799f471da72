"""Signing in: a password or a one-time code becomes a session, guesses are slowed down, and everything is audited.

Whether a name exists cannot be told from the answer or its time: an unknown one is checked against nobody's
hash, counted and locked exactly like a known one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlmodel import Field, Session, SQLModel, col, delete

from api.accounts import Account
from api.codes import redeem_code
from api.context import Context
from api.errors import ApiError
from api.passwords import ARGON2, matches, nobodys_hash
from api.sessions import OpenedSession, open_session
from api.tokens import digest
from city.database import insert_missing, moment, reading, transaction
from city.journal import record

FAILURES_ALLOWED = 5
LOCKED_FOR = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)
NOBODY = "nobody"


class SignInFailure(SQLModel, table=True):
    """Wrong passwords in a row for one name, whether an account bears it or not."""

    __tablename__ = "sign_in_failure"

    name_hash: str = Field(primary_key=True)
    failures: int = 0
    last_at: datetime = Field(sa_column=moment(index=True))
    locked_until: datetime | None = Field(default=None, sa_column=moment(nullable=True))


class SignInRefusedError(ApiError):
    """The credential is not right; which part of it is nobody's business."""


class SignInLockedError(ApiError):
    """Too many wrong passwords for this name."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"locked for another {seconds} s")
        self.seconds = seconds


class SignInBusyError(ApiError):
    """More people are signing in than can be checked at once."""


def sign_in_with_password(context: Context, name: str, password: str) -> OpenedSession:
    """Open a session for a name and its password.

    Raises
    ------
    SignInRefusedError
        If there is no such account, it is closed, or the password is wrong.
    SignInLockedError
        After five wrong passwords in a row, for fifteen minutes, even if the password is right.
    SignInBusyError
        If so many wait for their passwords to be checked that another would keep everybody else waiting.
    """
    name_hash, now = digest(name), context.wall.now()
    with reading(context.engine) as session:
        _check_lock(session.get(SignInFailure, name_hash), now)
        account = session.get(Account, name)
    may = account is not None and account.active and account.password_hash is not None
    password_hash = (may and account and account.password_hash) or nobodys_hash()
    with _turn(context):
        right = matches(password_hash, password)
        fresh_hash = ARGON2.hash(password) if may and right and ARGON2.check_needs_rehash(password_hash) else None

    with transaction(context.engine) as session:
        failure = session.get(SignInFailure, name_hash, with_for_update=True)
        _check_lock(failure, now)
        # The password may have been changed, or the account closed, while it was checked.
        account = session.get(Account, name, with_for_update=True)
        may = account is not None and account.active and account.password_hash == password_hash
        if account is not None and may and right:
            if failure:
                session.delete(failure)
            if fresh_hash:
                account.password_hash = fresh_hash
            return _open(context, session, account.id, "password")
        locked = _count(session, name_hash, now)
        _refuse(context, session, account, locked=locked)
    raise SignInRefusedError


def sign_in_with_code(context: Context, code: str) -> OpenedSession:
    """Open a session for a one-time code, which is then used up.

    Raises
    ------
    SignInRefusedError
        If the code is unknown, used or expired, or its account closed.
    """
    with transaction(context.engine) as session:
        account_id = redeem_code(session, code, now=context.wall.now())
        account = session.get(Account, account_id) if account_id else None
        if account is not None and account.active:
            return _open(context, session, account.id, "code")
        _refuse(context, session, account, locked=False)
    raise SignInRefusedError


@contextmanager
def _turn(context: Context) -> Iterator[None]:
    """Wait for a turn to check a password, unless too many wait already."""
    if not context.waiting.acquire(blocking=False):
        raise SignInBusyError("too many sign-ins at once")
    try:
        with context.checking:
            yield
    finally:
        context.waiting.release()


def _open(context: Context, session: Session, account_id: str, by: str) -> OpenedSession:
    session.exec(delete(SignInFailure).where(col(SignInFailure.last_at) < context.wall.now() - FORGOTTEN_AFTER))
    life = timedelta(hours=context.settings.session_hours)
    opened = open_session(session, account_id, now=context.wall.now(), life=life)
    record(
        session,
        at=context.clock.now(),
        actor=account_id,
        action="sign_in.accepted",
        subject=f"account/{account_id}",
        after={"by": by},
    )
    return opened


def _refuse(context: Context, session: Session, account: Account | None, *, locked: bool) -> None:
    """Audit a refusal. A name nobody bears is not written down: people type passwords into the wrong field.

    Guesses at accounts are few, because they lock; those at no account in particular must not fill the audit.
    """
    untold = 0
    if account is None:
        held_back = context.strangers.passes(context.wall.now())
        if held_back is None:
            return
        untold = held_back
    record(
        session,
        at=context.clock.now(),
        actor=account.id if account else NOBODY,
        action="sign_in.locked" if locked else "sign_in.refused",
        subject=f"account/{account.id if account else NOBODY}",
        after={"not_told_before": untold} if untold else None,
    )


def _check_lock(failure: SignInFailure | None, now: datetime) -> None:
    """Refuse while locked. Such tries are not audited one by one: a flood must not fill the audit."""
    if failure is not None and failure.locked_until is not None and now < failure.locked_until:
        raise SignInLockedError(round((failure.locked_until - now).total_seconds()) or 1)


def _count(session: Session, name_hash: str, now: datetime) -> bool:
    """Count one more wrong password; true if the name is locked from now on."""
    insert_missing(session, SignInFailure, name_hash=name_hash, failures=0, last_at=now)
    failure = session.get_one(SignInFailure, name_hash, with_for_update=True)
    failure.failures += 1
    failure.last_at = now
    if failure.failures < FAILURES_ALLOWED:
        return False
    failure.failures = 0
    failure.locked_until = now + LOCKED_FOR
    return True
