"""``dustcart review``: the operator's queue in a terminal. A thin client of the HTTP API; it decides nothing itself."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.printing import Json, notices, print_json, results
from api.cli.remote import Remote, is_open_to_listeners

app = typer.Typer(help="Decide on proposals from a terminal, over the HTTP API.", invoke_without_command=True)
edit = typer.Typer(no_args_is_help=True, help="Change a proposal before deciding; --preview only tells the cost.")
app.add_typer(edit, name="edit")

Language = Annotated[
    Literal["en", "zh"] | None, typer.Option("--language", help="Of reasons and messages; otherwise as at sign-in.")
]
Proposal = Annotated[str, typer.Argument(metavar="ID", help="The proposal's id.")]
Stop = Annotated[str, typer.Argument(metavar="STOP", help="The stop's id, POINT/STREAM.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for those who read it later.")]
Preview = Annotated[bool, typer.Option("--preview", help="Only tell what it would cost.")]


@app.callback()
def queue(context: typer.Context, *, language: Language = None, as_json: Json = False) -> None:
    """List the proposals that wait for a decision, the worst first."""
    if context.invoked_subcommand is not None:
        return
    waiting = Remote.remembered(language).read_all("/proposals", {"state": "pending"})
    waiting.sort(key=_worst_first)
    if as_json:
        print_json(waiting)
        return
    if not waiting:
        notices().print("nothing waits for a decision")
        return
    table = Table("id", "district", "date", "shift", "decide by", "what", box=None)
    for one in waiting:
        said = [one["summary"]["text"], *(note["text"] for note in one["notes"])]
        table.add_row(
            *_plain(one["id"], one["district"], one["service_date"], one["shift"]),
            _clock(one["expires_at"], one),
            escape("\n".join(said)),
        )
    results().print(table)


@app.command("sign-in")
def sign_in(
    url: Annotated[str, typer.Argument(help="Address of the server, e.g. http://127.0.0.1:8700")],
    code: Annotated[str | None, typer.Argument(help="One-time code; asked for if not given.")] = None,
    *,
    name: Annotated[str | None, typer.Option("--name", help="Sign in with this name and a password instead.")] = None,
    language: Language = None,
) -> None:
    """Sign in; the session is kept in a file that only you can read."""
    if is_open_to_listeners(url):
        notices().print("[yellow]this connection is not encrypted; others on the network can read what you type[/]")
    if name is not None:
        credential = {"name": name, "password": typer.prompt("password", hide_input=True, err=True)}
    else:
        credential = {"code": code or typer.prompt("code", err=True)}
    remote = Remote.sign_in(url, credential, language or "en")
    me = remote.call("GET", "/me").json()
    roles = ", ".join(f"{grant['role']} in {grant['district_id'] or 'every district'}" for grant in me["grants"])
    notices().print(escape(f"signed in as {me['name']}: {roles or 'no role yet'}"), highlight=False)


@app.command("sign-out")
def sign_out() -> None:
    """End the session, here and on the server."""
    remote = Remote.remembered()
    remote.forget()
    remote.call("POST", "/sign-out")


@app.command()
def show(
    proposal: Proposal,
    *,
    evidence: Annotated[bool, typer.Option("--evidence", help="Also what is known of every bin.")] = False,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Show a proposal: every route with its stops and why, and what is left out and why."""
    remote = Remote.remembered(language)
    answer = remote.call("GET", f"/proposals/{proposal}")
    remote.note_seen(proposal, answer)
    shown = answer.json()
    if as_json:
        print_json(shown)
        return
    console = results()
    console.print(
        f"[bold]{escape(shown['id'])}[/] {escape(shown['district'])}, {shown['service_date']},"
        f" {escape(shown['shift'])}: {_standing(shown)}",
        highlight=False,
    )
    console.print(escape(shown["summary"]["text"]), highlight=False)
    for note in shown["notes"]:
        console.print(f"[yellow]{escape(note['text'])}[/]", highlight=False)
    if shown["difference"]:
        console.print(escape(shown["difference"]["text"]), highlight=False)
        for line in shown["difference"]["said"]:
            console.print(f"- {escape(line)}", highlight=False)
    for other in shown["alternatives"]:
        console.print(f"[dim]{escape(other['text'])}[/]", highlight=False)
    for note in shown["invalid_if"]:
        console.print(f"[dim]? {escape(note['text'])}[/]", highlight=False)
    concerned = set(shown["difference"]["trucks"]) if shown["difference"] else None
    for route in shown["routes"]:
        if concerned is not None and route["truck_id"] not in concerned:
            continue
        console.print(_route_table(route, shown, evidence=evidence))
    if shown["left_out"]:
        table = Table("risk", "stop", "place", "kg", "why", title="left out", title_justify="left", box=None)
        for stop in shown["left_out"]:
            risk = f"{stop['reason']['probability']:.0%}"
            table.add_row(risk, *_plain(stop["id"], stop["name"], stop["demand_kg"], _why(stop, evidence=evidence)))
        console.print(table)


