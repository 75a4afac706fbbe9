"""Sends every kind of message that is not a task to our worker's queue with py-amqp, each next to a valid one.

Prints the ids of the valid ones, and the name and expected dead-letter reason of each invalid one.
"""

import json
import os
import sys
import uuid
import zlib
from datetime import datetime
from decimal import Decimal
from urllib.parse import unquote, urlsplit

import amqp

queue = sys.argv[1]
url = urlsplit(os.environ["CELERY_BROKER_URL"])
connection = amqp.Connection(
    host=f"{url.hostname}:{url.port or 5672}",
    userid=unquote(url.username),
    password=unquote(url.password),
    virtual_host=unquote(url.path[1:]),
    confirm_publish=True,
)
connection.connect()
channel = connection.channel()

EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
GOOD = [["fine"], {}, EMBED]
NOTHING = object()
sent = {"good": [], "bad": {}, "fine": {}}


def encoded(body):
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def publish(body, headers, content_type="application/json"):
    properties = {"content_encoding": "utf-8", "delivery_mode": 2}
    if content_type is not NOTHING:
        properties["content_type"] = content_type
    if headers is not NOTHING:
        properties["application_headers"] = headers
    channel.basic_publish(amqp.Message(encoded(body), **properties), exchange="", routing_key=queue)


def good():
    id = str(uuid.uuid4())
    publish(GOOD, {"task": "test.echo", "id": id})
    sent["good"].append(id)


def headers(name, changes):
    given = {"task": "test.echo", "id": f"bad-{name}", "bad": name, **changes}
    return {key: value for key, value in given.items() if value is not NOTHING}


def bad(name, body=GOOD, reason="malformed", content_type="application/json", **changes):
    publish(body, headers(name, changes), content_type)
    sent["bad"][name] = reason
    good()


def fine(name, body=GOOD, **changes):
    """Unusual, but a valid task."""
    publish(body, headers(name, changes))
    sent["fine"][name] = f"bad-{name}"
    good()


nested = {"task": "test.echo", "args": [], "kwargs": {}, "options": {}, "subtask_type": None, "immutable": False}
deep = b"[" * 20000 + b"]" * 20000
deep_link = b'{"task":"test.echo","args":[],"kwargs":{},"options":{"link":[' * 3000 + b"{}" + b"]}}" * 3000

bad("id absent", id=NOTHING)
bad("id a list", id=["a"])
bad("id null", id=None)
bad("id empty", id="")
bad("id too long", id="x" * 300)
bad("task absent", task=NOTHING)
bad("task a list", task=["test.echo"])
bad("task null", task=None)
bad("task empty", task="")
bad("task a number", task=5)
bad("task unknown", reason="unknown-task", task="no.such.task")
bad("timelimit a number", timelimit=5)
bad("timelimit of one", timelimit=[5])
bad("timelimit of three", timelimit=[5, 5, 5])
bad("timelimit of texts", timelimit=["5", "5"])
bad("eta no time", eta="tomorrow")
bad("eta a number", eta=5)
bad("expires no time", expires="2030-13-01T00:00:00")
bad("retries a text", retries="five")
bad("compression unknown", compression="application/x-nothing")
bad("compression broken", compression="application/x-gzip")
bad("bomb", zlib.compress(b" " * 200_000_000), compression="application/x-gzip")
bad("content type absent", content_type=NOTHING, reason="content-type")
for number, kind in enumerate(
    ["application/data", "text/plain", "application/x-python-serialize", "application/json; charset=utf-8"]
):
    bad(f"content type {number}", content_type=kind, reason="content-type")
for name, body in {
    "of two": [["a"], {}],
    "of four": [["a"], {}, {}, {}],
    "an object": {},
    "of three keys": {"a": 1, "b": 2, "c": 3},
    "a text of three": "abc",
    "null": None,
    "a number": 5,
    "empty": b"",
    "no JSON": b"[[], {}, {}",
    "no UTF-8": b'[["\xff\xfe"], {}, {}]',
    "deep": deep,
    "args deep": b"[" + deep + b", {}, {}]",
    "a link in a link": b'[["a"], {}, {"callbacks": [' + deep_link + b"]}]",
    "args null": [None, {}, EMBED],
    "args a number": [5, {}, EMBED],
    "args an object": [{"a": 1}, {}, EMBED],
    "args a text": ["abc", {}, EMBED],
    "kwargs a list": [[], ["value"], EMBED],
    "embed a text": [["a"], {}, "embed"],
    "callbacks a number": [["a"], {}, dict(EMBED, callbacks=5)],
    "chain a text": [["a"], {}, dict(EMBED, chain="abc")],
    "errbacks a number": [["a"], {}, dict(EMBED, errbacks=5)],
    "typed as nothing known": [[{"__type__": "foo", "__value__": 1}], {}, EMBED],
    "typed wrongly": [[{"__type__": "datetime", "__value__": "no"}], {}, EMBED],
}.items():
    bad("body " + name, body)
bad("too many arguments", [[1, 2, 3], {}, EMBED], reason="invalid-input")
bad("unknown argument", [[], {"nothing": 1}, EMBED], reason="invalid-input")

# Without the headers that identify the others.
publish(GOOD, NOTHING)
publish(GOOD, {})
sent["bare"] = 2
good()

# Valid tasks that an ordinary client would not send.
fine("embed null", [["a"], {}, None])
fine("embed empty", [["a"], {}, []])
fine("group a number", group=5, root_id=7, shadow=1, argsrepr=2)
fine("wide integers", wide=2**40, negative=-(2**40), small=-5, middle=200)
fine("odd headers", decimal=Decimal("1.5"), when=datetime(2026, 1, 2), nothing=None, deep={"a": [{"b": [1]}]})
fine("ten thousand callbacks", [["a"], {}, dict(EMBED, errbacks=[nested] * 10_000)])
fine("NaN", b'[[NaN], {}, {}]')

# Too long for this project's tables: it runs and leaves no row.
publish(GOOD, {"task": "test.echo", "id": "y" * 200})
good()

connection.close()
print(json.dumps(sent))
