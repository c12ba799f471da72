"""What came in on each day, and by how much special days differ."""

import sqlalchemy as sa
from alembic import op


revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        'day_gain',
        sa.Column('district_id', sa.String(), nullable=False),
        sa.Column('stream', sa.String(length=32), nullable=False),
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('gained', sa.Float(), nullable=False),
        sa.Column('expected', sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(['district_id'], ['district.id']),
        sa.PrimaryKeyConstraint('district_id', 'stream', 'day'),
    )
    op.create_table(
        'day_effect',
        sa.Column('district_id', sa.String(), nullable=False),
        sa.Column('stream', sa.String(length=32), nullable=False),
        sa.Column('kind', sa.String(length=32), nullable=False),
        sa.Column('effect', sa.Float(), nullable=False),
        sa.Column('sigma', sa.Float(), nullable=False),
        sa.Column('days', sa.Float(), nullable=False),
        sa.Column('share', sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint('district_id', 'stream', 'kind'),
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('day_effect')
    op.drop_table('day_gain')
