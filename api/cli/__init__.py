"""The command line: ``dustcart``. Each command lives in a file of its own, imported when it is called and not before.

To add a command: write ``api/cli/<name>.py`` with ``app = typer.Typer()`` (or one function called as the command)
and name it in `COMMANDS`. Exit codes: 0 it worked, 1 it failed, 2 it was asked for wrongly.
"""

import importlib
import os
import sys
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

PROGRAM = os.environ.get("DUSTCART_PROG", "dustcart")


class Command(NamedTuple):
    """Where a command is found, and the line about it in the list of commands."""

    module: str
    purpose: str


COMMANDS = {
    "demo": Command("demo", "Run a whole simulated day here: a city, its bins, the agents and the API."),
    "serve": Command("serve", "Serve the HTTP API."),
    "intake": Command("serve", "Serve only the intake of telemetry."),
    "work": Command("serve", "Run the agents: plan, watch for decisions, publish."),
    "city": Command("city", "The registry: import, generate and check a city."),
    "plan": Command("plan", "Run one planning cycle for a district and a date."),
    "solve": Command("solve", "Solve a routing problem file."),
    "sensors": Command("sensors", "Devices and what they report."),
    "review": Command("review", "Decide on proposals from a terminal, over the HTTP API."),
    "api": Command("schema", "The API's own description."),
    "admin": Command("admin", "Accounts, keys and the database schema."),
}


class LazyCommands(TyperGroup):
    """A group that knows its commands by name and line, and imports one only to run it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that is called and import it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(name) if name else None, rest


def load(name: str) -> Any:
    """Import a command: the ``app`` of its module, or the function that bears its name."""
    module = importlib.import_module(f"api.cli.{COMMANDS[name].module}")
    found = getattr(module, "app", None) or getattr(module, name)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        found = alone
    command = typer.main.get_command(found)
    # Completion is the whole program's affair, not that of each command.
    command.params = [one for one in command.params if one.name not in ("install_completion", "show_completion")]
    return command


app = typer.Typer(
    cls=LazyCommands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Runs a city's waste collection: reads bins, decides what to collect, solves the truck routes, asks first.",
)
for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.purpose)(lambda: None)


def _print_version(wanted: bool) -> None:
    if wanted:
        from api.version import installed_version

        typer.echo(f"dustcart {installed_version()}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    context.call_on_close(_close)


def _close() -> None:
    """Close what the command opened, if it opened a database."""
    if (database := sys.modules.get("api.cli.database")) is not None:
        database.close_opened()


def main() -> None:
    """Run the command line. What went wrong is one sentence on stderr; only a fault of ours shows a traceback."""
    try:
        app(prog_name=PROGRAM)
    except Exception as error:
        from api.cli.failures import sentence_of

        sentence = sentence_of(error)
        if sentence is None:
            raise
        sys.exit(f"{PROGRAM}: {sentence}")
