"""Monitor and dispatcher: every cause becomes one need with its evidence, and each need gets the cheapest thing."""

from datetime import timedelta

from sqlalchemy import Engine
from sqlmodel import col, select, update

from agents.cycles import CycleState, PlanningCycle
from agents.decisions import Decision, Rule
from agents.dispatcher import OVERFLOW_CENTS, REQUIRED_PROBABILITY
from agents.needs import Evidence, Need, NeedAction
from agents.proposals import list_proposals, read_proposal
from agents.reasons import Exclusion, Standing, rule_sentence
from agents.worker import Worker
from city.clock import ManualClock
from city.database import reading, transaction
from city.registry import Bin, Closure, ClosureKind, CollectionPoint, Crew, Truck
from city.store import zone_of
from city.streams import Stream
from sensors.levels import BinState
from tests.agents.town import EVENING_STARTS, PLANNING, bins_of, know, open_needs

DAY = timedelta(days=1)


def needs(engine: Engine, district: str = "garden") -> dict[str, Need]:
    """Return the open needs of a district by their key."""
    return {need.open_key or "": need for need in open_needs(engine, district)}


def decision(need: Need) -> Decision:
    return Decision.model_validate(need.action_reason)


def test_a_bin_likely_to_overflow_before_the_next_chance_must_be_served_with_its_evidence_kept(
    engine: Engine, worker: Worker
) -> None:
    know(engine, 0.9, "garden-3-dry", rate_per_h=0.02)
    worker.step()
    (need,) = needs(engine).values()
    assert need.open_key == "overflow_risk/garden-3-dry"
    evidence = Evidence.model_validate(need.evidence)
    assert evidence.level is not None
    assert abs(evidence.level - 0.9) < 0.01
    assert evidence.full_by_next is not None
    assert evidence.full_by_next > REQUIRED_PROBABILITY
    # The evening shift, 14:00 to 22:00, comes by at 18:00 or so.
    assert evidence.next_at == EVENING_STARTS + timedelta(hours=4)
    assert need.deadline is not None
    # A tenth left at 0.02 an hour: five hours.
    assert abs(need.deadline - (PLANNING + timedelta(hours=5))) < timedelta(hours=1)
    assert 0.9 < need.confidence <= 1
    assert need.action is NeedAction.ROUTE_REQUIRED
    with reading(engine) as session:
        zone = zone_of(session)
    said = rule_sentence(decision(need).rule, decision(need).numbers, "en", zone)
    assert "before the next chance (03-03 18:00)" in said
    assert "03-03 18:00" in rule_sentence(decision(need).rule, decision(need).numbers, "zh", zone)


def test_a_small_risk_is_worth_its_share_of_an_overflow_and_no_truck_leaves_for_it_alone(
    engine: Engine, worker: Worker
) -> None:
    know(engine, 0.62, "garden-3-dry", rate_per_h=0.014)
    worker.step()
    (need,) = needs(engine).values()
    made = decision(need)
    assert (need.action, made.rule) == (NeedAction.ROUTE_OPTIONAL, Rule.OVERFLOW_PRIZE)
    probability = made.numbers["probability"]
    assert probability < REQUIRED_PROBABILITY
    assert made.prize_cents == round(OVERFLOW_CENTS * probability) > 0
    with reading(engine) as session:
        cycle = session.exec(select(PlanningCycle).where(PlanningCycle.district_id == "garden")).one()
    assert cycle.outcome["code"] == "nothing_worth_a_truck"


