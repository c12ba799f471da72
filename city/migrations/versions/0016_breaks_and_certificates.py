"""Breaks and overtime of shifts, and what crews are certified for."""

import sqlalchemy as sa
from alembic import op


revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.add_column('streamrule', sa.Column('certificate', sa.String(), nullable=False, server_default=''))
    op.add_column('truck', sa.Column('overtime_cost_per_h', sa.Float(), nullable=False, server_default='0'))
    op.add_column('shift', sa.Column('max_overtime_s', sa.Integer(), nullable=False, server_default='0'))
    op.add_column('shift', sa.Column('break_hours', sa.String(), nullable=False, server_default=''))
    op.add_column('shift', sa.Column('break_s', sa.Integer(), nullable=False, server_default='1800'))
    op.add_column('crew', sa.Column('certificates', sa.String(), nullable=False, server_default=''))


def downgrade() -> None:
    """Take the step back."""
    op.drop_column('crew', 'certificates')
    for column in ('break_s', 'break_hours', 'max_overtime_s'):
        op.drop_column('shift', column)
    op.drop_column('truck', 'overtime_cost_per_h')
    op.drop_column('streamrule', 'certificate')
