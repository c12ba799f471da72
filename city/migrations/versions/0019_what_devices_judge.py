"""What devices judge themselves: fire, and a battery that is low."""

import sqlalchemy as sa
from alembic import op


revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.add_column('reading', sa.Column('fire', sa.Boolean(), nullable=True))
    op.add_column('reading', sa.Column('battery_low', sa.Boolean(), nullable=True))
    op.add_column('device_day', sa.Column('battery_low', sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Take the step back."""
    op.drop_column('device_day', 'battery_low')
    op.drop_column('reading', 'battery_low')
    op.drop_column('reading', 'fire')
