"""Outside parties for tests: real HTTP and SMTP on loopback; they keep what they hear and answer as they are told."""

from __future__ import annotations

import json
import socketserver
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Call:
    """A request as it was seen, header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What is answered: JSON, or the bytes as they are."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Outside:
    """A service of HTTP. It gives the answers told, the last one again and again."""

    def __init__(self, *answers: Any) -> None:
        self.calls: list[Call] = []
        self.answers = deque(a if isinstance(a, Answer) else Answer(a) for a in answers or ({},))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.outside = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]

    def __enter__(self) -> Outside:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def _meet(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.outside.answer(Call(self.command, self.path, headers, body))
        told = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in (*answer.headers.items(), ("Content-Length", str(len(told)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = _meet

    def log_message(self, *_: object) -> None:
        """Nothing: `calls` has it all."""


class MailServer:
    """A mail server that keeps the mails. `refuses`: what it answers to a recipient instead of taking him."""

    def __init__(self, refuses: str | None = None, hangs_up_after_data: bool = False) -> None:
        self.mails: list[bytes] = []
        self.refuses, self.hangs_up_after_data = refuses, hangs_up_after_data
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp)
        self._server.outside = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> MailServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Smtp(socketserver.StreamRequestHandler):
    timeout = 5

    def handle(self) -> None:
        server = self.server.outside
        self._say("220 here")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"RCPT" and server.refuses:
                self._say(server.refuses)
            elif word == b"DATA":
                self._say("354 go on")
                server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                if server.hangs_up_after_data:
                    return
                self._say("250 taken")
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")
