"""KEFU_HOME is its owner's alone: buyers' names and addresses lie there, and what opens the operators' window.

What kefu makes is made so. A home of an older version, or one that was copied, is tightened at the next start.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from models.database import home

OURS = (
    "kefu.db*",
    "sandbox*.db*",
    "prefect",
    "demo",
    "import",
    "manifests",
    "bulletins",
    "quarantine",
    "samples",
)
OTHERS = 0o077  # as a mode: what they may; as a umask: what they may not


def tighten(say: Callable[[str], None]) -> None:
    """Take from everybody else what is kefu's at home, and say so. What is not kefu's, or not ours to change, is left,
    and so is the folder itself where others work in it, too."""
    top = home()
    shared = _is_shared(top)
    opened = [path for path in (*([] if shared else [top]), *_ours(top)) if _close(path)]
    if opened:
        say(
            f"已收紧 {top} 中 {len(opened)} 个文件和文件夹的权限 / "
            f"{len(opened)} files and folders of {top} were open to others: now they are their owner's alone"
        )
    if shared:
        say(
            f"{top} 也有别人在用,文件夹本身的权限未改 / "
            f"{top} is a folder of others, too: left as it is; KEFU_HOME should be kefu's own"
        )


def _is_shared(top: Path) -> bool:
    """Such as /tmp: to close it would lock others out."""
    found = top.stat()
    everybodys = found.st_mode & (stat.S_ISVTX | stat.S_IWOTH)
    return bool(everybodys) or any(path.lstat().st_uid != os.geteuid() for path in (top, *top.iterdir()))


def _ours(top: Path) -> Iterator[Path]:
    for found in (path for pattern in OURS for path in top.glob(pattern)):
        yield found
        if found.is_dir() and not found.is_symlink():
            for folder, folders, files in os.walk(found):
                yield from (Path(folder, name) for name in (*folders, *files))


def _close(path: Path) -> bool:
    """Whether it was open to others, and no longer is."""
    with contextlib.suppress(FileNotFoundError):  # a -wal comes and goes
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & OTHERS and found.st_uid == os.geteuid():
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
            return True
    return False
