"""Accounts: who may sign in, and which role they have in which district."""

import getpass
import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine
from sqlmodel import Field, Session, SQLModel, select

from api.errors import ApiError
from city.clock import Clock
from city.database import moment, transaction, word
from city.journal import record
from city.registry import District

ACCOUNT_ID = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
EVERYWHERE = ""


class Role(StrEnum):
    """What somebody is, and so what they may do; `api.access` says what that is."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    CREW = "crew"
    INTEGRATOR = "integrator"
    DEVICE = "device"
    ADMIN = "admin"


class Account(SQLModel, table=True):
    """A person who signs in."""

    id: str = Field(primary_key=True, description="the name they sign in with")
    name: str = Field(description="the name others see")
    password_hash: str | None = Field(default=None, description="argon2id; none: only one-time codes work")
    active: bool = True
    created_at: datetime = Field(sa_column=moment())


class RoleGrant(SQLModel, table=True):
    """A role of an account, in one district or (empty) everywhere."""

    __tablename__ = "role_grant"

    account_id: str = Field(primary_key=True, foreign_key="account.id")
    role: Role = Field(sa_column=word(Role, primary_key=True))
    district_id: str = Field(default=EVERYWHERE, primary_key=True)


def local_actor() -> str:
    """Name whoever works on this machine's command line, for the audit."""
    return f"console:{getpass.getuser()}"


def create_account(
    engine: Engine, clock: Clock, *, actor: str, account_id: str, name: str, grants: Iterable[tuple[Role, str]]
) -> Account:
    """Open an account with its roles. It has no password yet: make a one-time code or set one.

    Raises
    ------
    ApiError
        If the id is taken or cannot be one, or a district does not exist.
    """
    if not ACCOUNT_ID.fullmatch(account_id):
        raise ApiError(
            f"account name {account_id!r} cannot be used: lower-case letters, digits and . _ @ -, at most 64,"
            " beginning with a letter or digit"
        )
    with transaction(engine) as session:
        if session.get(Account, account_id) is not None:
            raise ApiError(f"account {account_id} exists already; use 'admin account grant' to add a role")
        account = Account(id=account_id, name=name or account_id, created_at=clock.now())
        session.add(account)
        session.flush()
        roles = [_grant(session, account_id, role, district) for role, district in grants]
        note(session, clock, actor, "account.created", account_id, roles=roles)
    return account


def grant_role(engine: Engine, clock: Clock, *, actor: str, account_id: str, role: Role, district_id: str) -> None:
    """Give an account a role, in one district or (empty) everywhere. Giving it twice changes nothing."""
    with transaction(engine) as session:
        account_of(session, account_id)
        if session.get(RoleGrant, (account_id, role, district_id)) is None:
            granted = _grant(session, account_id, role, district_id)
            note(session, clock, actor, "account.granted", account_id, role=granted)


def revoke_role(engine: Engine, clock: Clock, *, actor: str, account_id: str, role: Role, district_id: str) -> None:
    """Take a role away; it is gone with the next request, whoever is signed in."""
    with transaction(engine) as session:
        account_of(session, account_id)
        held = session.get(RoleGrant, (account_id, role, district_id))
        if held is None:
            raise ApiError(f"account {account_id} does not have the role {_grant_text(role, district_id)}")
        session.delete(held)
        note(session, clock, actor, "account.revoked", account_id, role=_grant_text(role, district_id))


def account_of(session: Session, account_id: str) -> Account:
    """Return an account, or say that there is none."""
    account = session.get(Account, account_id)
    if account is None:
        raise ApiError(f"there is no account {account_id}; 'admin account list' shows them")
    return account


def grants_of(session: Session, account_id: str) -> frozenset[tuple[Role, str]]:
    """Return an account's roles with the district of each; empty: everywhere."""
    held = session.exec(select(RoleGrant).where(RoleGrant.account_id == account_id)).all()
    return frozenset((grant.role, grant.district_id) for grant in held)


def _grant(session: Session, account_id: str, role: Role, district_id: str) -> str:
    if district_id != EVERYWHERE and session.get(District, district_id) is None:
        raise ApiError(f"there is no district {district_id}; leave it empty for every district")
    session.add(RoleGrant(account_id=account_id, role=role, district_id=district_id))
    return _grant_text(role, district_id)


def _grant_text(role: Role, district_id: str) -> str:
    return f"{role.value}:{district_id}" if district_id else role.value


def note(session: Session, clock: Clock, actor: str, action: str, account_id: str, **after: object) -> None:
    """Audit what was done to an account, in the caller's transaction."""
    record(session, at=clock.now(), actor=actor, action=action, subject=f"account/{account_id}", after=after)
