"""A web page of somebody else, open in the browser of the operator who is logged in at the window, gets nothing."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from deployments.auth import auth_string
from flows.secret_blocks import stored_blocks

SECRET = "s3cret-of-the-platform"
ATTACK = """
async ([window_url, planted]) => {
    const got = {}
    const attempts = {
        settings: () => [`/api/admin/settings`, {}],
        settings_with_credentials: () => [`/api/admin/settings`, {credentials: 'include'}],
        secrets: () => [`/api/block_documents/filter`, json({include_secrets: true})],
        secrets_as_text: () => [`/api/block_documents/filter`, {method: 'POST', body: '{"include_secrets": true}'}],
        guessed_password: () => [`/api/block_documents/filter`, json({include_secrets: true}, btoa('admin:pass'))],
        interface: () => [`/ui-settings`, {}],
        variable: () => [`/api/variables/`, json({name: `${planted}_cors`, value: 'x'})],
        variable_unseen: () => [`/api/variables/`, {   // a body without a type: Prefect takes it for JSON
            method: 'POST', mode: 'no-cors', credentials: 'include',
            body: new Blob([JSON.stringify({name: `${planted}_blind`, value: 'x'})]),
        }],
    }
    function json(told, password) {
        const headers = {'Content-Type': 'application/json', ...(password ? {Authorization: `Basic ${password}`} : {})}
        return {method: 'POST', headers, body: JSON.stringify(told)}
    }
    for (const [name, attempt] of Object.entries(attempts)) {
        const [path, how] = attempt()
        try {
            const answer = await fetch(window_url + path, how)
            got[name] = answer.type == 'opaque' ? '' : await answer.text()
        } catch (refused) {
            got[name] = ''
        }
    }
    for (const [name, protocols] of Object.entries({events: ['prefect'], events_as_of_old: []})) {
        got[name] = await new Promise(resolve => {
            const heard = [], socket = new WebSocket(window_url.replace('http', 'ws') + '/api/events/out', protocols)
            socket.onopen = () => {
                heard.push('opened')
                socket.send(JSON.stringify({type: 'auth', token: 'admin:pass'}))
                socket.send(JSON.stringify({type: 'filter', filter: {}}))
            }
            socket.onmessage = told => heard.push(told.data)
            socket.onclose = () => resolve(heard.join())
            setTimeout(() => resolve(heard.join()), 10_000)
        })
    }
    return got
}
"""


@pytest.fixture
def secret(prefect):
    """The platform's secret is kept in a block; gone afterwards."""
    from prefect.blocks.system import Secret

    Secret(value=SECRET).save("kefu-foreign-page-secret", overwrite=True, _sync=True)
    yield SECRET
    Secret.delete("kefu-foreign-page-secret", _sync=True)
    stored_blocks.cache_clear()


@pytest.fixture
def strangers_page(tmp_path):
    """The address of a page that a stranger serves, on another port of this machine."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<title>Win a bag</title><h1>Win a bag</h1>")
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    serve = partial(quiet, directory=str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}/"
        site.shutdown()


def variables(prefect):
    with prefect.client() as client:
        return [found["name"] for found in client.request("POST", "/variables/filter", json={}).json()]


def test_a_page_of_another_origin_reads_nothing_writes_nothing_and_hears_nothing(
    prefect, secret, page, strangers_page
):
    page.goto(f"{prefect.server.url}/dashboard")
    page.get_by_text("Event Feed").wait_for()
    page.goto(strangers_page)
    got = page.evaluate(ATTACK, [prefect.server.url, "planted"])
    assert got == dict.fromkeys(got, "")
    assert [name for name in variables(prefect) if name.startswith("planted")] == []


def test_a_page_of_another_origin_can_not_lay_the_window_under_its_own_buttons(prefect, page, strangers_page):
    page.goto(f"{prefect.server.url}/dashboard")
    page.get_by_text("Event Feed").wait_for()
    page.goto(strangers_page)
    page.evaluate(
        "url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))",
        f"{prefect.server.url}/deployments",
    )
    page.wait_for_timeout(3_000)
    assert "chrome-error" in page.frames[1].url


def test_a_name_that_a_stranger_points_at_this_machine_opens_nothing(
    prefect, secret, visitor, strangers_name
):
    """DNS rebinding: the page's own origin is the stranger's name, which by now means us."""
    window = prefect.server.url.replace("127.0.0.1", strangers_name)
    for path in ("/", "/ui-settings", "/api/health", "/api/admin/settings"):
        assert visitor.goto(window + path).status == 403, path
    got = visitor.evaluate(ATTACK, [window, "rebound"])
    assert not [text for text in got.values() if text and "no address of the operators' window" not in text]
    assert [name for name in variables(prefect) if name.startswith("rebound")] == []


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(
            ("127.0.0.1", 200),
            ("127.0.0.1:1", 200),
            ("localhost", 200),
            ("LOCALHOST:4200", 200),
            ("[::1]:4200", 200),
        ),
        *(("example.com", 403), ("127.0.0.1.example.com", 403), ("localhost.example.com:4200", 403)),
        *(("10.0.0.1", 403), ("0.0.0.0", 403), ("[", 403), ("127.0.0.1@example.com", 403), ("", 403)),
    ],
)
def test_only_by_its_own_address_the_window_answers(prefect, host, status):
    auth = tuple(auth_string(prefect.server.home).split(":", 1))
    for path in ("/", "/api/health", "/api/admin/version"):
        answer = httpx.get(f"{prefect.server.url}{path}", headers={"Host": host}, auth=auth)
        assert answer.status_code == status, path
