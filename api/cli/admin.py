"""``dustcart admin``: what only somebody does who can reach the database itself."""

import typer

from api.cli import accounts, keys
from api.cli.printing import Json, notices, print_json
from city.database import open_engine
from city.migrate import upgrade
from city.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Accounts, keys and the database schema.")
app.add_typer(accounts.app, name="account")
app.add_typer(keys.app, name="key")


@app.command()
def migrate(*, as_json: Json = False) -> None:
    """Bring the database to the schema of this version. Safe to run again; keeps all data."""
    engine = open_engine(Settings().url)
    upgrade(engine)
    shown = engine.url.render_as_string(hide_password=True)
    engine.dispose()
    if as_json:
        print_json({"database": shown})
    else:
        notices().print(f"{shown} has this version's tables", highlight=False)