@app.command()
def approve(proposal: Proposal, *, reason: Reason = "", language: Language = None, as_json: Json = False) -> None:
    """Approve a proposal as you last saw it; the agents send it out."""
    _decide(proposal, "approve", {"reason": reason}, language, as_json=as_json)


@app.command()
def reject(proposal: Proposal, *, reason: Reason, language: Language = None, as_json: Json = False) -> None:
    """Reject a proposal as you last saw it; nothing is sent out."""
    _decide(proposal, "reject", {"reason": reason}, language, as_json=as_json)


@edit.command()
def drop(
    proposal: Proposal, stop: Stop, *, preview: Preview = False, language: Language = None, as_json: Json = False
) -> None:
    """Leave a stop out."""
    _edit(proposal, {"edit": "drop", "stop_id": stop}, language, preview=preview, as_json=as_json)


@edit.command()
def add(
    proposal: Proposal,
    point: Annotated[str, typer.Argument(metavar="POINT", help="The collection point's id.")],
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="dry, wet, recyclable or hazardous.")],
    *,
    truck: Annotated[str | None, typer.Option(help="Its truck; otherwise the cheapest.")] = None,
    preview: Preview = False,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Serve a stop that was left out, or any other point of the district."""
    body = {"edit": "add", "point_id": point, "stream": stream, "truck_id": truck}
    _edit(proposal, body, language, preview=preview, as_json=as_json)


@edit.command()
def move(
    proposal: Proposal,
    stop: Stop,
    truck: Annotated[str, typer.Argument(metavar="TRUCK", help="The truck's id.")],
    *,
    position: Annotated[int | None, typer.Option(min=0, help="Stops before it; otherwise the cheapest.")] = None,
    preview: Preview = False,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Put a stop on another truck, or elsewhere on the same one."""
    body = {"edit": "move", "stop_id": stop, "truck_id": truck, "position": position}
    _edit(proposal, body, language, preview=preview, as_json=as_json)


@edit.command()
def lock(
    proposal: Proposal, stop: Stop, *, preview: Preview = False, language: Language = None, as_json: Json = False
) -> None:
    """Keep a stop on its truck, whatever is planned anew."""
    _edit(proposal, {"edit": "lock", "stop_id": stop}, language, preview=preview, as_json=as_json)


@edit.command()
def unlock(
    proposal: Proposal, stop: Stop, *, preview: Preview = False, language: Language = None, as_json: Json = False
) -> None:
    """Take a lock off."""
    _edit(proposal, {"edit": "unlock", "stop_id": stop}, language, preview=preview, as_json=as_json)