def test_a_need_keeps_its_place_while_its_cause_lasts_and_closes_when_it_is_gone(
    engine: Engine, clock: ManualClock, worker: Worker
) -> None:
    know(engine, 0.9, "garden-3-dry", rate_per_h=0.02)
    worker.step()
    (first,) = needs(engine).values()
    know(engine, 0.95, "garden-3-dry", rate_per_h=0.02, at=PLANNING + timedelta(hours=7))
    clock.advance(timedelta(hours=8))
    worker.step()
    second = needs(engine)["overflow_risk/garden-3-dry"]
    assert (second.id, second.opened_at) == (first.id, PLANNING)
    assert second.evidence["level"] > first.evidence["level"]
    know(engine, 0.02, *bins_of(), at=clock.now(), emptied_at=clock.now())
    clock.advance(DAY - timedelta(hours=8))
    worker.step()
    with reading(engine) as session:
        gone = session.get_one(Need, first.id)
    assert (gone.open_key, gone.closed_at) == (None, clock.now())


def test_unknown_is_a_cause_of_its_own_and_not_empty(engine: Engine, worker: Worker) -> None:
    with transaction(engine) as session:
        session.exec(update(BinState).where(col(BinState.bin_id) == "garden-3-dry").values(fill_level=None, as_of=None))
        session.add(Bin(id="garden-4-new", point_id="garden-4", stream=Stream.DRY, usable_volume_l=240, depth_cm=90))
    know(engine, 0.97, "garden-4-dry", rate_per_h=0.03)
    worker.step()
    found = needs(engine)
    lone, beside = found["unknown_level/garden-3-dry"], found["unknown_level/garden-4-new"]
    assert (lone.action, decision(lone).rule) == (NeedAction.PERSON_LOOKS, Rule.NOTHING_KNOWN)
    assert (beside.action, decision(beside).rule) == (NeedAction.WAIT, Rule.VISITED_ANYWAY)
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
        reasons = read_proposal(session, proposal.id).reasons
    unknown = next(item for item in reasons["garden-4/dry"].bins if item.bin_id == "garden-4-new")
    assert unknown.level is unknown.probability is None
    assert unknown.expected_l > 0


def test_an_attendant_swaps_a_bin_that_overflows_before_a_truck_can_come_and_the_truck_takes_the_full_one(
    engine: Engine, worker: Worker
) -> None:
    know(engine, 1.2, "garden-0-dry", "garden-1-dry")
    worker.step()
    found = needs(engine)
    assert found["overflowing/garden-0-dry"].action is NeedAction.ATTENDANT_SWAP
    assert found["overflowing/garden-1-dry"].action is NeedAction.ROUTE_REQUIRED
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
        plan = read_proposal(session, proposal.id).plan
    assert plan.route_of("garden-0/dry") is not None


def test_a_need_follows_its_point_into_another_district_and_its_bin_to_another_point(
    engine: Engine, clock: ManualClock, worker: Worker
) -> None:
    know(engine, 0.97, "garden-1-dry", "garden-2-dry", rate_per_h=0.03)
    worker.step()
    before = needs(engine)
    with transaction(engine) as session:
        session.exec(update(CollectionPoint).where(col(CollectionPoint.id) == "garden-1").values(district_id="harbour"))
        session.exec(update(Bin).where(col(Bin.id) == "garden-2-dry").values(point_id="harbour-3"))
        session.exec(update(Crew).where(col(Crew.district_id) == "garden").values(active=False))
    know(engine, 0.97, "garden-1-dry", "garden-2-dry", rate_per_h=0.03, at=EVENING_STARTS)
    clock.advance(timedelta(hours=8))
    worker.step()
    after = needs(engine, "harbour")
    for key, point_id in (("overflow_risk/garden-1-dry", "garden-1"), ("overflow_risk/garden-2-dry", "harbour-3")):
        assert (after[key].id, after[key].point_id) == (before[key].id, point_id)
    with reading(engine) as session:
        (proposal,) = list_proposals(session, district_ids=["harbour"])
        served = {stop_id for route in read_proposal(session, proposal.id).plan.routes for stop_id in route.stop_ids}
    assert {"garden-1/dry", "harbour-3/dry"} <= served


