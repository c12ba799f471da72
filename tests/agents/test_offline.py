"""The agents open no connection of their own, even where the environment asks LangChain's libraries to trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import sys
reached = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        reached.append((event, arguments[1:] if event == "socket.connect" else arguments[:2]))
sys.addaudithook(watch)

from agents.worker import Worker
from city.clock import ManualClock
from city.database import open_engine, reading
from city.settings import Settings
from agents.proposals import list_proposals
from agents.review import approve
from tests.agents.conftest import Inserting
from tests.agents.town import PLANNING, know

engine = open_engine(sys.argv[1])
know(engine, 0.97, "garden-1-dry", rate_per_h=0.03)
clock = ManualClock(PLANNING)
with Worker(engine, clock, Settings(), machine=clock, solvers=Inserting(1)) as worker:
    worker.step()
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
    approve(engine, clock, proposal_id=proposal.id, version=1, actor="ann")
    worker.step()

from langchain_core.tracers.langchain import wait_for_all_tracers
from langsmith.utils import tracing_is_enabled
wait_for_all_tracers()
assert not tracing_is_enabled()
assert reached == [], reached
"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_whole_cycle_opens_no_connection_although_the_environment_asks_for_tracing(database: str) -> None:
    asked = {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_TRACING_V2": "true",
        "LANGCHAIN_TRACING_V2": "true",
        "LANGSMITH_API_KEY": "lsv2_pt_not_a_key",
        "LANGSMITH_ENDPOINT": "http://127.0.0.1:9",
        "LANGCHAIN_ENDPOINT": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, database],
        cwd=ROOT,
        env=os.environ | asked | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
