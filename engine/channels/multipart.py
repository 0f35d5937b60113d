"""A form with a file in it, as bytes (RFC 7578): pictures for vendors. Pure."""

import re
from collections.abc import Mapping
from hashlib import blake2b

from engine.channels.publishing import Picture

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def encoded(fields: Mapping[str, str], name: str, picture: Picture) -> tuple[str, bytes]:
    """The content type and the body of a form with ``fields`` and the picture under ``name``.

    The boundary is drawn from the content, so that nothing in it can be taken for the boundary.
    """
    mark = blake2b(picture.content, digest_size=16)
    for value in fields.values():
        mark.update(value.encode())
    boundary = f"loa-{mark.hexdigest()}".encode()
    parts = [
        b'Content-Disposition: form-data; name="%s"\r\n\r\n%s' % (key.encode(), value.encode())
        for key, value in fields.items()
    ]
    file = _UNSAFE.sub("_", picture.name)[-80:].encode() or b"picture"
    head = b'Content-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n'
    parts.append(head % (name.encode(), file, picture.media_type.encode()) + picture.content)
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary
    return f"multipart/form-data; boundary={boundary.decode()}", body
