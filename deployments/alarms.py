"""Who is told when a message dies, or a flow is held up: Prefect automations, shipped with the timetable.

Each reacts to an event (of a delivery, `flows/flow_tables.py`; of a worker, `deployments/held_up.py`) and notifies the
addresses of KEFU_STAFF_URLS, in whatever spelling Apprise knows. They are secrets, so they are kept in a Prefect block.
Deploying again changes what differs and nothing else; what an operator has switched off stays off.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from prefect import get_client
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from pydantic import SecretStr

from deployments.held_up import HELD_UP
from flows.outbox_delivery import DIED

URLS = "KEFU_STAFF_URLS"
OF_A_ROLE = re.compile(r"^[^\s:/=]+=(?=\S+://)")  # 客服组长=dingtalk://…
BLOCK = "kefu-staff"


class Alarm(NamedTuple):
    """What the addresses hear of one kind of event."""

    name: str
    when: str
    event: str
    description: str
    subject: str
    body: str


DEAD_MESSAGE = Alarm(
    name="kefu: 消息无法送达 a message died",
    when="a message dies",
    event=DIED,
    description="客服消息多次未送达或被拒 / a message was given up: a person has to look.",
    subject="kefu: {{ event.payload.count }} 条消息无法送达 / messages given up",
    body="""{{ event.resource.name }}: {{ event.payload.count }} 条 / messages
{{ event.payload.first }}
kefu outbox list --state dead""",
)
FLOW_HELD_UP = Alarm(
    name="kefu: 流程轮不到运行 a flow is held up",
    when="a flow is held up",
    event=HELD_UP,
    description="定时流程接连没有轮到运行 / a timed flow has not come to run: a person has to look.",
    subject="kefu: {{ event.resource.name }} 轮不到运行 / is held up",
    body="""{{ event.resource.name }}: 连续 {{ event.payload.times }} 次没有轮到运行 / times in a row it did not run
上一次 / the run before: {{ event.payload.before }}""",
)
ALARMS = (DEAD_MESSAGE, FLOW_HELD_UP)


def deploy_alarms() -> list[str]:
    """Make the server's automations these; what had to be changed, and what nobody hears, one sentence each."""
    urls = os.environ.get(URLS, "").split()
    with get_client(sync_client=True) as client:
        if not urls:
            return [
                f"nobody is told when {alarm.when}: {URLS} names nobody"
                for alarm in ALARMS
                if not client.read_automations_by_name(alarm.name)
            ]
        block = _block(urls)
        return [change for alarm in ALARMS for change in _deploy(client, alarm, block)]


def _deploy(client: SyncPrefectClient, alarm: Alarm, block_id: UUID) -> list[str]:
    wanted = _automation(alarm, block_id)
    found = client.read_automations_by_name(alarm.name)
    if not found:
        client.create_automation(wanted)
        return [f"automation {alarm.name} created"]
    wanted.enabled = found[0].enabled
    if _said(found[0]) == _said(wanted):
        return []
    client.update_automation(found[0].id, wanted)
    return [f"automation {alarm.name} changed"]


def _automation(alarm: Alarm, block_id: UUID) -> AutomationCore:
    return AutomationCore(
        name=alarm.name,
        description=alarm.description,
        trigger=EventTrigger(
            expect={alarm.event},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
            for_each={"prefect.resource.id"},
        ),
        actions=[SendNotification(block_document_id=block_id, subject=alarm.subject, body=alarm.body)],
    )


def _block(urls: list[str]) -> UUID:
    """Prefect's Slack block hands every address that is not Slack's on to Apprise, several at once too."""
    addresses = " ".join(OF_A_ROLE.sub("", url) for url in urls)
    return SlackWebhook(url=SecretStr(addresses)).save(BLOCK, overwrite=True, _sync=True)


def _said(automation: AutomationCore) -> dict:
    return automation.model_dump(
        mode="json", include={"name", "description", "enabled", "trigger", "actions"}
    )
