"""``dustcart city``: the registry, brought in from files and checked."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from api.accounts import local_actor
from api.cli.database import open_current
from api.cli.printing import Json, notices, print_json, results
from city.check import Finding, Severity, check
from city.clock import SystemClock
from city.database import reading
from city.importing import ImportReport, Options, import_city
from city.settings import Settings
from city.tables import TABLES
from city.wording import Language, say

app = typer.Typer(no_args_is_help=True, help="The registry: import, generate and check a city.")

# Of one kind of finding or reason so many are printed; the rest are counted, and --all or --json shows them.
SHOWN = 10

Spoken = Annotated[Language, typer.Option("--language", help="Language of the report.")]
All = Annotated[bool, typer.Option("--all", help=f"Print everything, not only {SHOWN} of each kind.")]


@app.command("import")
def import_files(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="FOLDER|FILE|TABLE=FILE...",
            help="Folders, files named after what they hold (points.csv, bins.geojson, city.gpkg, roads.osm.pbf),"
            " or points=any-name.csv. docs/city.md lists tables and columns.",
        ),
    ],
    *,
    crs: Annotated[
        str, typer.Option(help="Coordinate system of files that declare none: EPSG:..., or gcj02. Default: WGS 84.")
    ] = "",
    encoding: Annotated[str, typer.Option(help="Encoding of CSV files, such as gb18030.")] = "utf-8",
    name: Annotated[str, typer.Option(help="The city's name; needed once, unless a city.csv has it.")] = "",
    timezone: Annotated[str, typer.Option(help="The city's time zone, such as Asia/Shanghai; needed once.")] = "",
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep in use what a file does not mention; otherwise it is retired.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Allow a city that shares less than half its points with this one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    everything: All = False,
    language: Spoken = "en",
    as_json: Json = False,
) -> None:
    """Bring the registry up to date with files, all at once or not at all.

    Rows that cannot be used are left out and listed. Rows that are gone become inactive, never deleted.
    """
    engine = open_current(Settings())
    options = Options(crs, encoding, name, timezone, keep, replace, dry_run)
    try:
        with notices().status("looking at the files") as status:
            report = import_city(
                engine,
                paths,
                options,
                at=SystemClock().now(),
                actor=local_actor(),
                progress=lambda doing: status.update(escape(doing)),
            )
    finally:
        engine.dispose()
    if as_json:
        print_json(_report_as_json(report, language))
    else:
        _print_report(report, language, shown=len(report.exclusions) if everything else SHOWN, dry_run=dry_run)


@app.command("generate")
def generate_city(
    *,
    points: Annotated[int, typer.Option(min=1, help="Collection points; Shanghai has 61,000.")] = 600,
    districts: Annotated[int, typer.Option(min=1, help="Districts, each with at least 5 points.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Which city of that size. The same seed gives the same city.")] = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write files that 'city import' reads; leave the database alone.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of another city.")] = False,
    as_json: Json = False,
) -> None:
    """Make up a city and store it: streets, river, districts, collection points, bins, facilities, trucks, crews."""
    from city.exporting import export
    from city.generate import generate
    from city.generate.storing import store

    engine = None if out else open_current(Settings())
    try:
        with notices().status("") as status:
            city = generate(points, districts, seed, progress=status.update)
            status.update("writing it")
            files = export(city, out) if out else []
            if engine:
                store(engine, city, replace=replace)
    finally:
        if engine:
            engine.dispose()
    made: dict[str, Any] = {"name": city.city.name, "source": city.city.source}
    made |= {"street_segments": len(city.network.segment_id)}
    made |= {table.rows: len(getattr(city, table.rows)) for table in TABLES}
    if as_json:
        print_json({**made, "files": [str(file) for file in files]})
        return
    _print(f"{made['name']} ({made['source']})")
    for what, count in made.items():
        if isinstance(count, int) and count:
            _print(f"{count:>9,} {what.replace('_', ' ')}")
    _print(f"written to {out}" if out else "stored; 'city check' looks at it")


@app.command("check")
def check_city(*, everything: All = False, language: Spoken = "en", as_json: Json = False) -> None:
    """List what is wrong with the stored city, errors first. Exit code 1 if there are errors."""
    engine = open_current(Settings())
    try:
        with notices().status("checking the city"), reading(engine) as session:
            findings = check(session)
    finally:
        engine.dispose()
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        print_json([_finding_as_json(finding, language) for finding in findings])
    else:
        _print_findings(findings, language, shown=len(findings) if everything else SHOWN)
        words = {"errors": errors, "warnings": len(findings) - errors}
        _print(say("city", "check.summary" if findings else "check.clean", language, **(words if findings else {})))
    if errors:
        raise typer.Exit(1)


def _print_findings(findings: list[Finding], language: Language, shown: int) -> None:
    total = Counter(finding.code for finding in findings)
    printed: Counter[str] = Counter()
    for finding in findings:
        printed[finding.code] += 1
        if printed[finding.code] <= shown:
            severity = say("city", f"severity.{finding.severity}", language)
            _print(f"{severity}{finding.sentence(language)}")
        if printed[finding.code] == total[finding.code] > shown:
            _print(say("city", "check.more", language, count=total[finding.code] - shown))


def _finding_as_json(finding: Finding, language: Language) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "code": finding.code,
        "kind": finding.kind,
        "subject": finding.subject,
        "numbers": dict(finding.numbers),
        "sentence": finding.sentence(language),
    }


def _print_report(report: ImportReport, language: Language, *, shown: int, dry_run: bool) -> None:
    for remark in report.remarks:
        _print(remark.sentence(language))
    printed: Counter[str] = Counter()
    total = Counter(one.code for one in report.exclusions)
    for one in report.exclusions:
        printed[one.code] += 1
        if printed[one.code] <= shown:
            _print(one.sentence(language))
        elif printed[one.code] == total[one.code]:
            _print(say("city", "check.more", language, count=total[one.code] - shown))
    for change in report.changes:
        if change:
            what = say("city", f"changed.{change.table.rows}", language)
            counts = {"added": len(change.added), "updated": change.updated, "retired": len(change.retired)}
            _print(say("city", "changed.line", language, what=what, **counts))
            ids = ", ".join(map(str, change.retired[:SHOWN]))
            more = len(change.retired) - SHOWN
            if ids:
                code = "changed.retired_more" if more > 0 else "changed.retired"
                _print(say("city", code, language, ids=ids, **({"count": more} if more > 0 else {})))
    if report.changes.roads:
        _print(say("city", "changed.roads", language))
    if report.exclusions:
        _print(say("city", "changed.excluded", language, count=len(report.exclusions)))
    outcome = "stored" if report.written else "dry_run" if dry_run and report.changes else "nothing"
    _print(say("city", f"changed.{outcome}", language))


def _report_as_json(report: ImportReport, language: Language) -> dict[str, Any]:
    return {
        "written": report.written,
        "changes": [
            {
                "table": change.table.rows,
                "added": len(change.added),
                "updated": change.updated,
                "retired": [str(identity) for identity in change.retired],
            }
            for change in report.changes
            if change
        ],
        "roads_changed": report.changes.roads,
        "exclusions": [
            {
                "file": one.file,
                "line": one.line,
                "table": one.kind,
                "id": one.subject,
                "code": one.code,
                "numbers": dict(one.numbers),
                "sentence": one.sentence(language),
            }
            for one in report.exclusions
        ],
        "remarks": [
            {"file": one.file, "code": one.code, "numbers": dict(one.numbers), "sentence": one.sentence(language)}
            for one in report.remarks
        ],
    }


def _print(sentence: str) -> None:
    results().print(escape(sentence), highlight=False, soft_wrap=True)
