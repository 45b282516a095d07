"""The auth string of the operators' window: made once, its owner's alone, never switched off."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployments.auth import AUTH, auth_file, auth_string, make_auth
from deployments.cli import run
from deployments.server import ServerUnavailable, start_server
from deployments.shared_server import settings_for
from states.errors import BadInput

SHARED = "https://prefect.example.com/api"


@pytest.fixture
def window(kefu_home):
    """A home where `kefu up` has run."""
    home = kefu_home / "prefect"
    home.mkdir(parents=True)
    make_auth(home)
    return home


def test_it_is_made_once_and_hard_to_guess(tmp_path):
    made = make_auth(tmp_path)
    user, _, password = made.partition(":")
    assert (user, len(password)) == ("kefu", 32)
    assert auth_string(tmp_path) == made
    assert make_auth(tmp_path) is None
    assert auth_string(tmp_path) == made


def test_a_start_that_was_cut_short_before_it_was_written_shuts_nobody_out(tmp_path):
    auth_file(tmp_path).touch()
    made = make_auth(tmp_path)
    assert auth_string(tmp_path) == made
    assert [file.name for file in tmp_path.iterdir()] == [auth_file(tmp_path).name]


def test_nobody_but_its_owner_can_read_it(tmp_path):
    make_auth(tmp_path)
    assert auth_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_that_of_the_environment_stands_before_the_file_and_is_not_written_down(tmp_path, monkeypatch):
    monkeypatch.setenv(AUTH, "desk:word")
    assert make_auth(tmp_path) is None
    assert auth_string(tmp_path) == "desk:word"
    assert not auth_file(tmp_path).exists()


@pytest.mark.parametrize(
    "value", ["", " ", "word", "desk:", ":word", "desk:two words", "客服:word", "desk:\n"]
)
def test_the_window_can_not_be_opened_without_one(tmp_path, monkeypatch, value):
    monkeypatch.setenv(AUTH, value)
    with pytest.raises(BadInput, match="操作窗口不能没有口令.*KEFU_AUTH has to hold user:password"):
        start_server(tmp_path)
    monkeypatch.delenv(AUTH)
    auth_file(tmp_path).write_text(value or ":")
    with pytest.raises(BadInput, match=f"{auth_file(tmp_path)} has to hold user:password"):
        start_server(tmp_path)


def test_a_server_of_an_older_kefu_that_answers_everybody_is_not_used(tmp_path):
    class Open(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"home": str(tmp_path)}).encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Open) as older:
        threading.Thread(target=older.serve_forever, daemon=True).start()
        with pytest.raises(ServerUnavailable, match="answers without an auth string: end it first"):
            start_server(tmp_path, older.server_port)
        older.shutdown()


def test_whoever_sits_on_our_port_is_not_told_it(tmp_path):
    make_auth(tmp_path)
    heard = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(self.headers.get("Authorization"))
            self.send_error(401)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        with pytest.raises(ServerUnavailable, match="taken by something else"):
            start_server(tmp_path, stranger.server_port)
        stranger.shutdown()
    assert heard == [None]


def test_nobody_listens_for_other_machines_without_one(kefu_home, monkeypatch, capsys):
    monkeypatch.setenv(AUTH, "")
    assert run(["up", "--listen", "0.0.0.0"]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("kefu: 操作窗口不能没有口令")
    assert "\n" not in said


def test_a_command_beside_the_window_finds_it_and_is_let_in(window, monkeypatch):
    monkeypatch.setenv("KEFU_PORT", "4321")
    ours = {"PREFECT_API_URL": "http://127.0.0.1:4321/api", "PREFECT_API_AUTH_STRING": auth_string(window)}
    assert settings_for(None) == ours
    assert settings_for(ours["PREFECT_API_URL"]) == ours


def test_no_other_machine_is_told_it(window, monkeypatch):
    assert settings_for(SHARED) == {"PREFECT_API_URL": SHARED}
    assert settings_for("http://localhost.example.com/api").keys() == {"PREFECT_API_URL"}
    monkeypatch.setenv("PREFECT_API_URL", SHARED)
    assert settings_for(None) == {"PREFECT_API_URL": SHARED}


def test_a_shared_server_has_its_own_from_the_environment(window, monkeypatch):
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "team:word")
    assert settings_for("http://127.0.0.1:4200/api") == {"PREFECT_API_URL": "http://127.0.0.1:4200/api"}


@pytest.mark.parametrize("command", ["deploy", "worker"])
def test_who_is_not_let_in_reads_what_to_set(prefect, monkeypatch, capsys, command):
    assert run(["migrate"]) == 0
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "kefu:guessed")
    assert run([command, "--api-url", prefect.server.api_url]) == 3
    said = capsys.readouterr().err
    assert f"the Prefect server at {prefect.server.url} lets nobody in without its auth string" in said
    assert "guessed" not in said
