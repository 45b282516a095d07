"""Messages to buyers beside the shop platform: SMS, and e-mail over SMTP."""

from __future__ import annotations

import hashlib
import re
import smtplib
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import phonenumbers

from flows.gateways import Limits, Owed, open_client, send_async, short
from flows.gateways.aside import aside
from flows.gateways.bounds import CutOff, NotAsked, cutting_off
from flows.gateways.mail_servers import connected
from flows.gateways.settings import Settings
from states.errors import BadInput, GatewayRejected, GatewayUnavailable
from states.phones import phone_number

if TYPE_CHECKING:
    import httpx

SUBJECT = 40  # characters of a text that make a subject
MAIL_ADDRESS = re.compile(r"""([^\s@,;:<>()"\[\]\\]+)@([^\s@,;:<>()"\[\]\\]+\.[^\s@,;:<>()"\[\]\\]+)""")


def mobile(phone: str | None, region: str) -> str | None:
    """A number that a text message can go to, as the whole world writes it; None for any other.

    A text message knows no extension: it would go to the platform's number that many buyers share.
    """
    number = phone_number(phone, region)
    if number is None or number.extension:
        return None
    kind = phonenumbers.number_type(number)
    texts = kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if texts else None


class SmsGateway:
    """A provider of text messages."""

    def __init__(self, name: str, client: httpx.AsyncClient, region: str) -> None:
        """Takes a client that knows the address and our token; numbers without country code are of the region."""
        self.name, self.limits = name, Limits(per_second=10)
        self._client, self._region = client, region

    def reaches(self, owed: Owed) -> bool:
        """Whether the buyer has a number for it."""
        return mobile(owed.to.phone, self._region) is not None

    async def deliver(self, owed: Owed) -> str | None:
        """Send the text. Raises GatewayUnavailable and GatewayRejected."""
        told = {"phone": mobile(owed.to.phone, self._region), "text": owed.text}
        answer = await send_async(self._client, "POST", "/messages", json=told, idempotency_key=owed.key)
        ref = answer.get("ref")
        return None if ref is None else short(ref)

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


class EmailGateway:
    """A mail server. A mail tried again has the same Message-ID, by which mailboxes know it."""

    def __init__(self, name: str, url: str, sender: Address) -> None:
        """Takes smtp://, smtp+starttls:// or smtps://, with user and password where the server wants them."""
        self.name, self.limits, self._server, self._sender = name, Limits(at_once=4), urlsplit(url), sender

    def reaches(self, owed: Owed) -> bool:
        """Whether the buyer has an address for it."""
        return bool(owed.to.email)

    async def deliver(self, owed: Owed) -> str | None:
        """Send the text; the reference is the mail's Message-ID. Raises GatewayUnavailable and GatewayRejected."""
        try:
            mail = self._mail(owed)
        except (ValueError, MessageError):  # a line break in a name: somebody wants headers of his own
            raise GatewayRejected(
                f"{self.name}: no mail can be written to this address",
                status=0,
                code="bad_address",
                where=self.name,
            ) from None
        await aside(self._send, mail)
        return mail["Message-ID"]

    def _mail(self, owed: Owed) -> EmailMessage:
        text, mail = owed.text or "", EmailMessage(policy=SMTP)
        first = text.strip().splitlines()[0] if text.strip() else owed.what
        address = MAIL_ADDRESS.fullmatch(owed.to.email or "")
        if address is None:
            raise ValueError
        mail["Subject"] = first if len(first) <= SUBJECT else first[: SUBJECT - 1] + "…"
        mail["From"], mail["To"] = self._sender, Address(owed.to.name or "", *address.groups())
        digest = hashlib.blake2b(owed.key.encode(), digest_size=16).hexdigest()
        mail["Message-ID"] = f"<{digest}@{self._sender.domain}>"
        mail.set_content(text)
        return mail

    def _send(self, mail: EmailMessage) -> None:
        handed_over = False
        try:
            with cutting_off() as name, connected(self._server, name) as server:
                handed_over = True  # from here on nobody knows, should the connection break
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refused(next(iter(error.recipients.values()))[0]) from None
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code) from None
        except (OSError, smtplib.SMTPException, CutOff, NotAsked) as error:
            what = f"{self.name} did not take the mail ({type(error).__name__})"
            raise GatewayUnavailable(what, unknown=handed_over, where=self.name) from None

    def _refused(self, code: int) -> GatewayRejected | GatewayUnavailable:
        """Their words may quote the address, so only the number is told: 5xx for good, 4xx for now."""
        what = f"{self.name} answered {code}"
        if code >= 500:
            return GatewayRejected(what, status=code, code="mail_refused", where=self.name)
        return GatewayUnavailable(what, unknown=False, where=self.name)

    async def aclose(self) -> None:
        """Nothing is kept open."""


def open_sms(shop: str, settings: Settings, region: str) -> SmsGateway | None:
    """The provider at SMS_URL, asked with the bearer token SMS_TOKEN; None without a URL. Raises BadInput."""
    url, token = settings.address("SMS_URL"), settings.secret("SMS_TOKEN")
    if url is None:
        return None
    headers = {"Authorization": f"Bearer {token}"} if token else None
    return SmsGateway(f"{shop}/sms", open_client(url, headers=headers), region)


def open_email(shop: str, settings: Settings, title: str) -> EmailGateway | None:
    """The mail server at SMTP_URL, in the name of SMTP_FROM; None without a URL. Raises BadInput."""
    url, sender = settings.text("SMTP_URL"), settings.text("SMTP_FROM")
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("smtp", "smtps", "smtp+starttls") and parts.hostname and parts.port != 0
        address = MAIL_ADDRESS.fullmatch(sender or "")
    except ValueError:
        usable = False
    if not (usable and address):
        raise BadInput(
            "KEFU_SMTP_URL is no address like smtp+starttls://user:password@mail.example.com:587, "
            "or KEFU_SMTP_FROM no mail address",
            code="bad_setting",
            where="KEFU_SMTP_URL",
        )
    return EmailGateway(f"{shop}/email", url, Address(title, *address.groups()))
