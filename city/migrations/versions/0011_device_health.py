"""The days of each device, and how it does."""

import sqlalchemy as sa
from alembic import op


revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table('device_day',
    sa.Column('device_id', sa.String(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('verdicts', sa.JSON(), nullable=False),
    sa.Column('battery_percent', sa.Float(), nullable=True),
    sa.Column('temperature_c', sa.Float(), nullable=True),
    sa.Column('rssi_dbm', sa.Float(), nullable=True),
    sa.Column('snr_db', sa.Float(), nullable=True),
    sa.Column('spreading_factor', sa.Float(), nullable=True),
    sa.Column('visits', sa.Integer(), nullable=False),
    sa.Column('contradicted', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['device_id'], ['device.id'], ),
    sa.PrimaryKeyConstraint('device_id', 'day')
    )
    op.create_table('device_health',
    sa.Column('device_id', sa.String(), nullable=False),
    sa.Column('as_of', sa.Date(), nullable=False),
    sa.Column('judged_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('battery', sa.JSON(none_as_null=True), nullable=True),
    sa.ForeignKeyConstraint(['device_id'], ['device.id'], ),
    sa.PrimaryKeyConstraint('device_id')
    )
    op.create_index('ix_device_health_as_of', 'device_health', ['as_of'], unique=False)
    op.create_index('ix_device_health_score', 'device_health', ['score'], unique=False)


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('device_health')
    op.drop_table('device_day')
