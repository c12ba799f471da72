"""The feed: what happened, worded for whoever watches, in their language."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from agents.publish import PUBLISHER
from city.database import transaction
from city.journal import record
from city.store import save
from city.wording import Language
from scenarios.feed import Feed
from tests.city.small_city import small_city


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "p7 was withdrawn: The shift was over before the approved plan could be sent out."),
        ("zh", "p7 已撤回：批准的方案尚未下发，班次已经结束。"),
    ],
)
def test_a_withdrawn_proposal_is_told_with_the_reason_in_words(engine: Engine, language: Language, said: str) -> None:
    save(engine, small_city())
    feed = Feed(engine, language)
    with transaction(engine) as session:
        record(
            session,
            at=datetime(2026, 3, 3, tzinfo=UTC),
            actor=PUBLISHER,
            action="proposal.withdrawn",
            subject="proposal/p7",
            reason="what the journal says",
            after={"state": "withdrawn", "version": 1, "code": "shift_is_over"},
        )
    assert [line.say(language) for line in feed.news()] == [said]
