"""Access keys, for machines: a gateway's only delivers readings, an integrator's also sets up devices."""

import secrets
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Field, Session, SQLModel, col, select

from api.accounts import Role
from api.errors import ApiError
from api.tokens import KEY_PREFIX, digest, new_token
from city.clock import Clock
from city.database import moment, transaction, word
from city.journal import record

MACHINE_ROLES = frozenset({Role.DEVICE, Role.INTEGRATOR})


class AccessKey(SQLModel, table=True):
    """A key of a device, gateway, network server or other system. The key itself is not kept."""

    __tablename__ = "access_key"

    id: str = Field(primary_key=True)
    key_hash: str = Field(unique=True)
    name: str = Field(description="whose it is")
    role: Role = Field(sa_column=word(Role))
    created_at: datetime = Field(sa_column=moment())
    revoked_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))


def create_key(engine: Engine, clock: Clock, *, actor: str, name: str, role: Role) -> tuple[AccessKey, str]:
    """Make a key and return its record and the key itself; nobody can read it again.

    Raises
    ------
    ApiError
        If the role is not one for machines.
    """
    if role not in MACHINE_ROLES:
        raise ApiError(f"a key cannot be {role.value}: machines are {' or '.join(sorted(MACHINE_ROLES))}")
    token = new_token(KEY_PREFIX)
    key = AccessKey(
        id=secrets.token_hex(4), key_hash=digest(token), name=name, role=role, created_at=clock.now()
    )  # fmt: skip
    with transaction(engine) as session:
        session.add(key)
        record(
            session, at=clock.now(), actor=actor, action="key.created", subject=f"key/{key.id}",
            after={"name": name, "role": role.value},
        )  # fmt: skip
    return key, token


def revoke_key(engine: Engine, clock: Clock, *, actor: str, key_id: str) -> None:
    """Make a key worthless at once."""
    with transaction(engine) as session:
        key = session.get(AccessKey, key_id)
        if key is None:
            raise ApiError(f"there is no key {key_id}; 'admin key list' shows them")
        if key.revoked_at is None:
            key.revoked_at = clock.now()
            session.add(key)
            record(session, at=clock.now(), actor=actor, action="key.revoked", subject=f"key/{key.id}")


def find_key(session: Session, token: str) -> AccessKey | None:
    """Return the key behind a token, if it still counts."""
    return session.exec(
        select(AccessKey).where(AccessKey.key_hash == digest(token), col(AccessKey.revoked_at).is_(None))
    ).one_or_none()
