"""Bins: what is known of one, how surely, and what is expected of it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import InLanguage, PathId
from api.problems import Refusal, refusals
from api.views.names import Names, read_names
from city.database import reading
from city.registry import Bin, CollectionPoint
from city.streams import Stream
from city.wording import say
from sensors.estimate import LevelSource
from sensors.experience import Diaries
from sensors.forecast import level_at
from sensors.levels import BinState, diaries_of, states_of, unknown_since
from sensors.outlook import SHOWN, Ahead, outlook
from sensors.paces import Paces, paces_of
from sensors.reasons import said as fact_said

router = APIRouter(tags=["city"])


class LevelView(BaseModel):
    """A fill level, as sure as it is."""

    mean: float = Field(description="0..1 of the usable volume; above 1 it overflows", examples=[0.81])
    sigma: float = Field(description="its standard deviation", examples=[0.06])


class KnowledgeView(BaseModel):
    """What the level rests on."""

    source: LevelSource
    as_of: datetime | None = Field(description="when the level was last known; none: never")
    emptied_at: datetime | None
    heard_at: datetime | None = Field(description="when the sensor last said anything at all")
    rate_per_h: float = Field(description="mean filling per hour")
    rate_sigma: float


class OutlookView(BaseModel):
    """What is expected if nobody empties it before."""

    hours: int = Field(description="from now")
    at: datetime
    level: LevelView
    quantiles: tuple[float, float, float] = Field(description="10 %, 50 % and 90 % quantile of the level")
    overflow_probability: float = Field(description="that it has overflowed by then", examples=[0.92])


class FactView(BaseModel):
    """One of the facts that move the forecast, the weightiest first."""

    code: str = Field(examples=["experience"])
    text: str = Field(description="the fact in the caller's language")
    numbers: dict[str, float]
    weight: float = Field(description="by how much it moves the level expected in a day")


class BinView(BaseModel):
    """A bin."""

    id: str
    point_id: str
    point: str = Field(description="name of the place")
    district_id: str
    stream: Stream
    usable_volume_l: int
    active: bool
    now: datetime = Field(description="the moment this answer is about")
    level: LevelView | None = Field(description="none: nothing was ever known of it, which is not empty")
    unknown_since: datetime | None = Field(
        description="since when nobody knows, a silent sensor say; `level` is then only what is expected"
    )
    text: str = Field(description="the same in the caller's language", examples=["81 % full, give or take 6 %"])
    knowledge: KnowledgeView
    outlook: list[OutlookView] = Field(description="empty while the level is unknown")
    overflow_likely_at: datetime | None = Field(
        description="when overflow becomes more likely than not; none: not within 60 days, or unknown"
    )
    overflow_from: datetime | None = Field(description="the same for one chance in ten")
    overflow_until: datetime | None = Field(description="the same for nine chances in ten")
    facts: list[FactView] = Field(description="what moves the forecast most, two or three")


@router.get("/bins/{bin_id}", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def read_bin(
    context: Here, principal: Annotated[Principal, needs(Permission.READ_CITY)], language: InLanguage, bin_id: PathId
) -> BinView:
    """Read what is known of a bin now, with its uncertainty, and the probability of overflow in the next two days."""
    with reading(context.engine) as session:
        found = session.get(Bin, bin_id)
        if found is None:
            raise Refusal("not-found")
        point = session.get_one(CollectionPoint, found.point_id)
        principal.require(Permission.READ_CITY, point.district_id)
        state = states_of(session, [bin_id]).get(bin_id, BinState(bin_id=bin_id))
        diaries = diaries_of(session, [state])
        paces = paces_of(session, [bin_id], context.clock.now())
        names = read_names(session, language)
    return _view(found, point, state, diaries, paces, context.clock.now(), names)


def _view(
    found: Bin,
    point: CollectionPoint,
    state: BinState,
    diaries: Diaries,
    paces: Paces | None,
    now: datetime,
    names: Names,
) -> BinView:
    known = state.as_of is not None and state.fill_level is not None
    level = _level(state, diaries, paces, now) if known else None
    since = unknown_since(state, now) if known else None
    expected = outlook(state, diaries, now, paces)
    soonest, middle, latest = (expected.overflow[share] if known else None for share in SHOWN)
    return BinView(
        id=found.id,
        point_id=point.id,
        point=point.name,
        district_id=point.district_id,
        stream=found.stream,
        usable_volume_l=found.usable_volume_l,
        active=found.active,
        now=now,
        level=level,
        unknown_since=since,
        text=_said(level, since, names),
        knowledge=KnowledgeView.model_validate(state, from_attributes=True),
        outlook=[_ahead(one, state, diaries, paces) for one in expected.ahead] if known else [],
        overflow_likely_at=middle,
        overflow_from=soonest,
        overflow_until=latest,
        facts=[
            FactView(
                code=fact.code, text=fact_said(fact, names.language), numbers=dict(fact.numbers), weight=fact.weight
            )
            for fact in expected.facts
        ],
    )


def _said(level: LevelView | None, since: datetime | None, names: Names) -> str:
    if level is None:
        return say("api", "level.never_known", names.language)
    if since is None:
        return say("api", "level.known", names.language, **level.model_dump())
    local = since.astimezone(names.timezone).strftime("%m-%d %H:%M")
    return say("api", "level.unknown", names.language, since=local, **level.model_dump())


def _level(state: BinState, diaries: Diaries, paces: Paces | None, at: datetime) -> LevelView:
    level = level_at(state, at, diaries, paces)
    return LevelView(mean=level.mean, sigma=level.sigma)


def _ahead(one: Ahead, state: BinState, diaries: Diaries, paces: Paces | None) -> OutlookView:
    return OutlookView(
        hours=one.hours,
        at=one.at,
        level=_level(state, diaries, paces, one.at),
        quantiles=(one.low, one.middle, one.high),
        overflow_probability=one.overflow_probability,
    )
