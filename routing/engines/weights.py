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

    Where nothing has a price, time has: a plan must not wander for free.

    Attributes
    ----------
    per_cent
        Units of one cent.
    per_m, per_s
        Units by metre and second, by truck id.
    required
        Units for leaving a required stop out: more than any truck's whole shift and all prizes together.
    """

    per_cent: int
    per_m: dict[str, int]
    per_s: dict[str, int]
    required: int

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Derive the smallest whole numbers that price everything exactly."""
        if not any(truck.cents_per_km or truck.cents_per_h for truck in problem.trucks):
            per_m, per_s = ({truck.id: weight for truck in problem.trucks} for weight in (0, 1))
            per_cent = 1
        else:
            per_m = {truck.id: truck.cents_per_km * UNITS_PER_M for truck in problem.trucks}
            per_s = {truck.id: truck.cents_per_h * UNITS_PER_S for truck in problem.trucks}
            factor = gcd(UNITS_PER_CENT, *per_m.values(), *per_s.values())
            per_cent = UNITS_PER_CENT // factor
            per_m = {truck_id: weight // factor for truck_id, weight in per_m.items()}
            per_s = {truck_id: weight // factor for truck_id, weight in per_s.items()}
        dearest_shift = max(
            (
                truck.fixed_cents * per_cent
                + truck.max_duration_s * (per_s[truck.id] + MAX_SPEED_M_S * per_m[truck.id])
                for truck in problem.trucks
            ),
            default=0,
        )
        prizes = sum(stop.prize_cents for stop in problem.stops) * per_cent
        return cls(per_cent, per_m, per_s, dearest_shift + prizes + 1)

    def fixed(self, truck: Truck) -> int:
        """Units for using a truck at all."""
        return truck.fixed_cents * self.per_cent

    def prize(self, problem: Problem, stop: Stop) -> int:
        """Units for leaving a stop out."""
        return self.required if problem.must_serve(stop) else stop.prize_cents * self.per_cent
