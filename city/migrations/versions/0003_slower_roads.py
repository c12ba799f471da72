"""Roads that are slower for a while, beside those that are closed."""

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.add_column('closure', sa.Column('slower', sa.Float(), nullable=True))


def downgrade() -> None:
    """Take the step back."""
    op.drop_column('closure', 'slower')
