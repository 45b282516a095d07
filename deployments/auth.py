"""Who may look through the operators' window: whoever knows its auth string, `user:password`.

Made at the first start and kept beside Prefect's own files; KEFU_AUTH stands before it. It can't be switched off.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from states.errors import BadInput

AUTH = "KEFU_AUTH"


def auth_file(home: Path) -> Path:
    """Where a Prefect home keeps it."""
    return home / "auth"


def make_auth(home: Path) -> str | None:
    """Make an auth string where there is none yet, for its owner's eyes only: it, or None where there was one."""
    if AUTH in os.environ:
        return None
    made, file = f"kefu:{secrets.token_urlsafe(24)}", auth_file(home)
    if file.is_file() and not file.stat().st_size:  # of a start that was cut short
        file.unlink()
    draft = file.with_name(f"{file.name}.{os.getpid()}.part")
    private = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(private, "w", encoding="ascii") as written:
            written.write(made + "\n")
        os.link(draft, file)  # whole or not at all, and never over another one
    except FileExistsError:
        return None
    finally:
        draft.unlink()
    return made


def has_auth(home: Path) -> bool:
    """Whether this Prefect home has an auth string yet, be it a usable one or not."""
    return AUTH in os.environ or auth_file(home).exists()


def auth_string(home: Path) -> str:
    """The auth string of this Prefect home. Raises BadInput for one that would let everybody in, or nobody."""
    where, value = AUTH, os.environ.get(AUTH)
    if value is None:
        where, value = str(auth_file(home)), auth_file(home).read_text("utf-8", "replace").strip()
    user, _, password = value.partition(":")
    if user and password and value.isascii() and value.isprintable() and " " not in value:
        return value
    raise BadInput(
        f"操作窗口不能没有口令:{where} 应为 用户名:口令 / the operators' window is not opened without its auth string: "
        f"{where} has to hold user:password, in plain letters, digits and signs",
        code="no_auth",
        where=where,
    )
