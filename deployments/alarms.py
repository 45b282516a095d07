"""Who is told when a message dies: a Prefect automation, shipped with the timetable.

It reacts to the event that a delivery leaves (`flows/flow_tables.py`) and notifies the addresses of KEFU_STAFF_URLS, in
whatever spelling Apprise knows. They are secrets, so they are kept in a Prefect block. Deploying again changes what
differs and nothing else; what an operator has switched off stays off.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from uuid import UUID

from prefect import get_client
from prefect.blocks.notifications import SlackWebhook
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from pydantic import SecretStr

from flows.outbox_delivery import DIED

URLS = "KEFU_STAFF_URLS"
OF_A_ROLE = re.compile(r"^[^\s:/=]+=(?=\S+://)")  # 客服组长=dingtalk://…
BLOCK = "kefu-staff"
NAME = "kefu: 消息无法送达 a message died"
SUBJECT = "kefu: {{ event.payload.count }} 条消息无法送达 / messages given up"
BODY = """{{ event.resource.name }}: {{ event.payload.count }} 条 / messages
{{ event.payload.first }}
kefu outbox list --state dead"""


def deploy_alarms() -> list[str]:
    """Make the server's automation this one; what had to be changed, and what nobody hears, one sentence each."""
    urls = os.environ.get(URLS, "").split()
    with get_client(sync_client=True) as client:
        found = client.read_automations_by_name(NAME)
        if not urls:
            return [] if found else [f"nobody is told when a message dies: {URLS} names nobody"]
        wanted = _automation(_block(urls))
        if not found:
            client.create_automation(wanted)
            return [f"automation {NAME} created"]
        wanted.enabled = found[0].enabled
        if _said(found[0]) == _said(wanted):
            return []
        client.update_automation(found[0].id, wanted)
        return [f"automation {NAME} changed"]


def _automation(block_id: UUID) -> AutomationCore:
    return AutomationCore(
        name=NAME,
        description="客服消息多次未送达或被拒 / a message was given up: a person has to look.",
        trigger=EventTrigger(
            expect={DIED},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
            for_each={"prefect.resource.id"},
        ),
        actions=[SendNotification(block_document_id=block_id, subject=SUBJECT, body=BODY)],
    )


def _block(urls: list[str]) -> UUID:
    """Prefect's Slack block hands every address that is not Slack's on to Apprise, several at once too."""
    addresses = " ".join(OF_A_ROLE.sub("", url) for url in urls)
    return SlackWebhook(url=SecretStr(addresses)).save(BLOCK, overwrite=True, _sync=True)


def _said(automation: AutomationCore) -> dict:
    return automation.model_dump(
        mode="json", include={"name", "description", "enabled", "trigger", "actions"}
    )
