"""Positions and lifts of trucks, what people saw, and the marks that tie them to bins and trucks."""

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.add_column('bin', sa.Column('tag', sa.String(), nullable=False, server_default=''))
    op.create_index(op.f('ix_bin_tag'), 'bin', ['tag'], unique=False)
    op.add_column('truck', sa.Column('terminal', sa.String(), nullable=False, server_default=''))
    op.create_index(op.f('ix_truck_terminal'), 'truck', ['terminal'], unique=False)
    op.create_table(
        'truck_position',
        sa.Column('truck_id', sa.String(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('lon', sa.Float(), nullable=False),
        sa.Column('lat', sa.Float(), nullable=False),
        sa.Column('fixed', sa.Boolean(), nullable=False),
        sa.Column('speed_kmh', sa.Float(), nullable=True),
        sa.Column('heading_deg', sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(['truck_id'], ['truck.id']),
        sa.PrimaryKeyConstraint('truck_id', 'at'),
    )
    op.create_index(op.f('ix_truck_position_received_at'), 'truck_position', ['received_at'], unique=False)
    op.create_table(
        'lift',
        sa.Column('truck_id', sa.String(), nullable=False),
        sa.Column('lift_key', sa.String(), nullable=False),
        sa.Column('bin_id', sa.String(), nullable=True),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('tag', sa.String(), nullable=False),
        sa.Column('sequence', sa.BigInteger(), nullable=True),
        sa.Column('gross_kg', sa.Float(), nullable=True),
        sa.Column('tare_kg', sa.Float(), nullable=True),
        sa.Column('net_kg', sa.Float(), nullable=True),
        sa.Column('weight_kg', sa.Float(), nullable=True),
        sa.Column('lon', sa.Float(), nullable=True),
        sa.Column('lat', sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(['bin_id'], ['bin.id']),
        sa.ForeignKeyConstraint(['truck_id'], ['truck.id']),
        sa.PrimaryKeyConstraint('truck_id', 'lift_key'),
    )
    op.create_index(op.f('ix_lift_at'), 'lift', ['at'], unique=False)
    op.create_index(op.f('ix_lift_received_at'), 'lift', ['received_at'], unique=False)
    op.create_index('ix_lift_bin_id_at', 'lift', ['bin_id', 'at'], unique=False)
    op.create_table(
        'observation',
        sa.Column('bin_id', sa.String(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('observer', sa.String(), nullable=False),
        sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('seen', sa.String(length=32), nullable=False),
        sa.Column('note', sa.String(), nullable=False),
        sa.ForeignKeyConstraint(['bin_id'], ['bin.id']),
        sa.PrimaryKeyConstraint('bin_id', 'at', 'observer'),
    )
    op.create_index(op.f('ix_observation_received_at'), 'observation', ['received_at'], unique=False)


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('observation')
    op.drop_table('lift')
    op.drop_table('truck_position')
    op.drop_index(op.f('ix_truck_terminal'), 'truck')
    op.drop_column('truck', 'terminal')
    op.drop_index(op.f('ix_bin_tag'), 'bin')
    op.drop_column('bin', 'tag')
