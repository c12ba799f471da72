"""``dustcart sensors``: which device looks into which bin, and messages that could not be used."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.accounts import local_actor
from api.cli.database import open_current
from api.cli.printing import Json, notices, print_json, results
from city.clock import SystemClock
from city.database import reading
from city.settings import Settings
from sensors.decoders import formats
from sensors.devices import COLUMNS, read_mountings, register_devices
from sensors.letters import list_letters
from sensors.retry import retry_letters

app = typer.Typer(no_args_is_help=True, help="Devices and what they report.")

Code = Annotated[str | None, typer.Option(help="Only those refused for this reason, e.g. unknown_device.")]


@app.command()
def register(
    file: Annotated[Path, typer.Argument(help=f"CSV file with the columns {', '.join(COLUMNS)}.")],
    *,
    as_json: Json = False,
) -> None:
    """Register devices, or move registered ones. Good rows are kept; exit code 1 if any was refused."""
    mountings = read_mountings(file)
    refused = register_devices(open_current(Settings()), mountings, at=SystemClock().now(), actor=local_actor())
    if as_json:
        print_json(
            {
                "registered": len(mountings) - len(refused),
                "refused": [
                    {"device": one.mounting.device_id, "code": one.code, "reason": one.reason} for one in refused
                ],
            }
        )
    else:
        results().print(f"{len(mountings) - len(refused)} devices registered", highlight=False)
        for one in refused:
            notices().print(f"refused: {one.reason}", highlight=False, markup=False)
    if refused:
        raise typer.Exit(1)


@app.command()
def letters(*, code: Code = None, as_json: Json = False) -> None:
    """List messages that could not be used, and why."""
    with reading(open_current(Settings())) as session:
        found = list_letters(session, code=code)
    if as_json:
        print_json([one.model_dump(exclude={"body", "digest"}) for one in found])
        return
    table = Table("last", "times", "format", "device", "code", "reason", box=None)
    for one in found:
        last = one.last_at.isoformat(" ", "seconds")
        table.add_row(last, str(one.times), one.format, one.device_id or "", one.code, one.reason)
    results().print(table)


@app.command()
def retry(*, code: Code = None, as_json: Json = False) -> None:
    """Take unusable messages in again, after what was wrong has been mended."""
    done = retry_letters(open_current(Settings()), SystemClock(), code=code)
    if as_json:
        print_json({"tried": done.tried, "stored": done.stored, "still_dead": done.still_dead})
        return
    results().print(
        f"{done.tried} messages tried, {done.stored} readings stored, {done.still_dead} still unusable",
        highlight=False,
    )


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Messages of devices, one a line, or a table; plain or gzip.")],
    format_name: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(formats())}.")],
    *,
    model: Annotated[str, typer.Option(help="Model of the devices, if neither port nor envelope tells.")] = "",
    mounting_height_cm: Annotated[
        int | None, typer.Option(min=1, help="From the sensors down to the bottom; left out: the farthest they saw.")
    ] = None,
    depth_cm: Annotated[
        int | None, typer.Option(min=1, help="From the bottom up to where the bins count as full.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a file through intake, cleaning, filter and forecast in a database of its own, and judge the forecasts."""
    from sensors.replay import Geometry
    from sensors.replay import replay as replay_file

    geometry = Geometry(mounting_height_cm, depth_cm)
    with notices().status("replaying") as status:
        found = replay_file(
            file,
            format_name,
            model=model,
            geometry=geometry,
            progress=lambda done: status.update(f"replaying: {done:.0%}"),
        )
    if as_json:
        print_json(
            {
                "readings": found.readings,
                "stored": found.stored,
                "duplicates": found.duplicates,
                "rejected": found.rejected,
                "verdicts": found.verdicts,
                "emptyings": found.emptyings,
                "forecasts": found.skill.spans,
                "pinball_loss_24h": found.skill.pinball,
                "coverage_80": found.skill.coverage_80,
                "baselines": {name: skill.pinball for name, skill in found.baselines.items()},
            }
        )
        return
    table = Table(box=None, show_header=False)
    table.add_row("readings", str(found.readings))
    table.add_row("stored", str(found.stored))
    table.add_row("duplicates", str(found.duplicates))
    for code, number in sorted(found.rejected.items()):
        table.add_row(f"rejected: {code}", str(number))
    for verdict, number in sorted(found.verdicts.items()):
        table.add_row(f"verdict: {verdict}", str(number))
    table.add_row("emptyings", str(found.emptyings))
    table.add_row("forecasts 24 h ahead", str(found.skill.spans))
    table.add_row("within the 80 % interval", f"{found.skill.coverage_80:.1%}")
    table.add_row("pinball loss", f"{found.skill.pinball:.4f}")
    for name, skill in found.baselines.items():
        table.add_row(f"  {name}", f"{skill.pinball:.4f}")
    results().print(table)
