"""A calendar of special days, and the weather."""

import sqlalchemy as sa
from alembic import op


revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        'calendar_day',
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('kind', sa.String(length=32), nullable=False),
        sa.Column('district_id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('active', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint('day', 'kind', 'district_id'),
    )
    op.create_table(
        'weather_day',
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('district_id', sa.String(), nullable=False),
        sa.Column('rain_mm', sa.Float(), nullable=True),
        sa.Column('mean_c', sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint('day', 'district_id'),
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('weather_day')
    op.drop_table('calendar_day')
