"""A killed process forgets nothing that waits, and what is approved eight times at once goes out once."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
GIVE_UP_S = 120
CITY = ("--points", "20", "--districts", "1", "--speed", "20")


class Demo:
    """A demo in a process of its own, told to speak JSON."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "demo", "--json", "--port", "0", "--data-dir", directory, *CITY],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "DUSTCART_SOLVE_SECONDS": "1", "DUSTCART_CORES": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, event: str) -> dict[str, Any]:
        """Read on until something has happened."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == event:
                return said
        raise AssertionError(f"the demo ended with code {self.process.wait()} before {event}")


@contextmanager
def running(directory: Path) -> Iterator[Demo]:
    """Run a demo; it is killed at the end if it still runs, and when nothing is to be expected of it any more."""
    demo = Demo(directory)
    watch = threading.Timer(GIVE_UP_S, demo.process.kill)
    with demo.process:
        watch.start()
        try:
            yield demo
        finally:
            watch.cancel()
            demo.process.kill()


@contextmanager
def signed_in(ready: dict[str, Any]) -> Iterator[httpx.Client]:
    """Sign in with the one-time code the demo gave."""
    with httpx.Client(base_url=f"{ready['address']}/api/v1", timeout=30) as client:
        token = client.post("/sign-in", json={"code": ready["code"]}).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_a_killed_demo_finds_its_proposal_waiting_and_sends_it_out_once(tmp_path: Path) -> None:
    with running(tmp_path) as killed:
        with signed_in(killed.wait_for("ready")) as person:
            proposal_id = killed.wait_for("proposal_pending")["proposal_id"]
            before = person.get(f"/proposals/{proposal_id}").raise_for_status()
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait()

    with running(tmp_path) as demo:
        ready = demo.wait_for("ready")
        assert demo.wait_for("proposal_pending")["proposal_id"] == proposal_id
        with signed_in(ready) as person:
            found = person.get(f"/proposals/{proposal_id}").raise_for_status()
            assert found.headers["ETag"] == before.headers["ETag"]
            assert found.json() == before.json()

            def approve(_number: int) -> int:
                tag = {"If-Match": found.headers["ETag"]}
                return person.post(f"/proposals/{proposal_id}/approve", headers=tag).status_code

            with ThreadPoolExecutor(8) as eight:
                assert set(eight.map(approve, range(8))) == {200}
            published = demo.wait_for("proposal_published")
            dispatches = person.get("/dispatches", params={"proposal": proposal_id}).raise_for_status().json()["items"]
            trucks = [dispatch["truck_id"] for dispatch in dispatches]
            assert sorted(trucks) == sorted(route["truck_id"] for route in found.json()["routes"])
            assert published["dispatches"] == len(trucks) > 0
        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait() == 0
