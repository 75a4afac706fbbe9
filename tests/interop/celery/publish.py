"""Sends one message of each kind to a queue that we consume and prints their ids as JSON."""

import json
import sys
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

queue = sys.argv[1]

from app import add, app, echo  # noqa: E402

new = len(sys.argv) > 2 and sys.argv[2] == "c57"
to = {"queue": queue}
sent = {}

sent["delay"] = add.apply_async((2, 2), **to)
sent["keywords"] = add.apply_async(kwargs={"x": 1, "y": "ü\U0001f600"}, **to)
sent["options"] = add.apply_async(
    (2, 2),
    eta=datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2))),
    expires=datetime(2031, 1, 2, tzinfo=timezone.utc),
    priority=5,
    shadow="shown",
    retries=3,
    time_limit=600,
    soft_time_limit=540.5,
    ignore_result=True,
    headers={"tenant": "a", "big": 2**40, "negative": -5, "small": 200, "list": [1, {"a": 300}]},
    **to,
)
sent["naive"] = add.apply_async((2, 2), eta=datetime(2030, 1, 2, 3, 4, 5), **to)
sent["by_name"] = app.send_task("proj.add", args=[2, 2], **to)
sent["compressed"] = add.apply_async(("x" * 1000, "y"), compression="zlib", **to)
sent["bzip2"] = add.apply_async(("x" * 1000, "y"), compression="bzip2", **to)
sent["linked"] = add.apply_async((2, 2), link=add.s(1), link_error=echo.si(), **to)
sent["chained"] = (add.s(2, 2).set(**to) | add.s(4) | add.s(8)).apply_async()
sent["member"] = add.apply_async(
    (1, 1), group_id="g1", group_index=1, chord=echo.s().set(task_id="body"), **to
)
signature = add.s(2, 2)
if new:
    signature.stamp(tenant="a")
sent["stamped"] = signature.apply_async(**to)
values = [
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    date(2026, 1, 2),
    time(3, 4),
    Decimal("1.5"),
    uuid.UUID(int=5),
    2**60,
    float("nan"),
    float("-inf"),
]
sent["typed"] = echo.apply_async(values + ([b"abc", b"\xff\x00ab"] if new else []), **to)
app.conf.task_protocol = 1
sent["protocol1"] = add.apply_async((2, 2), group_id="g1", link=add.s(1), time_limit=60, **to)

print(json.dumps({name: result.id for name, result in sent.items()}))
