"""What people saw, in the order of time."""

from alembic import op


revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_index(op.f('ix_observation_at'), 'observation', ['at'], unique=False)


def downgrade() -> None:
    """Take the step back."""
    op.drop_index(op.f('ix_observation_at'), 'observation')
