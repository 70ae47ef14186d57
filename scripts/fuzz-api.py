"""Hooks of schemathesis for scripts/fuzz-api."""

import random
import re
import uuid

import schemathesis
import yaml
from urllib3.util import connection

connect = connection.create_connection
# Tests set the seed of the common one again and again.
anew = random.SystemRandom()


def from_anywhere(address, *args, **kwargs):
    """Connects from one of the addresses of this machine: the server counts wrong tokens by address."""
    kwargs["source_address"] = (f"127.{anew.randint(1, 254)}.{anew.randint(1, 254)}.{anew.randint(1, 254)}", 0)
    return connect(address, *args[:1], **kwargs)


connection.create_connection = from_anywhere


@schemathesis.deserializer("application/yaml")
def documents(context, response):
    """Reads all documents of a text; one alone would be read without this."""
    return list(yaml.safe_load_all(response.content))


@schemathesis.hook
def filter_case(context, case):
    """Any text may be CSV, so that no body is a wrong one."""
    return case.media_type != "text/csv" or isinstance(case.body, str)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Uses no valid key twice: another request with a key that was used is refused, as it should be."""
    headers = case.headers or {}
    for name in list(headers):
        value = headers[name]
        if name.lower() == "idempotency-key" and isinstance(value, str):
            if re.fullmatch(r"[!-~]([ -~]{0,200}[!-~])?", value):
                headers[name] = f"{value}-{uuid.uuid4()}"
        elif name.lower() == "if-match" and value == "0":
            # Where a request needs a token, 0 is made for a header that stands beside it, whatever its pattern is.
            headers[name] = '"0"'
