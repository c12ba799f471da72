"""Closing an account, and opening it again: a closed one has no session and no code left that could come back."""

from sqlalchemy import Engine, delete
from sqlmodel import col

from api.accounts import account_of, note
from api.codes import SignInCode
from api.sessions import close_sessions
from city.clock import Clock
from city.database import transaction


def set_active(engine: Engine, clock: Clock, *, actor: str, account_id: str, active: bool) -> None:
    """Let an account sign in or not. Closing it ends its sessions and its one-time codes for good."""
    with transaction(engine) as session:
        account = account_of(session, account_id)
        account.active = active
        session.add(account)
        if not active:
            close_sessions(session, account_id)
            session.exec(delete(SignInCode).where(col(SignInCode.account_id) == account_id))
        note(session, clock, actor, "account.activated" if active else "account.deactivated", account_id)
