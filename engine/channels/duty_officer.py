"""Messages to the duty officer through ``apprise``: mail, Telegram, Teams, a web hook … by one address each.

Everything that names an address stays in here: apprise's own log lines, which show parts of them, are not written.
Tested over real HTTP on loopback (``json://``); no other service.
"""

import logging
from functools import cache
from typing import Any

from engine.log import get

_log = get("duty_officer")


@cache
def quiet_asset() -> Any:
    """What apprise may do and say: no line of its own, nothing from the disk or the net, no redirects."""
    import apprise  # 0.3 s and 45 MB: only when there is something to say

    for talkative in ("apprise", "urllib3"):  # the latter writes the path of every request, where many have a token
        logging.getLogger(talkative).setLevel(logging.CRITICAL + 1)
    # No plugins from the disk, no state on it, no pictures from the net, and no redirects with the token in them.
    return apprise.AppriseAsset(
        app_id="Loa", app_desc="Loa", app_url="", image_url_mask="", image_url_logo="", plugin_paths=[],
        http_redirects=False,
    )  # fmt: skip


def notify(address: str, title: str, body: str) -> bool:
    """Send one message; False when it did not get through, for whatever reason. Blocks for some seconds at most.

    ``address`` is an apprise URL with its secrets filled in: it is neither logged nor shown.
    """
    try:
        import apprise

        road = apprise.Apprise(asset=quiet_asset())
        if not road.add(address):
            _log.error("address", problem="not an address that apprise knows")
            return False
        return bool(road.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT))
    except Exception as error:  # a service's plugin may raise what it likes
        _log.error("notify", kind=type(error).__name__)
        return False
