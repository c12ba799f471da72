"""The launcher: sets itself up once, notices a stale or broken environment, and says what is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HELLO = 'import sys\nprint("hello", *sys.argv[1:])\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout whose program says hello and whose lock asks for no package, so that no index is needed."""
    root = tmp_path / "a checkout"
    (root / "requirements").mkdir(parents=True)
    (root / "api").mkdir()
    shutil.copy(ROOT / "dustcart", root / "dustcart")
    for lock in ("run", "dev"):
        (root / "requirements" / f"{lock}.txt").write_text("# nothing\n")
    (root / "api" / "__init__.py").write_text("")
    (root / "api" / "cli.py").write_text(HELLO)
    return root


def launch(root: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the launcher with an empty home."""
    home = root / "home"
    home.mkdir(exist_ok=True)
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(home), "DUSTCART_PYTHON": sys.executable} | environment
    return subprocess.run(
        [str(root / "dustcart"), *words], cwd=root, env=surroundings, capture_output=True, text=True, check=False
    )


def made_at(root: Path) -> int:
    """When the environment was made."""
    return (root / ".venv" / "pyvenv.cfg").stat().st_mtime_ns


def spoil(checkout: Path, harm: str) -> None:
    """Leave the environment in a state that must not be trusted."""
    match harm:
        case "stale lock":
            for lock in ("run", "dev"):
                (checkout / "requirements" / f"{lock}.txt").write_text(f"# another {lock} lock\n")
        case "unfinished":
            (checkout / ".venv" / "lock.sum").unlink()
        case "broken python":
            for name in ("python", "python3", "python3.11"):
                (checkout / ".venv" / "bin" / name).unlink(missing_ok=True)


def test_it_sets_up_once_and_again_only_when_the_environment_is_stale_or_broken(checkout: Path) -> None:
    first = launch(checkout, "plan", "two words")
    assert (first.returncode, first.stdout) == (0, "hello plan two words\n"), first.stderr
    assert "setting up" in first.stderr
    for harm in ("none", "stale lock", "unfinished", "broken python"):
        made = made_at(checkout)
        spoil(checkout, harm)
        again = launch(checkout)
        assert (again.returncode, again.stdout) == (0, "hello\n"), again.stderr
        assert (made_at(checkout) > made) == (harm != "none"), harm


def test_a_missing_python_is_named_with_the_way_out(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname", "cat", "cksum", "rm"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    done = launch(checkout, PATH=str(tools), DUSTCART_PYTHON="")
    assert done.returncode == 1
    assert "Python 3.11 is needed" in done.stderr
    assert not (checkout / ".venv").exists()


def test_an_unreachable_package_says_so_and_leaves_no_half_environment_behind(checkout: Path) -> None:
    (checkout / "requirements" / "run.txt").write_text("no-such-package==1 --hash=sha256:" + "0" * 64 + "\n")
    done = launch(checkout, PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    (checkout / "requirements" / "run.txt").write_text("# nothing\n")
    assert launch(checkout).stdout == "hello\n"