@app.command()
def dispatches(
    *,
    service_date: Annotated[str | None, typer.Option("--date", help="Only this date, YYYY-MM-DD.")] = None,
    district: Annotated[str | None, typer.Option(help="Only this district.")] = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """List what was sent out, the latest first."""
    query = {"service_date": service_date, "district": district}
    sent = Remote.remembered(language).read_all(
        "/dispatches", {name: value for name, value in query.items() if value is not None}
    )
    if as_json:
        print_json(sent)
        return
    table = Table("id", "district", "date", "shift", "truck", "leaves", "returns", "km", "state", box=None)
    for one in sent:
        table.add_row(
            *_plain(one["id"], one["district"], one["service_date"], one["shift"], one["plate"]),
            _clock(one["leaves_at"], one),
            _clock(one["returns_at"], one),
            f"{one['distance_m'] / 1000:.1f}",
            one["state"],
        )
    results().print(table)


def _decide(proposal: str, decision: str, body: dict[str, Any], language: str | None, *, as_json: bool) -> None:
    remote = Remote.remembered(language)
    answer = remote.call("POST", f"/proposals/{proposal}/{decision}", body=body, about=proposal)
    remote.note_seen(proposal, answer)
    decided = answer.json()
    if as_json:
        print_json(decided)
    else:
        results().print(f"{escape(decided['id'])}: {_standing(decided)}", highlight=False)


def _edit(proposal: str, body: dict[str, Any], language: str | None, *, preview: bool, as_json: bool) -> None:
    remote = Remote.remembered(language)
    query = {"preview": "true"} if preview else None
    answer = remote.call("POST", f"/proposals/{proposal}/edits", query=query, body=body, about=proposal)
    if not preview:
        remote.note_seen(proposal, answer)
    outcome = answer.json()
    if as_json:
        print_json(outcome)
    else:
        results().print(escape(outcome["text"]), highlight=False)


def _worst_first(proposal: dict[str, Any]) -> tuple[int, float, str]:
    summary = proposal["summary"]
    return -summary["left_out_required"], -(summary["riskiest_left_out"] or 0.0), proposal["expires_at"]


def _standing(proposal: dict[str, Any]) -> str:
    said = f"version {proposal['version']}, {proposal['state']}"
    if proposal["decided_by"]:
        said += f" by {proposal['decided_by']} at {_clock(proposal['decided_at'], proposal)}"
    elif proposal["state"] == "pending":
        said += f", to be decided by {_clock(proposal['expires_at'], proposal)}"
    return escape(said)


def _route_table(route: dict[str, Any], shown: dict[str, Any], *, evidence: bool) -> Table:
    title = (
        f"{route['plate']} ({route['truck_id']}): {_clock(route['leaves_at'], shown)} to"
        f" {_clock(route['returns_at'], shown)}, {route['stops']} stops, {route['distance_m'] / 1000:.1f} km,"
        f" {route['collected_kg'] / 1000:.1f} t"
    )
    table = Table("at", "stop", "place", "kg", "why", title=escape(title), title_justify="left", box=None)
    for visit in route["visits"]:
        at = _clock(visit["starts_at"], shown)
        match visit:
            case {"stop": {"id": stop_id, "name": name, "demand_kg": kg, "locked": locked} as stop}:
                cells = (stop_id + (" *" if locked else ""), name, kg, _why(stop, evidence=evidence))
                table.add_row(at, *_plain(*cells))
            case {"kind": kind, "facility": {"name": name}}:
                table.add_row(at, f"[dim]{kind}[/]", *_plain(name, visit["load_kg"] or "", ""))
            case {"kind": kind}:
                table.add_row(at, f"[dim]{kind}[/]")
    return table


def _why(stop: dict[str, Any], *, evidence: bool) -> str:
    """Say why a stop is where it is; the sentences about its bins come last and are many."""
    about_bins = sum(one["need"] is not None for one in stop["reason"]["bins"])
    return "\n".join(stop["why"] if evidence else stop["why"][: len(stop["why"]) - about_bins])


def _plain(*cells: Any) -> list[str]:
    """Make text of cells, none of it markup: names come from elsewhere."""
    return [escape(str(cell)) for cell in cells]


def _clock(moment: str, about: dict[str, Any]) -> str:
    """Write a moment as the city's time of day, with the date if it is not the service date."""
    local = datetime.fromisoformat(moment).astimezone(ZoneInfo(about["timezone"]))
    same_day = local.date() == date.fromisoformat(about["service_date"])
    return local.strftime("%H:%M" if same_day else "%m-%d %H:%M")
