"""How bins widen, when they were emptied, which must be looked at again, and what their sensors read when empty."""

import sqlalchemy as sa
from alembic import op


revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.add_column('bin', sa.Column('shape', sa.String(), nullable=False, server_default='box'))
    op.create_table(
        'emptying',
        sa.Column('bin_id', sa.String(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('earliest', sa.DateTime(timezone=True), nullable=False),
        sa.Column('latest', sa.DateTime(timezone=True), nullable=False),
        sa.Column('confidence', sa.Float(), nullable=False),
        sa.Column('sources', sa.JSON(), nullable=False),
        sa.Column('level_before', sa.Float(), nullable=True),
        sa.Column('level_after', sa.Float(), nullable=True),
        sa.Column('found_level', sa.Float(), nullable=True),
        sa.Column('conflicted', sa.Boolean(), nullable=False),
        sa.Column('conflicts', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['bin_id'], ['bin.id']),
        sa.PrimaryKeyConstraint('bin_id', 'at'),
    )
    op.create_index('ix_emptying_at', 'emptying', ['at'], unique=False)
    op.create_table(
        'stirred_bin',
        sa.Column('bin_id', sa.String(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('latest', sa.DateTime(timezone=True), nullable=False),
        sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['bin_id'], ['bin.id']),
        sa.PrimaryKeyConstraint('bin_id'),
    )
    op.create_index(op.f('ix_stirred_bin_due_at'), 'stirred_bin', ['due_at'], unique=False)
    op.create_table(
        'calibration',
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('bin_id', sa.String(), nullable=False),
        sa.Column('mounting_height_cm', sa.Integer(), nullable=False),
        sa.Column('empty_cm', sa.Float(), nullable=True),
        sa.Column('before_cm', sa.Float(), nullable=True),
        sa.Column('since', sa.DateTime(timezone=True), nullable=False),
        sa.Column('drifted', sa.Boolean(), nullable=False),
        sa.Column('empties', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['bin_id'], ['bin.id']),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.PrimaryKeyConstraint('device_id'),
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('calibration')
    op.drop_index(op.f('ix_stirred_bin_due_at'), 'stirred_bin')
    op.drop_table('stirred_bin')
    op.drop_index('ix_emptying_at', 'emptying')
    op.drop_table('emptying')
    op.drop_column('bin', 'shape')
