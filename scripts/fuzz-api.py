"""Hooks of schemathesis for scripts/fuzz-api."""

import random
import re
import uuid

import schemathesis
from urllib3.util import connection

connect = connection.create_connection


def from_anywhere(address, *args, **kwargs):
    """Connects from one of the addresses of this machine: the server counts wrong tokens by address."""
    kwargs["source_address"] = (f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}", 0)
    return connect(address, *args[:1], **kwargs)


connection.create_connection = from_anywhere


@schemathesis.hook
def before_call(context, case, kwargs):
    """Uses no valid key twice: another request with a key that was used is refused, as it should be."""
    headers = case.headers or {}
    for name in list(headers):
        value = headers[name]
        if name.lower() == "idempotency-key" and isinstance(value, str):
            if re.fullmatch(r"[!-~]([ -~]{0,200}[!-~])?", value):
                headers[name] = f"{value}-{uuid.uuid4()}"
