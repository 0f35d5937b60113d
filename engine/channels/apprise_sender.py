"""Any other place that ``apprise`` can write to, in ``loa.yaml``. Light: ``loa check`` reads it."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from engine.channels.base import OpenedWith, Vendor
from engine.channels.post_limits import JPEG, PNG, PostLimits
from engine.channels.publishing import Publisher

# Each service has limits of its own, which apprise does not tell beforehand: what nearly all of them take.
LIMITS = PostLimits(text=5_000, title=250, pictures=frozenset({JPEG, PNG}), picture_bytes=5_000_000)


class ApprisePlace(BaseModel):
    """One place, by its apprise address: Mastodon, Viber, e-mail, Teams, Slack …"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: SecretStr = Field(
        description="Địa chỉ apprise của nơi đăng, vì có mật khẩu bên trong nên chỉ viết dạng ${TÊN_BIẾN}",
        json_schema_extra={"secret": True},
    )


def publisher(sender_key: str, config: ApprisePlace, environment: OpenedWith) -> Publisher:
    """The place, opened."""
    from engine.channels.apprise_posts import ApprisePublisher

    return ApprisePublisher(config)


VENDOR = Vendor(
    name="apprise",
    channel="social",
    schema=ApprisePlace,
    publish=publisher,
    reaches=lambda options: [str(options.get("address", ""))],
)
