"""What is known of each device's rhythm."""

import sqlalchemy as sa
from alembic import op


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table('device_state',
    sa.Column('device_id', sa.String(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('heard_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('interval_h', sa.Float(), nullable=False),
    sa.Column('platform', sa.String(), nullable=True),
    sa.Column('gateway_id', sa.String(), nullable=True),
    sa.Column('quiet', sa.Boolean(), nullable=False),
    sa.Column('outage_id', sa.Integer(), nullable=True),
    sa.Column('look_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['device_id'], ['device.id'], ),
    sa.ForeignKeyConstraint(['outage_id'], ['alarm.id'], ),
    sa.PrimaryKeyConstraint('device_id')
    )
    op.create_index('ix_device_state_look_at', 'device_state', ['look_at'], unique=False)
    op.create_index('ix_device_state_outage_id', 'device_state', ['outage_id'], unique=False)
    op.create_index('ix_device_state_quiet', 'device_state', ['quiet'], unique=False)


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('device_state')
