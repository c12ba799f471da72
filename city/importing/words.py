"""Words that files use where the registry has one of its own: Chinese and English names of streams and kinds."""

import re
from collections.abc import Mapping

from city.hours import format_hours, parse_hours
from city.marks import canonical_tag, canonical_terminal
from city.registry import ClosureKind, DayKind, FacilityKind, PointKind
from city.shapes import canonical_shape
from city.streams import Stream, format_streams, parse_streams

# National and Shanghai's names, and what the streams are called elsewhere.
STREAMS: Mapping[str, Stream] = {
    **dict.fromkeys(("干垃圾", "其他垃圾", "residual", "general"), Stream.DRY),
    **dict.fromkeys(("湿垃圾", "厨余垃圾", "餐厨垃圾", "kitchen", "food", "organic"), Stream.WET),
    **dict.fromkeys(("可回收物", "可回收", "recycling", "recyclables"), Stream.RECYCLABLE),
    "有害垃圾": Stream.HAZARDOUS,
}

KINDS: Mapping[str, Mapping[str, str]] = {
    "points": {
        **dict.fromkeys(("垃圾房", "垃圾箱房", "投放点", "bin room"), PointKind.BIN_ROOM),
        **dict.fromkeys(("垃圾亭", "bin isle"), PointKind.ISLE),
        **dict.fromkeys(("废物箱", "果皮箱", "litter bin", "street bin"), PointKind.STREET),
    },
    "facilities": {
        **dict.fromkeys(("停车场", "车场"), FacilityKind.DEPOT),
        **dict.fromkeys(("中转站", "转运站", "transfer station"), FacilityKind.TRANSFER_STATION),
        **dict.fromkeys(("处置厂", "焚烧厂", "填埋场", "disposal plant"), FacilityKind.PLANT),
    },
    "closures": {
        "道路": ClosureKind.ROAD,
        "收集点": ClosureKind.POINT,
        "设施": ClosureKind.FACILITY,
        "车辆": ClosureKind.TRUCK,
    },
    "calendar_days": {
        **dict.fromkeys(("节假日", "法定节假日", "public holiday"), DayKind.HOLIDAY),
        **dict.fromkeys(("学校假期", "寒暑假", "school holiday"), DayKind.SCHOOL_HOLIDAY),
        **dict.fromkeys(("集市", "赶集", "market day"), DayKind.MARKET),
        **dict.fromkeys(("节庆", "庆典"), DayKind.FESTIVAL),
        "活动": DayKind.EVENT,
        "雨": DayKind.RAIN,
        "高温": DayKind.HOT,
        "霜冻": DayKind.FROST,
    },
}

# Columns with one way of writing; a text that cannot be read raises ValueError.
CANONICAL = {"tag": canonical_tag, "terminal": canonical_terminal, "shape": canonical_shape}

YES_NO = {"是": "true", "否": "false"}
ALWAYS = ("24/7", "24h", "全天", "always")

_COMMAS = re.compile(r"\s*[,;、，；|]\s*")
_DASHES = re.compile(r"\s*[-–—~～至]\s*")


def canonical_word(table: str, column: str, text: str) -> str:
    """Return the registry's own word for a cell's text; the text itself where there is none to put in its place."""
    if column == "stream":
        return STREAMS.get(text.lower(), text.lower())
    if column == "kind":
        return KINDS[table].get(text.lower(), text.lower())
    if column in CANONICAL:
        return CANONICAL[column](text)
    return YES_NO.get(text, text)


def canonical_streams(text: str) -> str:
    """Return a list of streams in the registry's form.

    Raises
    ------
    ValueError
        If one is unknown.
    """
    names = (name for name in _COMMAS.split(text.strip()) if name)
    return format_streams(parse_streams(",".join(STREAMS.get(name.lower(), name) for name in names)))


def canonical_hours(text: str) -> str:
    """Return hours in the registry's form; Chinese punctuation and long dashes are read too.

    Raises
    ------
    ValueError
        If they cannot be read.
    """
    if text.strip().lower() in ALWAYS:
        return ""
    plain = _DASHES.sub("-", _COMMAS.sub(",", text.replace("：", ":")))
    return format_hours(parse_hours(plain))
