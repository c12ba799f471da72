"""Conditional requests: a change names, in ``If-Match``, the ETag of what the caller saw."""

import re
from typing import Annotated, Any

from fastapi import Header

from api.problems import Refusal

# W/ is accepted: a proxy that compresses weakens every tag that passes, and ours name a version, not bytes.
_TAG = re.compile(r'(?:W/)?"([^"]*)"')

# No version has more digits, and no database takes more.
_VERSION = re.compile(r"([0-9]{1,9})\.")

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="the ETag of what you read; required", examples=['"3.pending.en"']),
]


def with_etag(status: int) -> dict[int | str, dict[str, Any]]:
    """Document, for OpenAPI, that an answer carries an ETag."""
    header = {"description": "send it as `If-Match` with a change", "schema": {"type": "string"}, "required": True}
    return {status: {"headers": {"ETag": header}}}


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


def seen_version(if_match: str | None, current: int) -> int:
    """Return the version that a change of a proposal is about: the current one if the caller names it at all.

    The state in the tag is not compared: of a decision that came too late, the agents say who decided what, and they
    answer a repeated request like the first.

    Raises
    ------
    Refusal
        ``read-first`` if no tag is named, ``changed-since-read`` if none is one of a proposal.
    """
    versions = [int(found[1]) for found in map(_VERSION.match, named_tags(if_match)) if found]
    if not versions:
        raise Refusal("changed-since-read")
    return current if current in versions else versions[0]
