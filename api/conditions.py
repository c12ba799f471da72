"""Conditional requests: a change names, in ``If-Match``, the ETag of what the caller saw."""

import re
from typing import Annotated

from fastapi import Header

from api.problems import Refusal

# W/ is accepted: a proxy that compresses weakens every tag that passes, and ours name a version, not bytes.
_TAG = re.compile(r'(?:W/)?"([^"]*)"')

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="the ETag of what you read; required", examples=['"3.pending.en"']),
]


def named_tags(if_match: str | None) -> list[str]:
    """Return the tags that a change names.

    Raises
    ------
    Refusal
        ``read-first`` if there is none. ``*`` is none: nobody decides about what they have not read.
    """
    tags = _TAG.findall(if_match or "")
    if not tags:
        raise Refusal("read-first")
    return tags
