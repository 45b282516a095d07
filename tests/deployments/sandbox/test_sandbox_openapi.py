"""schemathesis reads the OpenAPI document and sends what fits it, and what does not: never a 500."""

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.checks import load_all_checks, not_a_server_error

from deployments.sandbox import signing
from deployments.sandbox.app import make_app
from deployments.sandbox.secrets import Secrets
from deployments.sandbox.world import World

load_all_checks()
PLAY = Secrets()
PER_OPERATION = hypothesis.settings(
    max_examples=5, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), database=None
)


def _document():
    world = World(PLAY)
    document = make_app(world).openapi()
    world.close()
    return document


# Each field by itself, wrong in each way: hundreds of requests where there are twenty fields, so those are drawn.
FEWER = schemathesis.Config.from_dict(
    {
        "operations": [
            {"include-path": path, "phases": {"coverage": {"enabled": False}}}
            for path in ("/control/orders", "/control/faults/{party}")
        ]
    }
)
# the same pages once more under /platform/{shop} would only take their time
schema = schemathesis.openapi.from_dict(_document(), config=FEWER).exclude(
    path_regex=r"/platform/\{shop\}/orders/"
)


class AsKefu(requests.auth.AuthBase):
    """Signs, or shows the token, as the party wants: what is behind the door is what we look at."""

    def __call__(self, request):
        body = request.body or b""
        if request.path_url.startswith("/platform"):
            body = body.encode() if isinstance(body, str) else body
            request.headers.update(
                signing.signed_headers(PLAY.platform_secret, request.method, request.path_url, body)
            )
        elif request.path_url.startswith(("/payments", "/sms")):
            token = PLAY.payments_token if request.path_url.startswith("/payments") else PLAY.sms_token
            request.headers["Authorization"] = f"Bearer {token}"
        return request


@pytest.fixture
def peopled(sandbox):
    """With a few orders in every state, so that not all is unknown."""
    sandbox.make_up("bag-studio", 3, paid=True)
    return sandbox


@schema.parametrize()
@PER_OPERATION
def test_nothing_that_is_sent_ends_in_a_500(case, peopled):
    answer = case.call(base_url=peopled.url, auth=AsKefu(), timeout=10)
    case.validate_response(answer, checks=[not_a_server_error])


def test_every_party_is_in_the_document():
    parties = {path.split("/")[1] for path in _document()["paths"]}
    assert parties == {"platform", "payments", "carrier", "sms", "staff", "control"}
