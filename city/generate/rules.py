"""What the generated city knows and demands of each stream, and when its crews work."""

from city.registry import Shift, StreamRule
from city.streams import Stream

HOUR_S = 3600

# Weight of a litre as it lies in the bin. Dry and recyclable: U.S. EPA, Volume-to-Weight Conversion Factors (2016), 138
# pounds a cubic yard of trash and 111 of mixed recyclables, both loose. Wet: Chen et al., Acta Scientiae Circumstantiae
# 38 (2018) 1064, 250 kg a cubic metre where Ningbo's separately collected kitchen waste arrives. Hazardous: nobody
# publishes the mix of lamps (about 0.1), medicine and batteries (1.35, Scottish Environment Protection Agency); 0.3 is
# assumed.
DENSITY_KG_PER_L = {Stream.DRY: 0.082, Stream.WET: 0.25, Stream.RECYCLABLE: 0.066, Stream.HAZARDOUS: 0.3}
# Wet waste leaves every day, by Shanghai's rules; hazardous waste when there is enough, and every month at the latest.
LONGEST_INTERVAL_H = {Stream.DRY: 48.0, Stream.WET: 24.0, Stream.RECYCLABLE: 7 * 24.0, Stream.HAZARDOUS: 30 * 24.0}


def stream_rules() -> list[StreamRule]:
    """Return the rule of every stream."""
    return [
        StreamRule(stream=stream, density_kg_per_l=DENSITY_KG_PER_L[stream], max_interval_h=LONGEST_INTERVAL_H[stream])
        for stream in Stream
    ]


def shifts() -> list[Shift]:
    """Return the two shifts, morning and evening, the same in every district."""
    return [
        Shift(id="morning", name="Morning", name_zh="早班", hours="06:00-14:00", max_duration_s=8 * HOUR_S),
        Shift(id="evening", name="Evening", name_zh="晚班", hours="16:00-23:00", max_duration_s=7 * HOUR_S),
    ]
