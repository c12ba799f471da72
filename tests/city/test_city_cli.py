"""``dustcart city import`` and ``check`` from a terminal: reports in two languages and in JSON, exit codes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli.city import app
from city.database import open_engine
from city.errors import CityError
from city.exporting import export
from city.migrate import upgrade
from tests.city.small_city import small_city


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder with an empty database, and return a folder with a small city's files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUSTCART_DATABASE_URL", f"sqlite:///{tmp_path / 'city.sqlite'}")
    engine = open_engine(f"sqlite:///{tmp_path / 'city.sqlite'}")
    upgrade(engine)
    engine.dispose()
    data = small_city()
    data.closures.clear()
    export(data, tmp_path / "files")
    return tmp_path / "files"


def _run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_a_good_city_is_imported_and_checked(folder: Path) -> None:
    assert "Bins: 3 added, 0 changed, 0 retired." in _run("import", folder).stdout
    assert _run("check").stdout == "Nothing is wrong with the city.\n"
    assert "Nothing changed." in _run("import", folder).stdout


def test_rows_left_out_are_listed_with_file_and_line(folder: Path) -> None:
    bins = (folder / "bins.csv").read_text(encoding="utf-8")
    bin_ = {"id": "b9", "point_id": "p9", "stream": "dry", "usable_volume_l": "240", "depth_cm": "95", "active": "true"}
    row = ",".join(bin_.get(column, "") for column in bins.partition("\n")[0].split(","))
    (folder / "bins.csv").write_text(f"{bins}{row}\n", encoding="utf-8")
    out = _run("import", folder).stdout
    assert "bins.csv, line 5: bin b9 is left out: its point_id names collection point p9, which does not exist." in out
    assert "Rows left out: 1." in out
    chinese = _run("import", folder, "--language", "zh").stdout
    assert "bins.csv 第 5 行：垃圾桶“b9”未导入：point_id 引用的收集点“p9”不存在。" in chinese


def test_machines_read_json(folder: Path) -> None:
    report = json.loads(_run("import", folder, "--json", "--dry-run").stdout)
    assert report["written"] is False
    assert {"table": "bins", "added": 3, "updated": 0, "retired": []} in report["changes"]
    _run("import", folder)
    assert json.loads(_run("check", "--json").stdout) == []


def test_a_check_with_errors_ends_with_one_and_says_them_in_the_language_asked_for(folder: Path) -> None:
    points = folder / "points.csv"
    points.write_text(points.read_text(encoding="utf-8").replace("06:30-09:00", "02:00-03:00"), encoding="utf-8")
    points.write_text(points.read_text(encoding="utf-8").replace(",17:30-20:00", ""), encoding="utf-8")
    _run("import", folder)
    out = _run("check", code=1).stdout
    assert "Error: Collection point p2 can be served at 02:00-03:00 only, when nobody works." in out
    assert "Errors: 1. Warnings: 0." in out
    assert (
        "错误：收集点“p2”只能在 02:00-03:00 收运，而此时无人作业。" in _run("check", "--language", "zh", code=1).stdout
    )
    (finding,) = json.loads(_run("check", "--json", code=1).stdout)
    assert (finding["severity"], finding["code"], finding["subject"]) == ("error", "closed_in_every_shift", "p2")


def test_of_many_findings_of_one_kind_the_first_are_shown_and_the_rest_counted(folder: Path) -> None:
    _run("import", folder)
    header, *rows = (folder / "points.csv").read_text(encoding="utf-8").splitlines()
    more = [rows[0].replace("p1,", f"q{number},").replace("121.4702", f"121.47{number}") for number in range(10, 30)]
    (folder / "points.csv").write_text("\n".join([header, *rows, *more]) + "\n", encoding="utf-8")
    _run("import", folder)
    out = _run("check").stdout
    assert out.count("has no bins") == 10
    assert "... and 10 more of the kind." in out
    assert _run("check", "--all").stdout.count("has no bins") == 20


def test_asking_for_nothing_is_bad_usage(folder: Path) -> None:
    _run("import", code=2)
    _run("check", "--language", "fr", code=2)


def test_checking_before_there_is_a_city_says_what_to_do(folder: Path) -> None:
    result = CliRunner().invoke(app, ["check"])
    assert isinstance(result.exception, CityError)
    assert "dustcart city import" in str(result.exception)
