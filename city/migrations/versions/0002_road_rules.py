"""What holds on streets at certain hours or for some trucks only, and which trucks have a permit."""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.add_column('road_segment', sa.Column('rules', sa.String(), nullable=False, server_default=''))
    op.add_column('truck', sa.Column('road_permit', sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    """Take the step back."""
    op.drop_column('truck', 'road_permit')
    op.drop_column('road_segment', 'rules')
