"""Whether the calendar helps the forecast: on bins with a known market, and on a real year with its public holidays.

    .venv/bin/python -m benchmarks.special_days market
    .venv/bin/python -m benchmarks.special_days holidays FILE [--sensors 16DA,...]

``market``: bins that take in half as much again on irregular market days, emptied when nearly full; from the diaries of
a quarter the effect is learnt as the worker does, and every market day and plain day of the next four weeks is forecast
a day ahead, with and without the calendar.

``holidays``: a year of ultrasonic sensors (`fes-csv`) through the real intake, forecasts 24 h ahead every six hours,
each from what was learnt up to the midnight before; the calendar is Hesse's public holidays, Christmas Eve and New
Year's Eve. The loss is told over all spans and over those whose middle lies in a holiday. Prints JSON.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from city.calendar import Calendar, days_between
from city.clock import ManualClock
from city.database import open_engine
from city.migrate import upgrade
from city.registry import DayKind
from city.streams import Stream
from sensors import replay as replaying
from sensors.day_effects import PRIOR_SIGMA, Days, learn
from sensors.day_gains import day_edges_s, gains_by_day
from sensors.diary import SLOTS, last_heard, slot_of
from sensors.experience import Diaries, open_diaries
from sensors.forecast import level_quantiles, stack
from sensors.intake import receive_all
from sensors.levels import BinState, LevelSource
from sensors.paces import Paces, paces
from sensors.skill import NEAR_H, PROBABILITIES, judge, spans_of

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
BINS, WEEKS, EFFECT, MARKET_SHARE = 60, 4, 0.5, 0.12
PER_DAY, NOISE = 0.12, 4.0
GROUP = ("d", Stream.DRY)
KINDS = list(DayKind)

Learnt = dict[tuple[str, Stream, DayKind], tuple[float, float, float, float]]


def learnt(diaries: Diaries, calendar: Calendar, today: date, record: dict[date, tuple[float, float]]) -> Learnt:
    """Learn effects of the days before today, as the worker does; days on record are kept when diaries forget them."""
    days = days_between(today - timedelta(days=91), today - timedelta(days=1))
    gained, expected = gains_by_day(diaries, day_edges_s(calendar, days[0], days[-1]))
    for day, came, usual in zip(days, gained.sum(axis=0), expected.sum(axis=0), strict=True):
        if usual > 0:
            record[day] = (float(came), float(usual))
    told = sorted(record)
    kinds = np.array([[float(kind in calendar.kinds(day, "")) for kind in KINDS] for day in told])
    sums = np.array([record[day] for day in told]).reshape(len(told), 2)
    weekday = np.array([day.weekday() for day in told], dtype=np.intp)
    if not told:
        return {}
    found = learn(Days(sums[:, 0], sums[:, 1], weekday, kinds), np.zeros(len(KINDS)), np.full(len(KINDS), PRIOR_SIGMA))
    if found is None:
        return {}
    columns = zip(found.effect, found.sigma, found.days, found.share, strict=True)
    return {
        ("", GROUP[1], kind): tuple(map(float, one))  # type: ignore[misc]
        for kind, one in zip(KINDS, columns, strict=True)
        if one[2] > 0
    }


def market() -> dict[str, object]:
    """Forecast bins whose market is known."""
    chance = np.random.default_rng(5)
    start = datetime(2026, 3, 1, 16, tzinfo=UTC)
    slots = SLOTS + WEEKS * 28 + 8
    first = slot_of(start) - SLOTS
    begins = [datetime.fromtimestamp((first + one) * 6 * 3600, SHANGHAI) for one in range(slots)]
    days = sorted({begin.date() for begin in begins})
    markets = {day for day in days if chance.random() < MARKET_SHARE}
    calendar = Calendar(SHANGHAI, {(day, ""): frozenset({DayKind.MARKET}) for day in markets})
    more = np.array([1 + EFFECT * (begin.date() in markets) for begin in begins])
    gains = chance.gamma(NOISE, PER_DAY / 4 / NOISE, (BINS, slots)) * more
    path = chance.random((BINS, 1)) + np.cumsum(gains, axis=1) - gains
    level = path % 0.9
    record: dict[date, tuple[float, float]] = {}
    actual, quantiles, special = [], {True: [], False: []}, []
    effects: Learnt = {}
    for end in range(SLOTS, SLOTS + WEEKS * 28, 4):
        now = datetime.fromtimestamp((first + end) * 6 * 3600, UTC)
        steps = np.round(125 * level[:, end - SLOTS + 1 : end + 1]).astype(np.uint8)
        heard = steps[:, -1] / 125
        diaries = Diaries(np.repeat(steps[:, :, None], 3, axis=2), np.full(BINS, first + end), heard)
        effects = learnt(diaries, calendar, now.astimezone(SHANGHAI).date(), record)
        rows = [
            BinState(
                bin_id="",
                fill_level=one,
                sigma=0.01,
                as_of=now,
                rate_per_h=PER_DAY * (1 + EFFECT * MARKET_SHARE) / 24,
                rate_sigma=0.0003,
                volatility=PER_DAY / 4 / NOISE**0.5 / 6**0.5,
                source=LevelSource.SENSOR,
            )
            for one in heard.tolist()
        ]
        at = np.full(BINS, now.timestamp() + 24 * 3600)
        ahead = paces(calendar, effects, [GROUP] * BINS, now)
        for known, its_quantiles in quantiles.items():
            its_quantiles.append(level_quantiles(stack(rows, diaries, ahead if known else None), at, PROBABILITIES))
        actual.append(heard + path[:, end + 4] - path[:, end])
        special.append(np.full(BINS, more[end : end + 4].mean() > 1 + EFFECT / 2))
    effect, sigma, of_days, _ = effects["", GROUP[1], DayKind.MARKET]
    return {
        "true_effect": EFFECT,
        "learnt": round(effect, 3),
        "sigma": round(sigma, 3),
        "days": of_days,
        **_told(np.concatenate(actual), {k: np.vstack(v) for k, v in quantiles.items()}, np.concatenate(special)),
    }


def _told(actual: np.ndarray, quantiles: Mapping[bool, np.ndarray], special: np.ndarray) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, chosen in (("all", np.ones(len(actual), bool)), ("special", special), ("plain", ~special)):
        skills = {known: judge(actual[chosen], one[chosen]) for known, one in quantiles.items()}
        found[name] = {
            "spans": skills[True].spans,
            "pinball_without": round(skills[False].pinball, 5),
            "pinball_with": round(skills[True].pinball, 5),
            "coverage_80_without": round(skills[False].coverage_80, 3),
            "coverage_80_with": round(skills[True].coverage_80, 3),
        }
    return found


def easter(year: int) -> date:
    """Return Easter Sunday (Gauss's rule as corrected by Lichtenberg)."""
    century = year // 100
    moon = 15 + (3 * century + 3) // 4 - (8 * century + 13) // 25
    sun = 2 - (3 * century + 3) // 4
    golden = year % 19
    seed = (19 * golden + moon) % 30
    full = 21 + seed - (seed // 29 + (seed // 28 - seed // 29) * (golden // 11))
    sunday = 7 - (year + year // 4 + sun) % 7
    return date(year, 3, 1) + timedelta(days=full + 7 - (full - sunday) % 7 - 1)


def hessian_holidays(year: int) -> list[date]:
    """Return the public holidays of Hesse (Hessisches Feiertagsgesetz § 1), and the eves on which shops close early."""
    sunday = easter(year)
    moving = [sunday + timedelta(days=days) for days in (-2, 1, 39, 50, 60)]
    fixed = [(1, 1), (5, 1), (10, 3), (12, 24), (12, 25), (12, 26), (12, 31)]
    return sorted([*moving, *(date(year, month, day) for month, day in fixed)])


def holidays(file: Path, sensors: list[str]) -> dict[str, object]:
    """Forecast a real year with its holidays."""
    head, texts = replaying._texts(file, "fes-csv")
    if sensors:
        texts = [text for text in texts if text.split(b",")[1].endswith(tuple(one.encode() for one in sensors))]
    lines = sorted(replaying._lines(head, texts, "fes-csv"), key=lambda line: line.at)
    years = range(lines[0].at.year, lines[-1].at.year + 1)
    special = {day for year in years for day in hessian_holidays(year)}
    calendar = Calendar(BERLIN, {(day, ""): frozenset({DayKind.HOLIDAY}) for day in special})
    record: dict[date, tuple[float, float]] = {}
    origins: dict[str, list[tuple[float, BinState, tuple[int, str] | None, Paces]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'days.sqlite'}")
        upgrade(engine)
        replaying._mount(engine, replaying._distances(lines, ""), "", replaying.Geometry(), lines[0].at)
        today, ahead, effects = date.min, None, {}
        for at, slot in replaying._slots(lines):
            receive_all(engine, ManualClock(at), replaying._messages(head, slot, "fes-csv"), durable=False)
            states, diaries = replaying._known(engine)
            if at < lines[0].at + replaying.WARM_UP:
                continue
            if ahead is None or at.astimezone(BERLIN).date() != today:
                today = at.astimezone(BERLIN).date()
                effects = learnt(open_diaries([(one, None) for one in diaries.values()]), calendar, today, record)
                ahead = paces(calendar, effects, [GROUP], at)
            for state in states:
                if state.heard_at is not None and at - state.heard_at <= replaying.EVERY:
                    hour = state.heard_at.timestamp() / 3600
                    origins[state.bin_id].append((hour, state, diaries.get(state.bin_id), ahead))
        actual, quantiles, chosen = [], {True: [], False: []}, []
        for bin_id, its in origins.items():
            series = replaying._series(engine, bin_id)
            rows = np.searchsorted(series.hours, [one[0] for one in its], side="right") - 1
            fresh = np.array([one[0] for one in its]) - series.hours[np.maximum(rows, 0)] <= NEAR_H
            of_row = {row: one for row, one, good in zip(rows.tolist(), its, fresh, strict=True) if good and row >= 0}
            spans = spans_of(series, np.array(sorted(of_row), dtype=np.intp))
            for begin, end, level in zip(spans.begin.tolist(), spans.end.tolist(), spans.actual, strict=True):
                _, state, diary, pace = of_row[begin]
                end_h = series.hours[end]
                middle = datetime.fromtimestamp(3600 * (series.hours[begin] + end_h) / 2, BERLIN).date()
                own = open_diaries([(diary, last_heard(state.recent))])
                for known, its_quantiles in quantiles.items():
                    # Far from a holiday, both are nearly the same, and both are judged all the same.
                    forecast = stack([state], own, pace if known else None)
                    its_quantiles.append(level_quantiles(forecast, np.array([3600 * end_h]), PROBABILITIES))
                actual.append(level)
                chosen.append(middle in special)
        engine.dispose()
    effect, sigma, of_days, _ = effects["", GROUP[1], DayKind.HOLIDAY]
    return {
        "learnt": round(effect, 3),
        "sigma": round(sigma, 3),
        "days": of_days,
        **_told(np.array(actual), {k: np.vstack(v) for k, v in quantiles.items()}, np.array(chosen)),
    }


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("market")
    of_year = what.add_parser("holidays")
    of_year.add_argument("file", type=Path)
    of_year.add_argument("--sensors", default="", help="ends of their names, comma between")
    asked = parser.parse_args()
    if asked.what == "market":
        found = market()
    else:
        found = holidays(asked.file, [one for one in asked.sensors.split(",") if one])
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
