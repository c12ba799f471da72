"""How much memory the demo takes, over all its processes, while proposals are made and approved.

    .venv/bin/python benchmarks/demo_memory.py [--points 600] [--districts 4] [--minutes 3] [--speed 60]

Starts the demo in a fresh directory, approves whatever waits, and adds up the proportional set size (PSS) of the
process tree twice a second. Prints JSON: the peak, and what each process held then.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
EVERY_S = 0.5


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [below for child in children.read_text().split() for below in tree(int(child))]
        except OSError:
            continue
    return found


def kib(pid: int, field: str) -> int:
    """Return one field of a process's ``smaps_rollup`` in KiB; 0 if the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def approve_all(address: str, code: str, stop: threading.Event) -> None:
    """Approve every proposal that waits, as an operator would."""
    with httpx.Client(base_url=f"{address}/api/v1", timeout=30) as client:
        token = client.post("/sign-in", json={"code": code}).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        while not stop.wait(2.0):
            for waiting in client.get("/proposals", params={"state": "pending"}).raise_for_status().json()["items"]:
                client.post(
                    f"/proposals/{waiting['id']}/approve", headers={"If-Match": f'"{waiting["version"]}"'}, json={}
                )


def main() -> None:
    """Run the demo, watch it, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=600)
    parser.add_argument("--districts", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--speed", type=float, default=60.0)
    given = parser.parse_args()
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as directory:
        demo = subprocess.Popen(
            [
                sys.executable, "-m", "api.cli", "demo", "--json", "--port", "0", "--data-dir", directory,
                "--points", str(given.points), "--districts", str(given.districts), "--speed", str(given.speed),
            ],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert demo.stdout is not None
        events = (json.loads(line) for line in demo.stdout)
        peak: dict[str, object] = {"pss_mib": 0.0}
        watching = threading.Thread(target=watch, args=(demo.pid, peak, stop))
        watching.start()
        ready = next(event for event in events if event["event"] == "ready")
        operator = threading.Thread(target=approve_all, args=(ready["address"], ready["code"], stop))
        operator.start()
        threading.Thread(target=lambda: [None for _ in events], daemon=True).start()
        time.sleep(given.minutes * 60)
        stop.set()
        operator.join()
        watching.join()
        begun = time.monotonic()
        demo.send_signal(signal.SIGTERM)
        code = demo.wait(30)
    print(
        json.dumps(
            {**vars(given), "peak": peak, "exit_code": code, "stopped_in_s": round(time.monotonic() - begun, 2)},
            indent=2,
        )
    )


def watch(pid: int, peak: dict[str, object], stop: threading.Event) -> None:
    """Keep the highest sum of the tree's PSS, and what made it up."""
    begun = time.monotonic()
    while not stop.wait(EVERY_S):
        held = {each: kib(each, "Pss") / 1024 for each in tree(pid)}
        if sum(held.values()) > float(str(peak["pss_mib"])):
            peak.update(
                pss_mib=round(sum(held.values()), 1),
                rss_mib=round(sum(kib(each, "Rss") for each in held) / 1024, 1),
                after_s=round(time.monotonic() - begun, 1),
                processes=sorted((round(each, 1) for each in held.values()), reverse=True),
            )


if __name__ == "__main__":
    main()
