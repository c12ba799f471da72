"""``dustcart admin account``: who may sign in, and what they may do."""

import sys
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table
from sqlmodel import col, select

from api import accounts, closing, codes, passwords
from api.accounts import Account, Role
from api.cli.database import open_current
from api.cli.printing import Json, notices, print_json, results
from city.clock import SystemClock
from city.database import reading
from city.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Who may sign in, and what they may do.")

Name = Annotated[str, typer.Argument(help="The name they sign in with.")]
Roles = Annotated[
    list[str], typer.Option("--role", help="ROLE for every district, or ROLE:DISTRICT; can be given again.")
]
Hours = Annotated[float, typer.Option(min=0.1, max=24 * 31, help="How long the code works.")]


@app.command()
def create(
    name: Name,
    *,
    role: Roles,
    display: Annotated[str, typer.Option("--display", help="The name others see.")] = "",
    hours: Hours = 24.0,
    as_json: Json = False,
) -> None:
    """Open an account and print a one-time code to sign in with."""
    accounts.create_account(
        open_current(Settings()),
        SystemClock(),
        actor=accounts.local_actor(),
        account_id=name,
        name=display,
        grants=[_grant(text) for text in role],
    )
    _print_code(name, hours, as_json=as_json)


@app.command()
def code(name: Name, *, hours: Hours = 24.0, as_json: Json = False) -> None:
    """Print a one-time code for an account, e.g. when a password is forgotten."""
    _print_code(name, hours, as_json=as_json)


@app.command()
def password(name: Name) -> None:
    """Set an account's password, asked for on the terminal or read from stdin, and end its sessions."""
    if sys.stdin.isatty():
        given = typer.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    engine = open_current(Settings())
    passwords.set_password(engine, SystemClock(), actor=accounts.local_actor(), account_id=name, password=given)
    notices().print(f"the password of {name} is set; its sessions have ended")


@app.command()
def grant(name: Name, role: Roles) -> None:
    """Give an account roles."""
    engine, actor = open_current(Settings()), accounts.local_actor()
    for each, district in map(_grant, role):
        accounts.grant_role(engine, SystemClock(), actor=actor, account_id=name, role=each, district_id=district)


@app.command()
def revoke(name: Name, role: Roles) -> None:
    """Take roles away, at once."""
    engine, actor = open_current(Settings()), accounts.local_actor()
    for each, district in map(_grant, role):
        accounts.revoke_role(engine, SystemClock(), actor=actor, account_id=name, role=each, district_id=district)


@app.command()
def close(name: Name) -> None:
    """Let nobody sign in with this account; whoever is signed in is out. What it did stays on record."""
    _set_active(name, active=False)


@app.command()
def reopen(name: Name) -> None:
    """Let a closed account sign in again."""
    _set_active(name, active=True)


@app.command("list")
def list_accounts(*, as_json: Json = False) -> None:
    """List the accounts and their roles."""
    with reading(open_current(Settings())) as session:
        held = [
            (one, sorted(accounts.grants_of(session, one.id)))
            for one in session.exec(select(Account).order_by(col(Account.id)))
        ]
    if as_json:
        print_json(
            [
                {"name": one.id, "display": one.name, "active": one.active, "roles": [":".join(g) for g in grants]}
                for one, grants in held
            ]
        )
        return
    table = Table("name", "display", "roles", "", box=None)
    for one, grants in held:
        roles = ", ".join(":".join(filter(None, held_grant)) for held_grant in grants)
        table.add_row(one.id, one.name, roles, "" if one.active else "closed")
    results().print(table)


def _print_code(name: str, hours: float, *, as_json: bool) -> None:
    clock = SystemClock()
    made = codes.issue_code(
        open_current(Settings()),
        clock,
        clock,
        actor=accounts.local_actor(),
        account_id=name,
        life=timedelta(hours=hours),
    )
    if as_json:
        print_json({"name": name, "code": made, "hours": hours})
        return
    typer.echo(made)
    notices().print(f"{name} signs in with it once, within {hours:g} h; it cannot be shown again", highlight=False)


def _set_active(name: str, *, active: bool) -> None:
    engine, actor = open_current(Settings()), accounts.local_actor()
    closing.set_active(engine, SystemClock(), actor=actor, account_id=name, active=active)


def _grant(text: str) -> tuple[Role, str]:
    role, _, district = text.partition(":")
    try:
        return Role(role), district
    except ValueError:
        raise typer.BadParameter(f"{role!r} is no role; roles are {', '.join(Role)}", param_hint="--role") from None
