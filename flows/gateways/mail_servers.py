"""A mail server that is asked within bounds: smtplib bounds each wait by itself, and what it is told not at all."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, unquote

from flows.gateways.bounds import ANSWER_SECONDS

LARGEST_TALK = 1 << 20  # bytes: all that it says, before and after TLS


def connected(at: SplitResult, name: Callable[[socket.socket], None]) -> smtplib.SMTP:
    """The server, ready for a mail; its sockets are named to who cuts them off (`cutting_off`).

    Raises OSError and smtplib.SMTPException.
    """
    secure = ssl.create_default_context()
    if at.scheme == "smtps":
        server = _BoundedOverTls(name, at.hostname, at.port or 465, timeout=ANSWER_SECONDS, context=secure)
    else:
        server = _Bounded(name, at.hostname, at.port or 25, timeout=ANSWER_SECONDS)
    try:
        if at.scheme == "smtp+starttls":
            server.starttls(context=secure)
        if at.username:
            server.login(unquote(at.username), unquote(at.password or ""))
    except BaseException:
        server.close()
        raise
    return server


class _Bounded(smtplib.SMTP):
    def __init__(self, name: Callable[[socket.socket], None], *args: Any, **how: Any) -> None:
        self._name = name
        super().__init__(*args, **how)

    def _get_socket(self, *where: Any) -> socket.socket:
        made = super()._get_socket(*where)
        self._name(made)  # before it has said a word
        return made

    def starttls(self, **how: Any) -> tuple[int, bytes]:
        reply = super().starttls(**how)
        self._name(self.sock)
        return reply

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = _Counted(self.sock.makefile("rb"))
        return super().getreply()


class _BoundedOverTls(_Bounded, smtplib.SMTP_SSL):
    pass


class _Counted:
    """A file of which so much is read, and no more."""

    def __init__(self, file: Any) -> None:
        self._file, self._left = file, LARGEST_TALK
        self.close = file.close

    def readline(self, size: int) -> bytes:
        line = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise OSError(f"more than {LARGEST_TALK} bytes")
        return line
