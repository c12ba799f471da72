"""Work orders, one open for each object and cause."""

import sqlalchemy as sa
from alembic import op


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

UNFINISHED = sa.text('ended_at IS NULL')


def upgrade() -> None:
    """Apply the step."""
    op.create_table('work_order',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('cause', sa.String(), nullable=False),
    sa.Column('district_id', sa.String(), nullable=True),
    sa.Column('point_id', sa.String(), nullable=True),
    sa.Column('bin_id', sa.String(), nullable=True),
    sa.Column('device_id', sa.String(), nullable=True),
    sa.Column('state', sa.String(length=32), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('assigned_to', sa.String(), nullable=True),
    sa.Column('recovered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', sa.String(), nullable=True),
    sa.Column('note', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['bin_id'], ['bin.id'], ),
    sa.ForeignKeyConstraint(['device_id'], ['device.id'], ),
    sa.ForeignKeyConstraint(['district_id'], ['district.id'], ),
    sa.ForeignKeyConstraint(['point_id'], ['collection_point.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_work_order_device_id', 'work_order', ['device_id'], unique=False)
    op.create_index('ix_work_order_district_id', 'work_order', ['district_id'], unique=False)
    op.create_index('ix_work_order_opened_at', 'work_order', ['opened_at', 'id'], unique=False)
    op.create_index('uq_work_order_unfinished', 'work_order', ['kind', 'subject', 'cause'], unique=True, sqlite_where=UNFINISHED, postgresql_where=UNFINISHED)


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('work_order')
