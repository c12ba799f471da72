"""Devices that say the same for too long."""

import sqlalchemy as sa
from alembic import op


revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        'still_device',
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('distance_cm', sa.Float(), nullable=False),
        sa.Column('since', sa.DateTime(timezone=True), nullable=False),
        sa.Column('verdict', sa.String(length=32), nullable=False),
        sa.Column('reason', sa.String(), nullable=False),
        sa.Column('numbers', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.PrimaryKeyConstraint('device_id'),
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('still_device')
