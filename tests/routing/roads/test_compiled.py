"""Compiled functions: kept between runs where that can be written, and never older than what they are made of."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

INNER = "from routing.compiled import compiled\n\n@compiled\ndef inner(x):\n    return x + {term}\n"
OUTER = (
    "from inner import inner\nfrom routing.compiled import compiled\n\n@compiled\ndef outer(x):\n    return inner(x)\n"
)
CALL = "from outer import outer; print(outer(1), *outer.stats.cache_hits.values())"


def call(folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "inner.py").write_text(INNER.format(term=1))
    (folder / "outer.py").write_text(OUTER)
    return folder


def test_a_function_is_compiled_once_and_again_when_one_that_it_calls_changes(sources: Path, tmp_path: Path) -> None:
    kept = {"NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    assert call(sources, **kept) == "2"
    assert call(sources, **kept) == "2 1"
    (sources / "inner.py").write_text(INNER.format(term=100))
    assert call(sources, **kept) == "101"


def test_where_nothing_can_be_kept_it_runs_all_the_same(sources: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    (sources / "__pycache__").write_text("")
    places = {"HOME": str(nowhere), "XDG_CACHE_HOME": str(nowhere), "NUMBA_CACHE_DIR": ""}
    assert call(sources, **places) == "2"
