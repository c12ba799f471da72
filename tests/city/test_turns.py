"""Turns: long work in many parts lets everybody else write in between."""

import threading
import time
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from city.database import open_engine, transaction, turn
from city.migrate import upgrade

WRITES, PART_S, MOST_PARTS = 10, 0.02, 100


def _write(session: Session) -> None:
    session.connection().execute(text("UPDATE city SET name = name"))


def test_others_get_in_between_the_parts_of_long_work(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'turns.sqlite'}")
    upgrade(engine)
    begun, stop = threading.Event(), threading.Event()
    parts = 0

    def work() -> None:
        nonlocal parts
        while not stop.is_set():
            with turn(engine) as session:
                _write(session)
                begun.set()
                time.sleep(PART_S)
            parts += 1

    working = threading.Thread(target=work)
    working.start()
    try:
        begun.wait()
        for _ in range(WRITES):
            with transaction(engine) as session:
                _write(session)
            time.sleep(PART_S)
    finally:
        stop.set()
        working.join()
    # Without turns a single write waits for hundreds of parts, or in vain.
    assert parts <= MOST_PARTS
    engine.dispose()
