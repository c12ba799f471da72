"""A diary of each bin, what it waits for in the bin's state, and the same in the states of the last days."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

# Where the new value stands in a remembered state, from its end: before the source.
PLACE = -1

DAYS = sa.table('bin_day', sa.column('bin_id', sa.String()), sa.column('day', sa.Date()), sa.column('memory', sa.JSON()))


def upgrade() -> None:
    """Apply the step."""
    op.add_column('bin_state', sa.Column('recent', sa.String(), nullable=False, server_default=''))
    op.create_table(
        'bin_diary',
        sa.Column('bin_id', sa.String(), nullable=False),
        sa.Column('last_slot', sa.Integer(), nullable=False),
        sa.Column('pages', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['bin_id'], ['bin.id'], name=op.f('fk_bin_diary_bin_id_bin')),
        sa.PrimaryKeyConstraint('bin_id', name=op.f('pk_bin_diary')),
    )
    _rewrite(lambda memory: [*memory[:PLACE], '', *memory[PLACE:]])


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('bin_diary')
    with op.batch_alter_table('bin_state') as table:
        table.drop_column('recent')
    _rewrite(lambda memory: [*memory[: PLACE - 1], *memory[PLACE:]])


def _rewrite(change: Callable[[list[Any]], list[Any]]) -> None:
    connection = op.get_bind()
    for bin_id, day, memory in connection.execute(sa.select(DAYS.c.bin_id, DAYS.c.day, DAYS.c.memory)).all():
        connection.execute(
            sa.update(DAYS).where(DAYS.c.bin_id == bin_id, DAYS.c.day == day).values(memory=change(memory))
        )
