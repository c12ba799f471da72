"""What the engines minimise: the plan's cost as whole numbers, with required stops above everything else."""

from dataclasses import dataclass
from math import gcd
from typing import Self

from routing.problem import Problem, Stop, Truck

# A cent by the kilometre is 18 of these units by the metre, a cent by the hour 5 by the second.
UNITS_PER_CENT = 18_000
UNITS_PER_M = 18
UNITS_PER_S = 5

# No truck is faster; bounds what a shift can cost.
MAX_SPEED_M_S = 40


@dataclass(frozen=True, slots=True)
class Weights:
    """Whole-number costs for an engine, exact up to the common factor `per_cent`.

    Where nothing has a price, time has, less than a cent in all: a plan must not wander for free.

    Attributes
    ----------
    per_cent
        Units of one cent.
    per_m, per_s, per_overtime_s
        Units by metre, second and second of overtime, by truck id.
    balance_per_s, compactness_per_m, change
        Units of the problem's preferences.
    required
        Units for leaving an ordinary required stop out: more than any truck's whole shift and all prizes together.
    """

    per_cent: int
    per_m: dict[str, int]
    per_s: dict[str, int]
    per_overtime_s: dict[str, int]
    balance_per_s: int
    compactness_per_m: int
    change: int
    required: int

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Derive the smallest whole numbers that price everything exactly."""
        trucks, wishes = problem.trucks, problem.preferences
        by_m = {truck.id: truck.cents_per_km * UNITS_PER_M for truck in trucks}
        by_s = {truck.id: truck.cents_per_h * UNITS_PER_S for truck in trucks}
        scale = 1
        if not any(by_m.values()) and not any(by_s.values()):
            by_s = dict.fromkeys(by_s, 1)
            scale += sum(truck.longest_s for truck in trucks) // UNITS_PER_CENT
        overtime = {truck.id: truck.overtime_cents_per_h * UNITS_PER_S * scale for truck in trucks}
        balance = wishes.balance_cents_per_h * UNITS_PER_S * scale
        compactness = wishes.compactness_cents_per_km * UNITS_PER_M * scale
        cent = UNITS_PER_CENT * scale
        factor = gcd(cent, balance, compactness, *by_m.values(), *by_s.values(), *overtime.values())
        per_cent = cent // factor
        per_m, per_s, per_overtime_s = (
            {truck_id: weight // factor for truck_id, weight in weights.items()} for weights in (by_m, by_s, overtime)
        )
        change = wishes.change_cents * per_cent
        dearest_shift = max(
            (
                truck.fixed_cents * per_cent
                + truck.longest_s * (per_s[truck.id] + per_overtime_s[truck.id] + MAX_SPEED_M_S * per_m[truck.id])
                for truck in trucks
            ),
            default=0,
        )
        prizes = sum(stop.prize_cents for stop in problem.stops) * per_cent
        required = dearest_shift + prizes + change * len(wishes.in_force) + 1
        return cls(per_cent, per_m, per_s, per_overtime_s, balance // factor, compactness // factor, change, required)

    def fixed(self, truck: Truck) -> int:
        """Units for using a truck at all; one that has begun is used already."""
        return 0 if truck.begun else truck.fixed_cents * self.per_cent

    def prize(self, problem: Problem, stop: Stop) -> int:
        """Units for leaving a stop out."""
        if problem.must_serve(stop):
            return self.required * max(1, stop.priority)
        return stop.prize_cents * self.per_cent
