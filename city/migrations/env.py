"""Alembic's entry: runs the steps on the connection that `city.migrate` hands over."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context


def portable(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write columns of our own types as plain SQL types, so that old steps never depend on today's code."""
    if kind != "type":
        return False
    if isinstance(item, sa.types.TypeDecorator) and isinstance(item.impl_instance, sa.DateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, sa.Enum):
        return f"sa.String(length={item.length})"
    if isinstance(item, sa.types.TypeDecorator | sa.String):
        return "sa.String()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    render_item=portable,
)
with context.begin_transaction():
    context.run_migrations()
