"""A run started by hand reads files below KEFU_HOME/import, and no others."""

import os

import pytest

from flows.import_folder import import_folder, in_import_folder
from states.errors import BadInput

OUTSIDE = "a run started by hand reads files in .* only: put it there, and tell its name"


def test_a_file_in_it_is_found_by_its_name_or_by_its_whole_path(kefu_home):
    path = import_folder() / "orders.csv"
    assert path == kefu_home / "import" / "orders.csv"
    assert in_import_folder("orders.csv") == in_import_folder(str(path)) == path
    assert in_import_folder("march/orders.csv") == kefu_home / "import" / "march" / "orders.csv"


@pytest.mark.parametrize(
    "file",
    [
        *("/etc/hostname", "../kefu.db", "march/../../kefu.db", "/proc/self/environ"),
        *("", ".", "..", "/", "a\0b", "../import", "../imports/a.csv"),
    ],
)
def test_no_other_file_is_read(file):
    with pytest.raises(BadInput, match=OUTSIDE):
        in_import_folder(file)


def test_it_does_not_tell_whether_a_file_elsewhere_exists(tmp_path):
    (tmp_path / "there").touch()
    said = set()
    for name in ("there", "not-there"):
        with pytest.raises(BadInput) as refused:
            in_import_folder(str(tmp_path / name))
        said.add(str(refused.value))
    assert len(said) == 1


def test_a_link_is_followed_to_where_the_file_really_lies(tmp_path):
    (tmp_path / "elsewhere.csv").touch()
    (import_folder() / "real.csv").touch()
    os.symlink(tmp_path / "elsewhere.csv", import_folder() / "out.csv")
    os.symlink(tmp_path, import_folder() / "folder")
    os.symlink("circle", import_folder() / "circle")
    os.symlink("real.csv", import_folder() / "in.csv")
    assert in_import_folder("in.csv") == import_folder() / "real.csv"
    for name in ("out.csv", "folder/elsewhere.csv", "circle"):
        with pytest.raises(BadInput, match=OUTSIDE):
            in_import_folder(name)
