"""``dustcart api``: the API's own description."""

from typing import Annotated

import typer

from api.cli.printing import Json, print_json, results

app = typer.Typer(no_args_is_help=True, help="The API's own description.")


@app.callback()
def _group() -> None:
    pass


@app.command()
def schema(
    *,
    as_json: Json = False,
    intake: Annotated[bool, typer.Option("--intake", help="The intake process's instead of the whole API's.")] = False,
) -> None:
    """List every operation; with --json print the OpenAPI 3.1 document."""
    from rich.table import Table
    from sqlalchemy import create_engine

    from api.app import create_app, create_intake_app
    from city.clock import SystemClock
    from city.settings import Settings

    create = create_intake_app if intake else create_app
    document = create(create_engine("sqlite://"), SystemClock(), Settings()).openapi()
    if as_json:
        print_json(document)
        return
    table = Table("", "address", "what it does", "roles", box=None)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            table.add_row(method.upper(), path, operation["summary"], ", ".join(operation.get("x-roles", [])))
    results().print(table)
