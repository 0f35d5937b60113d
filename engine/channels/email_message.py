"""An e-mail as it goes over the wire: plain words, the same as HTML, the print. No picture, no counter, no other link.

``Message-ID`` is made of the delivery's own reference, so an e-mail that was submitted twice is recognised by every
mailbox that looks, and by whoever reads the servers' logs. ``Auto-Submitted`` (RFC 3834) keeps out-of-office answers
away. There is no ``List-Unsubscribe``: it is work that was agreed upon, not a list; whoever wants none answers.
"""

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from engine.channels.base import Letter, Outgoing
from engine.channels.email_sender import EmailSender
from engine.clock import VIETNAM

# 7bit: a server on the way that does not know 8BITMIME cannot break it.
_POLICY = SMTP.clone(cte_type="7bit")


def message_id(config: EmailSender, letter: Letter) -> str:
    """The e-mail's own id, without the angle brackets."""
    return f"{letter.reference}@{config.sender.rpartition('@')[2]}"


def written(config: EmailSender, message: Outgoing, letter: Letter, at: datetime) -> bytes:
    """The e-mail as bytes with CRLF; ``at`` (aware) is its date."""
    made = EmailMessage(_POLICY)
    made["From"] = Address(config.name or "", addr_spec=config.sender)
    made["To"] = Address(addr_spec=message.to)
    if config.reply_to:
        made["Reply-To"] = Address(addr_spec=config.reply_to)
    made["Subject"] = letter.subject
    made["Date"] = at.astimezone(VIETNAM)
    made["Message-ID"] = f"<{message_id(config, letter)}>"
    made["Auto-Submitted"] = "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"
    made.set_content(message.body)
    made.add_alternative(letter.html, subtype="html")
    if letter.print_pdf is not None:
        made.add_attachment(letter.print_pdf, maintype="application", subtype="pdf", filename=letter.print_name)
    made["Content-Language"] = letter.language  # last: earlier it would go to a part
    return made.as_bytes()


def stuffed(content: bytes) -> bytes:
    """The content as SMTP sends it: a dot before every dot that begins a line, and the dot that ends it all."""
    return re.sub(rb"(?m)^\.", b"..", content if content.endswith(b"\r\n") else content + b"\r\n") + b".\r\n"