def test_a_point_whose_hours_are_outside_the_shift_is_not_called_closed_by_a_closure_that_touches_the_shift(
    engine: Engine, worker: Worker
) -> None:
    with transaction(engine) as session:
        session.exec(update(CollectionPoint).where(col(CollectionPoint.id) == "garden-1").values(hours="17:00-20:00"))
        session.exec(update(CollectionPoint).where(col(CollectionPoint.id) == "garden-2").values(hours="09:00-10:00"))
        for point_id, hours in (("garden-1", (2, 3)), ("garden-2", (4, 7))):
            starts_at, ends_at = (PLANNING + timedelta(hours=hour) for hour in hours)
            session.add(Closure(kind=ClosureKind.POINT, subject_id=point_id, starts_at=starts_at, ends_at=ends_at))
    know(engine, 0.97, "garden-1-dry", "garden-2-dry", rate_per_h=0.03)
    worker.step()
    found = needs(engine)
    assert decision(found["overflow_risk/garden-1-dry"]).rule is Rule.WINDOW_OUTSIDE_SHIFT
    assert decision(found["overflow_risk/garden-2-dry"]).rule is Rule.POINT_CLOSED


def test_a_stop_that_is_closed_says_so_although_an_attendant_swaps_one_of_its_bins(
    engine: Engine, worker: Worker
) -> None:
    with transaction(engine) as session:
        session.add(Bin(id="garden-0-more", point_id="garden-0", stream=Stream.DRY, usable_volume_l=660, depth_cm=110))
        session.exec(update(CollectionPoint).where(col(CollectionPoint.id) == "garden-0").values(hours="17:00-20:00"))
    know(engine, 1.2, "garden-0-dry", "garden-1-dry")
    know(engine, 0.9, "garden-0-more", rate_per_h=0.01)
    worker.step()
    found = needs(engine)
    assert found["overflowing/garden-0-dry"].action is NeedAction.ATTENDANT_SWAP
    assert decision(found["overflow_risk/garden-0-more"]).rule is Rule.WINDOW_OUTSIDE_SHIFT
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
        reasons = read_proposal(session, proposal.id).reasons
    assert reasons["garden-0/dry"].excluded is Exclusion.WINDOW_OUTSIDE_SHIFT


def test_daily_waste_is_due_in_the_last_shift_that_keeps_the_rule_and_not_in_every_shift(
    engine: Engine, clock: ManualClock, worker: Worker
) -> None:
    # Emptied at 16:00 the day before: due by 16:00, which the shift that begins at 14:00 keeps.
    worker.step()
    assert needs(engine) == {}
    clock.advance(timedelta(hours=8))
    worker.step()
    due = needs(engine)
    assert set(due) == {f"rule_interval/garden-{number}/wet" for number in range(8)}
    assert {decision(need).rule for need in due.values()} == {Rule.INTERVAL}
    assert due["rule_interval/garden-0/wet"].deadline == PLANNING + timedelta(hours=12)


def test_a_stream_that_only_another_shift_carries_waits_for_it_and_one_that_none_carries_is_reported(
    engine: Engine, worker: Worker
) -> None:
    with transaction(engine) as session:
        session.exec(update(Crew).where(col(Crew.id) == "garden-truck-1-morning").values(active=False))
        session.add(
            Bin(id="garden-6-hz", point_id="garden-6", stream=Stream.HAZARDOUS, usable_volume_l=60, depth_cm=50)
        )
    know(engine, 0.97, "garden-1-wet", "garden-1-dry", "garden-6-hz", rate_per_h=0.03)
    worker.step()
    found = needs(engine)
    wet = found["overflow_risk/garden-1-wet"]
    assert (wet.action, decision(wet).rule) == (NeedAction.WAIT, Rule.OTHER_SHIFT)
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
        shown = read_proposal(session, proposal.id)
    left = shown.reasons["garden-6/hazardous"]
    assert left.standing is Standing.LEFT_OUT
    assert left.unserved is not None
    assert left.unserved.reason == "no_truck_for_stream"
    assert "garden-1/wet" not in shown.reasons
    assert [note.code for note in shown.summary.notes] == ["no_truck_for_stream", "no_facility_for_stream"]
    assert shown.summary.notes[0].say("en") == "No truck of this shift takes hazardous waste; 1 stops need it."
    assert "有害垃圾" in shown.summary.notes[0].say("zh")
    assert shown.summary.left_out_required == 1
    assert shown.summary.riskiest_left_out_stop == "garden-6/hazardous"


