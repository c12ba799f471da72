"""Who may do what, where: roles become permissions, and every object is looked at through the caller's districts.

Without a credential: 401. With one whose roles never allow the action: 403. For an object in a district where the
caller has no role, or that does not exist: 404, the same answer. Where they have a role, but not one for this: 403.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Session

from api.accounts import EVERYWHERE, Account, Role, grants_of
from api.context import Context, Here
from api.keys import find_key
from api.problems import Refusal
from api.sessions import USED_EVERY, find_session, mark_used
from api.tokens import KEY_PREFIX, SESSION_PREFIX, digest
from city.database import reading, transaction


class Permission(StrEnum):
    """Something a role allows."""

    READ_CITY = "read_city"
    READ_PROPOSALS = "read_proposals"
    DECIDE = "decide"
    READ_DISPATCHES = "read_dispatches"
    RECORD_SERVICE = "record_service"
    DELIVER_READINGS = "deliver_readings"
    SET_UP_DEVICES = "set_up_devices"
    READ_ALARMS = "read_alarms"
    HANDLE_ALARMS = "handle_alarms"
    READ_WORK_ORDERS = "read_work_orders"
    HANDLE_WORK_ORDERS = "handle_work_orders"
    TELL_EVENTS = "tell_events"
    READ_AUDIT = "read_audit"


ROLES_WITH: dict[Permission, frozenset[Role]] = {
    Permission.READ_CITY: frozenset(
        {Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.CREW, Role.INTEGRATOR, Role.ADMIN}
    ),
    Permission.READ_PROPOSALS: frozenset({Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.ADMIN}),
    Permission.DECIDE: frozenset({Role.OPERATOR, Role.SUPERVISOR}),
    Permission.READ_DISPATCHES: frozenset({Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.CREW, Role.ADMIN}),
    Permission.RECORD_SERVICE: frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.CREW}),
    Permission.DELIVER_READINGS: frozenset({Role.DEVICE, Role.INTEGRATOR}),
    Permission.SET_UP_DEVICES: frozenset({Role.INTEGRATOR, Role.ADMIN}),
    Permission.READ_ALARMS: frozenset({Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.INTEGRATOR, Role.ADMIN}),
    Permission.HANDLE_ALARMS: frozenset({Role.OPERATOR, Role.SUPERVISOR}),
    Permission.READ_WORK_ORDERS: frozenset({Role.VIEWER, Role.OPERATOR, Role.SUPERVISOR, Role.CREW, Role.ADMIN}),
    Permission.HANDLE_WORK_ORDERS: frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.CREW}),
    Permission.TELL_EVENTS: frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.CREW}),
    Permission.READ_AUDIT: frozenset({Role.SUPERVISOR, Role.ADMIN}),
}


@dataclass(frozen=True)
class Principal:
    """Who is asking, as their credential says.

    Attributes
    ----------
    actor
        What the audit calls them: the account's id, or ``key:<id>``.
    grants
        Role and district of each; an empty district is every district.
    session_hash
        The session they use; ``None`` for a key.
    """

    actor: str
    name: str
    grants: frozenset[tuple[Role, str]]
    session_hash: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether they may do this anywhere at all."""
        return any(role in ROLES_WITH[permission] for role, _ in self.grants)

    def districts(self, permission: Permission) -> frozenset[str] | None:
        """Return where they may do this; ``None`` is everywhere."""
        found = frozenset(district for role, district in self.grants if role in ROLES_WITH[permission])
        return None if EVERYWHERE in found else found

    def require(self, permission: Permission, district_id: str | None) -> None:
        """Refuse unless they may do this in a district; an object of no district wants a role for every district.

        Raises
        ------
        Refusal
            ``not-found`` if they have no business there, ``forbidden`` if only this is not theirs to do.
        """
        if not any(district in (EVERYWHERE, district_id) for _, district in self.grants):
            raise Refusal("not-found")
        allowed = self.districts(permission)
        if allowed is not None and district_id not in allowed:
            raise forbidden(permission)

    def within(self, permission: Permission, district_id: str | None) -> frozenset[str] | None:
        """Return where to look for somebody who asks for one district, or for none: all where they may do this.

        Returns
        -------
        frozenset of str or None
            Districts; ``None`` is everywhere.

        Raises
        ------
        Refusal
            As `require` does, if they may not in the district they ask for.
        """
        if district_id is None:
            return self.districts(permission)
        self.require(permission, district_id)
        return frozenset({district_id})

    def require_everywhere(self, permission: Permission) -> None:
        """Refuse unless they may do this in every district.

        Raises
        ------
        Refusal
            ``forbidden`` if they may do it in some districts only.
        """
        if self.districts(permission) is not None:
            raise forbidden(permission)


def forbidden(permission: Permission) -> Refusal:
    """Refuse an action, naming the roles that may do it."""
    roles = sorted(role.value for role in ROLES_WITH[permission])
    return Refusal("forbidden", members={"roles": roles}, roles=", ".join(roles))


_bearer = HTTPBearer(
    auto_error=False, description="a session token from `POST /api/v1/sign-in`, or an access key of a machine"
)


def principal_of(
    request: Request, context: Here, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """Return who is asking.

    Raises
    ------
    Refusal
        ``unauthenticated`` if there is no credential, or it does not count (any more).
    """
    found = _identify(context, credentials.credentials) if credentials else None
    if found is None:
        raise Refusal("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
    request.state.actor = found.actor
    return found


def _identify(context: Context, token: str) -> Principal | None:
    if token.startswith(KEY_PREFIX):
        with reading(context.engine) as session:
            key = find_key(session, token)
        return Principal(f"key:{key.id}", key.name, frozenset({(key.role, EVERYWHERE)})) if key else None
    if token.startswith(SESSION_PREFIX):
        return _signed_in(context, token)
    return None


def _signed_in(context: Context, token: str) -> Principal | None:
    now = context.wall.now()
    idle = timedelta(minutes=context.settings.session_idle_minutes)
    with reading(context.engine) as session:
        opened = find_session(session, token, now=now, idle=idle)
        if opened is None:
            return None
        principal = _principal(session, opened.account_id, digest(token))
    if principal is None:
        return None
    if now - opened.used_at >= min(USED_EVERY, idle / 2):
        with transaction(context.engine) as session:
            mark_used(session, opened.token_hash, now=now)
    return principal


def _principal(session: Session, account_id: str, session_hash: str) -> Principal | None:
    account = session.get_one(Account, account_id)
    if not account.active:
        return None
    return Principal(account.id, account.name, grants_of(session, account.id), session_hash)


Anyone = Annotated[Principal, Depends(principal_of)]


def needs(permission: Permission) -> Any:
    """Make the dependency that lets only those in who may do something somewhere."""

    def permitted(principal: Anyone) -> Principal:
        if not principal.may(permission):
            raise forbidden(permission)
        return principal

    permitted.permission = permission  # type: ignore[attr-defined]  # read by api.openapi
    return Depends(permitted)


def permission_of(dependency: Callable[..., Any] | None) -> Permission | None:
    """Return the permission a dependency asks for, if it is one made by `needs`."""
    return getattr(dependency, "permission", None)
