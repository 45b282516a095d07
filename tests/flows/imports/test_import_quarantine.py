import csv
import stat

from flows.imports.quarantine import write_quarantine
from flows.imports.rows import BadRow


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_every_bad_row_is_kept_with_its_place_and_reason(tmp_path):
    raw = '1,"王,小明",13812341234'
    path = write_quarantine(
        tmp_path / "bad.csv", [BadRow(7, "总金额", "金额不能为负", "'-1' is negative", raw)]
    )
    assert rows_of(path) == [
        ["line", "column", "reason", "reason_en", "row"],
        ["7", "总金额", "金额不能为负", "''-1' is negative", raw],
    ]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")


def test_without_bad_rows_there_is_no_file(tmp_path):
    assert write_quarantine(tmp_path / "bad.csv", []) is None
    assert not (tmp_path / "bad.csv").exists()


def test_only_its_owner_may_read_it_even_where_an_older_one_lay_open(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("old")
    path.chmod(0o644)
    write_quarantine(path, [BadRow(1, "", "", "", "raw")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_in_it_runs_as_a_formula_and_the_text_can_be_had_back(tmp_path):
    raws = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "'quoted", "plain", '="123",4', "a\nb", "x\udcff"]
    path = write_quarantine(
        tmp_path / "bad.csv", [BadRow(n, "", "", "", raw) for n, raw in enumerate(raws, 2)]
    )
    cells = [row[4] for row in rows_of(path)[1:]]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in cells)
    assert [cell.removeprefix("'") for cell in cells[:-1]] == raws[:-1]
    assert cells[-1] == r"x\udcff"
