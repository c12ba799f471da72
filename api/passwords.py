"""Passwords: argon2id, set and checked."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Engine

from api.accounts import account_of, note
from api.errors import ApiError
from api.sessions import close_sessions
from city.clock import Clock
from city.database import transaction

# OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
ARGON2 = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
LENGTHS = range(10, 201)


@cache
def nobodys_hash() -> str:
    """Return the hash of no password: checking against it takes as long as against a real one."""
    return ARGON2.hash("")


def set_password(engine: Engine, clock: Clock, *, actor: str, account_id: str, password: str) -> None:
    """Set an account's password and end all its sessions: whoever knew the old one is out.

    Raises
    ------
    ApiError
        If the account does not exist or the password is too short, too long or the name itself.
    """
    if len(password) not in LENGTHS or password.lower() == account_id:
        raise ApiError(f"a password has {LENGTHS[0]} to {LENGTHS[-1]} signs and is not the account's name")
    hashed = ARGON2.hash(password)
    with transaction(engine) as session:
        account = account_of(session, account_id)
        account.password_hash = hashed
        session.add(account)
        close_sessions(session, account_id)
        note(session, clock, actor, "account.password_set", account_id)


def matches(password_hash: str, password: str) -> bool:
    """Whether a password is the one behind a hash. Slow on purpose."""
    try:
        return ARGON2.verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False
