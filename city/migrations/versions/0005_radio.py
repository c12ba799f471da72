"""What brought each frame, and how well it was heard."""

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.add_column('reading', sa.Column('platform', sa.String(), nullable=True))
    op.add_column('reading', sa.Column('gateway_id', sa.String(), nullable=True))
    op.add_column('reading', sa.Column('rssi_dbm', sa.Float(), nullable=True))
    op.add_column('reading', sa.Column('snr_db', sa.Float(), nullable=True))
    op.add_column('reading', sa.Column('spreading_factor', sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take the step back."""
    for name in ('spreading_factor', 'snr_db', 'rssi_dbm', 'gateway_id', 'platform'):
        op.drop_column('reading', name)
