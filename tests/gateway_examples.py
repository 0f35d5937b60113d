"""The two gateways of docs/examples, as written there: their text, and their senders opened for a test."""

from pathlib import Path
from typing import Any

from engine.channels import VENDORS
from engine.channels.http_sender import HttpSender
from engine.content import yamlfile
from engine.content.organisation import filled

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
KEY, SECRET, TOKEN = "api-key-of-clay", "s3cret-of-clay-A", "t0ken-of-clay-B"
ENVIRONMENT = {"GATEWAY_A_KEY": KEY, "GATEWAY_A_SECRET": SECRET, "GATEWAY_B_TOKEN": TOKEN}


def text_of(letter: str, url: str) -> str:
    """An example's text with its gateway's address replaced."""
    written = (EXAMPLES / f"gateway-{letter}.yaml").read_text(encoding="utf-8")
    return written.replace(f"https://gateway-{letter}.example", url)


def config_of(letter: str, url: str = "https://gateway.example", **more: Any) -> HttpSender:
    """An example's sender, as a provider gets it."""
    tree: Any = yamlfile.plain(yamlfile.parse(text_of(letter, url)).tree)
    options = {**tree["senders"][f"cong-{letter}"], **more}
    for common in ("provider", "rate", "price_per_segment"):
        options.pop(common)
    return VENDORS["http"].schema.model_validate(filled(options, ENVIRONMENT, VENDORS["http"].placeholders))