def test_what_is_closed_open_at_other_times_or_off_the_streets_is_left_out_with_the_reason(
    engine: Engine, worker: Worker
) -> None:
    with transaction(engine) as session:
        session.add(
            Closure(kind=ClosureKind.POINT, subject_id="garden-1", starts_at=PLANNING - DAY, ends_at=PLANNING + 3 * DAY)
        )
        for point_id, changes in {
            "garden-2": {"hours": "17:00-20:00"},
            "garden-3": {"lon": 120.0},
            "garden-4": {"hours": "09:00-10:00"},
        }.items():
            session.exec(update(CollectionPoint).where(col(CollectionPoint.id) == point_id).values(**changes))
    know(engine, 0.97, *bins_of("garden", Stream.DRY)[1:6], rate_per_h=0.03)
    worker.step()
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
        shown = read_proposal(session, proposal.id)
    assert {stop_id: reason.excluded for stop_id, reason in shown.reasons.items()} == {
        "garden-1/dry": Exclusion.POINT_CLOSED,
        "garden-2/dry": Exclusion.WINDOW_OUTSIDE_SHIFT,
        "garden-3/dry": Exclusion.OFF_NETWORK,
        "garden-4/dry": None,
        "garden-5/dry": None,
    }
    (begins,) = [
        visit.start_s for route in shown.plan.routes for visit in route.visits if visit.subject_id == "garden-4/dry"
    ]
    assert 9 * 3600 <= begins < 10 * 3600
    closed = needs(engine)["overflow_risk/garden-1-dry"]
    with reading(engine) as session:
        said = rule_sentence(decision(closed).rule, decision(closed).numbers, "en", zone_of(session))
    assert said == "Waits: the point is closed until 03-06 04:00."


def test_a_closed_road_a_closed_facility_and_a_truck_without_a_crew_are_not_used(
    engine: Engine, worker: Worker
) -> None:
    know(engine, 0.97, "garden-0-dry", "garden-5-dry", rate_per_h=0.03)
    with transaction(engine) as session:
        session.exec(update(Truck).where(col(Truck.id) == "garden-truck-2").values(active=False))
        # The street in front of point 0, and the transfer station for the last hours of the shift.
        session.add(Closure(kind=ClosureKind.ROAD, subject_id="6", starts_at=PLANNING))
        session.add(Closure(kind=ClosureKind.FACILITY, subject_id="transfer", starts_at=PLANNING + timedelta(hours=3)))
    worker.step()
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
        plan = read_proposal(session, proposal.id).plan
    assert [route.truck_id for route in plan.routes] == ["garden-truck-1"]
    unloads = [visit for route in plan.routes for visit in route.visits if visit.subject_id == "transfer"]
    assert unloads
    assert max(visit.start_s for visit in unloads) <= 7 * 3600


def test_stops_that_must_be_served_and_are_all_off_the_streets_are_a_failure_and_not_a_quiet_shift(
    engine: Engine, worker: Worker
) -> None:
    with transaction(engine) as session:
        session.exec(update(CollectionPoint).where(col(CollectionPoint.id) == "garden-3").values(lon=120.0))
    know(engine, 0.97, "garden-3-dry", rate_per_h=0.03)
    worker.step()
    with reading(engine) as session:
        cycle = session.exec(select(PlanningCycle).where(PlanningCycle.district_id == "garden")).one()
    assert (cycle.state, cycle.outcome) == (
        CycleState.FAILED, {"code": "all_off_network", "numbers": {"stops": 1, "stop_id": "garden-3/dry"}},
    )  # fmt: skip
