"""The one folder that runs started by hand read files from: who starts them need not see the whole machine."""

from __future__ import annotations

from pathlib import Path

from models.database import home
from states.errors import BadInput


def import_folder() -> Path:
    """`import`, at home."""
    return home("import")


def in_import_folder(file: str) -> Path:
    """Where this file really lies, links followed. Raises BadInput for any outside, be it there or not."""
    folder = import_folder().resolve()
    try:
        path = (folder / file).resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, a NUL
        path = folder
    if folder not in path.parents:
        raise BadInput(
            f"请把文件放进 {folder},只填文件名 / a run started by hand reads files in {folder} only: "
            "put it there, and tell its name",
            code="outside_the_import_folder",
            where="file",
        )
    return path
