"""``dustcart sensors``: which device looks into which bin, and messages that could not be used."""

from dataclasses import asdict
from datetime import timedelta
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
from city.wording import Language
from sensors.alarms import AlarmKind
from sensors.calibrations import calibration_text, list_calibrations
from sensors.decoders import formats
from sensors.devices import COLUMNS, read_mountings, register_devices
from sensors.emptied import conflict_text, list_emptyings, look_at_stirred
from sensors.letters import list_letters
from sensors.ranking import Terms
from sensors.ranking import rank as rank_bins
from sensors.reasons import said
from sensors.retry import retry_letters

app = typer.Typer(no_args_is_help=True, help="Devices and what they report.")

STANDARD = Terms()

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
def emptyings(
    *,
    bin_id: Annotated[str | None, typer.Option("--bin", help="Only of this bin.")] = None,
    days: Annotated[int, typer.Option(min=1, help="Of the last so many days.")] = 7,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Only those whose sources contradict each other.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List when bins were emptied, who says so, and what contradicts it. Bins not looked at yet are looked at first."""
    engine, now = open_current(Settings()), SystemClock().now()
    look_at_stirred(engine, now)
    with reading(engine) as session:
        since = now - timedelta(days=days)
        found = list_emptyings(session, bin_id=bin_id, since=since, conflicted=True if conflicts else None)
    if as_json:
        print_json([one.model_dump() for one in found])
        return
    table = Table("bin", "at", "sure", "sources", "level", "contradictions", box=None)
    for one in found:
        level = (
            ""
            if one.level_before is None or one.level_after is None
            else f"{one.level_before:.0%} > {one.level_after:.0%}"
        )
        told = " ".join(conflict_text(code, numbers, "en") for code, numbers in one.conflicts)
        at = one.at.isoformat(" ", "minutes")
        table.add_row(one.bin_id, at, f"{one.confidence:.0%}", ", ".join(one.sources), level, told)
    results().print(table)


@app.command()
def calibrations(*, as_json: Json = False) -> None:
    """List sensors whose empty bins read otherwise than registered, as learnt from emptyings."""
    with reading(open_current(Settings())) as session:
        found = list_calibrations(session)
    if as_json:
        print_json([one.model_dump() for one in found])
        return
    for one in found:
        results().print(f"{one.device_id}: {calibration_text(one, 'en')}", highlight=False, markup=False)


@app.command()
def forecast(
    bin_id: Annotated[str, typer.Argument(metavar="BIN", help="The bin's id in the registry.")],
    *,
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
    as_json: Json = False,
) -> None:
    """Tell how full a bin will be in the next three days, when it overflows, and what moves that forecast."""
    from sensors.outlook import outlook_of

    told: Language = "zh" if language == "zh" else "en"
    with reading(open_current(Settings())) as session:
        found = outlook_of(session, bin_id, SystemClock().now())
    if as_json:
        print_json(
            {
                "bin": bin_id,
                "now": found.now,
                "hours": [asdict(one) for one in found.ahead],
                "overflow": {f"{share:.0%}": at for share, at in found.overflow.items()},
                "facts": [{"code": one.code, "text": said(one, told), "numbers": one.numbers} for one in found.facts],
            }
        )
        return
    table = Table("hours", "10 %", "50 %", "90 %", "overflowed", box=None)
    for one in found.ahead:
        levels = (f"{level:.0%}" for level in (one.low, one.middle, one.high))
        table.add_row(f"{one.hours}", *levels, f"{one.overflow_probability:.0%}")
    results().print(table)
    for share, at in found.overflow.items():
        when = "not within 60 days" if at is None else at.isoformat(" ", "minutes")
        results().print(f"overflows with probability {share:.0%}: {when}", highlight=False)
    for fact in found.facts:
        results().print(f"- {said(fact, told)}", highlight=False)


@app.command()
def alarms(
    *,
    kind: Annotated[list[AlarmKind] | None, typer.Option(help="Only this kind; can be given again.")] = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="Those that are closed instead of those that are not.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what is wrong now, the latest first."""
    from sqlmodel import col, select

    from sensors.alarms import Alarm
    from sensors.telling import alarm_text, closing_text

    query = select(Alarm).order_by(col(Alarm.raised_at).desc(), col(Alarm.id).desc())
    query = query.where(col(Alarm.closed_at).is_not(None) if closed else col(Alarm.closed_at).is_(None))
    if kind:
        query = query.where(col(Alarm.kind).in_(kind))
    with reading(open_current(Settings())) as session:
        found = session.exec(query).all()
    if as_json:
        print_json(
            [one.model_dump(exclude={"gone_at"}) | {"state": one.state, "text": alarm_text(one, "en")} for one in found]
        )
        return
    table = Table("number", "began", "kind", "state", "object", "what", box=None)
    for one in found:
        text = " ".join(filter(None, (alarm_text(one, "en"), closing_text(one, "en"))))
        table.add_row(str(one.id), one.began_at.isoformat(" ", "seconds"), one.kind, one.state, one.subject, text)
    results().print(table)


@app.command()
def health(
    *,
    below: Annotated[float, typer.Option(min=0, max=1, help="Only devices with a lower score.")] = 1.0,
    as_json: Json = False,
) -> None:
    """List devices that do not do well, the worst first, with the reasons."""
    from sqlmodel import col, select

    from sensors.device_days import DeviceHealth
    from sensors.telling import reason_text

    with reading(open_current(Settings())) as session:
        query = select(DeviceHealth).where(DeviceHealth.score < below)
        found = session.exec(query.order_by(col(DeviceHealth.score), col(DeviceHealth.device_id))).all()
    if as_json:
        print_json([one.model_dump() for one in found])
        return
    table = Table("device", "score", "as of", "reasons", box=None)
    for one in found:
        reasons = " ".join(reason_text(reason, "en") for reason in one.reasons)
        table.add_row(one.device_id, f"{one.score:.2f}", one.as_of.isoformat(), reasons)
    results().print(table)


@app.command()
def rank(
    *,
    without: Annotated[
        bool, typer.Option("--without", help="Bins without a sensor instead of those with one.")
    ] = False,
    worst: Annotated[bool, typer.Option("--worst", help="Those worth least first.")] = False,
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    visit_cost: Annotated[
        float, typer.Option(min=0, help="Cost of one more stop, city's currency.")
    ] = STANDARD.visit_cost,
    sensor_cost: Annotated[float, typer.Option(min=0, help="Cost of a sensor a year.")] = STANDARD.sensor_cost,
    risk: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Accepted risk of overflow before the next chance.")
    ] = STANDARD.risk,
    chance_h: Annotated[
        float, typer.Option(min=1, help="Hours between two chances to visit a bin.")
    ] = STANDARD.chance_h,
    as_json: Json = False,
) -> None:
    """Rank sensors by what they save, or bins without one by what one would."""
    terms = Terms(visit_cost, sensor_cost, risk, chance_h)
    with reading(open_current(Settings())) as session:
        ranked = [one for one in rank_bins(session, terms) if (one.device_id is None) == without]
    chosen = (ranked[::-1] if worst else ranked)[:count]
    if as_json:
        print_json([asdict(one) for one in chosen])
        return
    table = Table(
        "bin", "sensor", "district", "visits saved a year", "doubt removed", "of use", "worth a year", box=None
    )
    for one in chosen:
        saved, narrowing, useful = f"{one.visits_saved:.0f}", f"{one.narrowing:.0%}", f"{one.useful:.0%}"
        table.add_row(one.bin_id, one.device_id or "", one.district_id, saved, narrowing, useful, f"{one.value:+.0f}")
    results().print(table)


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
                "emptyings": len(found.emptyings),
                "emptied": [
                    {
                        "device": one.bin_id,
                        "at": one.at,
                        "confidence": one.confidence,
                        "before": one.level_before,
                        "after": one.level_after,
                    }
                    for one in found.emptyings
                ],
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
    table.add_row("emptyings", str(len(found.emptyings)))
    table.add_row("forecasts 24 h ahead", str(found.skill.spans))
    if found.skill.spans:
        table.add_row("within the 80 % interval", f"{found.skill.coverage_80:.1%}")
        table.add_row("pinball loss", f"{found.skill.pinball:.4f}")
        for name, skill in found.baselines.items():
            table.add_row(f"  {name}", f"{skill.pinball:.4f}")
    results().print(table)
