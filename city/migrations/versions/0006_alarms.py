"""Alarms, one open for each kind and object."""

import sqlalchemy as sa
from alembic import op


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

STANDING = sa.text('gone_at IS NULL')


def upgrade() -> None:
    """Apply the step."""
    op.create_table('alarm',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('severity', sa.String(length=32), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('district_id', sa.String(), nullable=True),
    sa.Column('point_id', sa.String(), nullable=True),
    sa.Column('bin_id', sa.String(), nullable=True),
    sa.Column('device_id', sa.String(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('raised_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_by', sa.String(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_by', sa.String(), nullable=True),
    sa.Column('close_reason', sa.String(), nullable=False),
    sa.Column('gone_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('gone_at IS NULL OR closed_at IS NOT NULL', name='gone_is_closed'),
    sa.ForeignKeyConstraint(['bin_id'], ['bin.id'], ),
    sa.ForeignKeyConstraint(['device_id'], ['device.id'], ),
    sa.ForeignKeyConstraint(['district_id'], ['district.id'], ),
    sa.ForeignKeyConstraint(['point_id'], ['collection_point.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_alarm_district_id', 'alarm', ['district_id'], unique=False)
    op.create_index('ix_alarm_raised_at', 'alarm', ['raised_at', 'id'], unique=False)
    op.create_index('ix_alarm_standing_bin', 'alarm', ['bin_id'], unique=False, sqlite_where=STANDING, postgresql_where=STANDING)
    op.create_index('ix_alarm_standing_device', 'alarm', ['device_id'], unique=False, sqlite_where=STANDING, postgresql_where=STANDING)
    op.create_index('uq_alarm_standing', 'alarm', ['kind', 'subject'], unique=True, sqlite_where=STANDING, postgresql_where=STANDING)


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('alarm')
