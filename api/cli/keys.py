"""``dustcart admin key``: what gateways, network servers and other systems sign in with."""

from typing import Annotated

import typer
from rich.table import Table
from sqlmodel import col, select

from api import keys
from api.accounts import Role, local_actor
from api.cli.database import open_current
from api.cli.printing import Json, notices, print_json, results
from api.keys import AccessKey
from city.clock import SystemClock
from city.database import reading
from city.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Access keys of gateways and other systems.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, e.g. 'ChirpStack, east gate'.")],
    *,
    role: Annotated[Role, typer.Option(help="device: only deliver readings; integrator: set up devices too.")] = (
        Role.DEVICE
    ),
    as_json: Json = False,
) -> None:
    """Make an access key and print it, once. It is sent as 'Authorization: Bearer KEY'."""
    made, token = keys.create_key(
        open_current(Settings()), SystemClock(), actor=local_actor(), name=name, role=role
    )  # fmt: skip
    if as_json:
        print_json({"id": made.id, "key": token, "role": made.role})
        return
    typer.echo(token)
    notices().print(f"this is key {made.id}; it cannot be shown again", highlight=False)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, from 'key list'.")]) -> None:
    """Make a key worthless, at once."""
    keys.revoke_key(open_current(Settings()), SystemClock(), actor=local_actor(), key_id=key_id)


@app.command("list")
def list_keys(*, as_json: Json = False) -> None:
    """List the access keys, without the keys themselves."""
    with reading(open_current(Settings())) as session:
        found = session.exec(select(AccessKey).order_by(col(AccessKey.created_at))).all()
    if as_json:
        print_json([one.model_dump(exclude={"key_hash"}) for one in found])
        return
    table = Table("id", "name", "role", "created", "revoked", box=None)
    for one in found:
        revoked = one.revoked_at.isoformat(" ", "seconds") if one.revoked_at else ""
        table.add_row(one.id, one.name, one.role.value, one.created_at.isoformat(" ", "seconds"), revoked)
    results().print(table)
