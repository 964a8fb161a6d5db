"""The ways to tell: a POST of JSON, a ping, a mail. Each sends once and raises when it did not arrive."""

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import httpx

from pipelines.ops.schedule.courier import RefusedByReceiverError
from pipelines.ops.schedule.settings import Mail

PATIENCE_S = 10.0


def post(url: str, *, document: Mapping[str, object] | None = None, text: str = "") -> None:
    """POST a JSON document, or a text. Whatever is answered is not read."""
    with httpx.stream(
        "POST",
        url,
        json=document,
        content=None if document is not None else text.encode(),
        timeout=PATIENCE_S,
    ) as response:
        if not response.is_success:
            raise RefusedByReceiverError(f"the receiver answered {response.status_code}")


def send_mail(mail: Mail, subject: str, text: str) -> None:
    """Send a plain message, over an encrypted connection unless told otherwise."""
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.to)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=mail.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    with _connection(mail) as server:
        if mail.username and mail.password:
            server.login(mail.username, mail.password)
        refused = server.send_message(message)
    if refused:
        raise RefusedByReceiverError(f"the mail server refused {len(refused)} of the addresses")


def _connection(mail: Mail) -> smtplib.SMTP:
    if mail.security == "none":
        return smtplib.SMTP(mail.host, mail.port, timeout=PATIENCE_S)
    trusted = ssl.create_default_context(cafile=mail.ca)
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=PATIENCE_S, context=trusted)
    server = smtplib.SMTP(mail.host, mail.port, timeout=PATIENCE_S)
    try:
        # Without it the login would be read by whoever listens: a server that knows none is refused.
        server.starttls(context=trusted)
    except BaseException:
        server.close()
        raise
    return server
