"""The day in motion: what happens during a shift, changes of the plan in force, versions of dispatches.

What an approval covers are all lines of a plan's cost from now on: the hashes of what waits are made anew.
"""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op


revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

LINES = ('fixed', 'distance', 'duration', 'prizes', 'overtime', 'balance', 'compactness', 'changes')


def upgrade() -> None:
    """Apply the step."""
    op.add_column('planning_cycle', sa.Column('kind', sa.String(length=32), nullable=False, server_default='plan'))
    op.add_column('proposal', sa.Column('kind', sa.String(length=32), nullable=False, server_default='plan'))
    op.add_column('proposal', sa.Column('base_id', sa.String(), nullable=True))
    op.add_column('proposal', sa.Column('closures', sa.JSON(), nullable=False, server_default='[]'))
    op.add_column('proposal_version', sa.Column('difference', sa.JSON(none_as_null=True), nullable=True))
    op.add_column('dispatch', sa.Column('version', sa.Integer(), nullable=False, server_default='1'))
    op.add_column('dispatch', sa.Column('changed_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('dispatch', sa.Column('changed_by', sa.String(), nullable=True))
    op.create_table('day_event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('district_id', sa.String(), nullable=False),
    sa.Column('service_date', sa.Date(), nullable=False),
    sa.Column('shift_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('subject_id', sa.String(), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('cause', sa.String(), nullable=False),
    sa.Column('happened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('noticed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.String(), nullable=False),
    sa.Column('cycle_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['cycle_id'], ['planning_cycle.id'], ),
    sa.ForeignKeyConstraint(['district_id'], ['district.id'], ),
    sa.ForeignKeyConstraint(['shift_id'], ['shift.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('cause')
    )
    op.create_index('ix_day_event_cycle_id', 'day_event', ['cycle_id'], unique=False)
    op.create_index('ix_day_event_district_id', 'day_event', ['district_id'], unique=False)
    op.create_index('ix_day_event_service_date', 'day_event', ['service_date'], unique=False)
    op.create_table('withdrawn_visit',
    sa.Column('dispatch_id', sa.String(), nullable=False),
    sa.Column('stop_id', sa.String(), nullable=False),
    sa.Column('point_id', sa.String(), nullable=False),
    sa.Column('stream', sa.String(length=32), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('change_id', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['change_id'], ['proposal.id'], ),
    sa.ForeignKeyConstraint(['dispatch_id'], ['dispatch.id'], ),
    sa.ForeignKeyConstraint(['point_id'], ['collection_point.id'], ),
    sa.PrimaryKeyConstraint('dispatch_id', 'stop_id')
    )
    _hash_anew()


def _hash_anew() -> None:
    connection = op.get_bind()
    proposal = sa.table('proposal', sa.column('id'), sa.column('state'), sa.column('version'), sa.column('decided_hash'))
    version = sa.table(
        'proposal_version',
        sa.column('proposal_id'), sa.column('version'), sa.column('plan', sa.JSON()), sa.column('material_hash'),
    )
    standing = sa.select(proposal.c.id).where(proposal.c.state.in_(('pending', 'approved')))
    rows = connection.execute(
        sa.select(version.c.proposal_id, version.c.version, version.c.plan).where(version.c.proposal_id.in_(standing))
    ).all()
    for row in rows:
        found = _material_hash(row.plan)
        connection.execute(
            version.update()
            .where(version.c.proposal_id == row.proposal_id, version.c.version == row.version)
            .values(material_hash=found)
        )
        connection.execute(
            proposal.update()
            .where(
                proposal.c.id == row.proposal_id, proposal.c.version == row.version, proposal.c.decided_hash.is_not(None)
            )
            .values(decided_hash=found)
        )


def _material_hash(plan: dict[str, Any]) -> str:
    material = {
        'routes': [
            [route['truck_id'], [[visit['kind'], visit['subject_id'], visit['start_s']] for visit in route['visits']]]
            for route in sorted(plan['routes'], key=lambda route: route['truck_id'])
        ],
        'unserved': sorted(left['stop_id'] for left in plan['unserved']),
        'cost': {f'{line}_cents': plan['cost'].get(f'{line}_cents', 0) for line in LINES},
    }
    return hashlib.sha256(json.dumps(material, separators=(',', ':')).encode()).hexdigest()


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('withdrawn_visit')
    op.drop_table('day_event')
    for table, columns in (
        ('dispatch', ('changed_by', 'changed_at', 'version')),
        ('proposal_version', ('difference',)),
        ('proposal', ('closures', 'base_id', 'kind')),
        ('planning_cycle', ('kind',)),
    ):
        for column in columns:
            op.drop_column(table, column)
