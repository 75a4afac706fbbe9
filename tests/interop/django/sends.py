"""Sends tasks from the example's Django project to our worker and prints Django's view of each as JSON."""

import json
import os
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import django

django.setup()

from celery import Celery  # noqa: E402
from celery.result import AsyncResult  # noqa: E402
from celery.exceptions import TimeoutError as Waited  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.test import Client  # noqa: E402
from django_celery_results.models import TaskResult  # noqa: E402
from kombu import Exchange, Queue  # noqa: E402

import shop.errors  # noqa: E402, F401
from shop.celery import app  # noqa: E402
from shop.tasks import shipping, total  # noqa: E402

new = sys.argv[1] != "c52"
ours = Queue("celeriac.default", no_declare=True)
sent, report = {}, {}


def send(name, task, *args, **options):
    sent[name] = app.send_task(task, args=args, queue=ours, **options)
    return sent[name]


def seen(result):
    """All fields of AsyncResult, once it is ready."""
    try:
        value = result.get(timeout=60, interval=0.05)
        outcome = {"value": value}
    except Waited as error:
        outcome = {"waited": str(error)}
    except Exception as error:
        kind = type(error)
        outcome = {"raised": [kind.__module__, kind.__name__, [repr(arg) for arg in error.args]]}
    outcome.update(
        state=result.state,
        traceback=result.traceback,
        children=result.children,
        args=result.args,
        kwargs=result.kwargs,
        worker=result.worker,
        done=isinstance(result.date_done, datetime),
    )
    return outcome


def until(result, state):
    """Waits for an intermediate state and returns its info."""
    end = time.time() + 60
    while time.time() < end:
        if result.state == state:
            info = result.info
            return repr(info) if isinstance(info, Exception) else info
        if result.ready():
            return "was never seen: " + result.state
        time.sleep(0.02)
    return "was never seen"


# The shop's code, unchanged.
sent["delay"] = shipping.delay(2, "KR")
sent["keywords"] = shipping.delay(weight=1.5, country="DE")
sent["mixed"] = shipping.apply_async((3,), {"country": "JP"}, priority=5, headers={"tenant": "a", "epoch": 2**40})
sent["refused"] = shipping.delay(2, "XX")
sent["misfit"] = shipping.delay(-1, "KR")
send("too_many", "shop.tasks.shipping", 1, "KR", 5)

# By name.
send("by_name", "test.echo", {"ü": [1, None, True, 2**60, "\U0001f600"]})
send("none", "test.echo", None)
send("zipped", "test.echo", "x" * 5000, compression="zlib")
send("bzipped", "test.echo", "y" * 5000, compression="bzip2")
send("xzipped", "test.echo", "z" * 5000, compression="lzma")
send("unknown", "no.such.task", 1)
send("pickled", "test.echo", {1, 2}, serializer="pickle")
send("flaky", "test.flaky", 2)
send("rejected", "test.reject", "aside")
send("long_id", "test.echo", "long", task_id="x" * 191)
typed = [datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), Decimal("1.5"), uuid.UUID(int=5)]
send("typed", "test.echo", typed + ([b"abc"] if new else []))
send("nan", "test.echo", float("nan"))
send("ignored", "test.echo", 1, ignore_result=True)

# Time.
begun = datetime.now(timezone.utc)
send("countdown", "test.echo", "later", countdown=3)
send("eta", "test.echo", "then", eta=begun + timedelta(seconds=3))
send("expired", "test.echo", "never", expires=begun - timedelta(seconds=10))
send("expires_while_held", "test.echo", "never", countdown=4, expires=2)
send("limited", "test.sleep", 60, time_limit=2)
send("soft_limited", "test.sleep", 60, soft_time_limit=1)
send("ended", "test.block", time_limit=2)

# Intermediate states.
on_the_way = {
    "STARTED": until(send("started", "test.sleep", 6), "STARTED"),
    "PROGRESS": until(send("progress", "test.progress", 120, 50), "PROGRESS"),
    "RETRY": until(send("retried", "test.retry", 6), "RETRY"),
}
send("revoked", "test.echo", "never", countdown=600).revoke()
send("revoked_due", "test.echo", "never", countdown=3).revoke()
running = send("terminated", "test.block")
until(running, "STARTED")
app.control.revoke(running.id, terminate=True)

app.conf.task_protocol = 1
sent["protocol1"] = app.send_task("test.echo", args=("old",), queue=ours, countdown=1)
app.conf.task_protocol = 2

# A record that is REVOKED before its message arrives, as a worker of 5.7 writes it.
TaskResult.objects.create(
    task_id="revoked-before", status="REVOKED", content_type="application/json", content_encoding="utf-8",
    result='{"exc_type": "TaskRevokedError", "exc_message": ["revoked"], "exc_module": "celery.exceptions"}',
)
send("revoked_before", "test.echo", "never", task_id="revoked-before")

# The queue by its name alone: Celery declares it with its own arguments, and the broker refuses.
try:
    with app.connection_for_write() as connection:
        shipping.apply_async((2, "KR"), queue="celeriac.default", connection=connection)
    report["declared"] = "taken"
except Exception as error:
    report["declared"] = type(error).__name__

# A project with quorum queues and topic exchanges delays messages in the broker, but not to a direct exchange.
if new:
    quorum = Celery("quorum", broker=os.environ["CELERY_BROKER_URL"], set_as_current=False)
    quorum.conf.update(task_default_queue="theirs", task_default_queue_type="quorum", task_default_exchange_type="topic")
    tasks = Exchange("celeriac", type="direct", no_declare=True)
    direct = Queue("celeriac.default", tasks, routing_key="celeriac.default", no_declare=True)
    for name, countdown in (("quorum", 2), ("quorum_soon", 0.5)):
        made = quorum.send_task("test.echo", args=(name,), queue=direct, countdown=countdown)
        sent[name] = AsyncResult(made.id, app=app)

# The same task on both workers.
sent["there"] = total.delay([1, 2.5])
sent["here"] = total.apply_async(([1, 2.5],), queue=ours)

rpc = Celery("rpc", broker=os.environ["CELERY_BROKER_URL"], backend="rpc://", set_as_current=False)
rpc.conf.result_persistent = False
replies = {
    "value": rpc.send_task("test.echo", args=("reply",), queue=ours),
    "error": rpc.send_task("test.fail", args=("no reply",), queue=ours),
}
report["rpc"] = {}
for name, result in replies.items():
    try:
        report["rpc"][name] = result.get(timeout=60)
    except Exception as error:
        report["rpc"][name] = type(error).__name__ + repr(error.args)

unready = {"pickled", "ignored", "revoked", "nan"}
report["results"] = {name: seen(result) for name, result in sent.items() if name not in unready}
report["ids"] = {name: result.id for name, result in sent.items()}
report["begun"] = begun.timestamp()
report["on_the_way"] = on_the_way
report["done_after"] = {
    name: TaskResult.objects.get(task_id=sent[name].id).date_done.timestamp() - begun.timestamp()
    for name in ("countdown", "eta")
}
nan = seen(sent["nan"])
report["nan"] = repr(nan.get("value", nan))
report["revoked"] = sent["revoked"].state
report["ignored_rows"] = TaskResult.objects.filter(task_id=sent["ignored"].id).count()
report["pickled"] = TaskResult.objects.filter(task_id=sent["pickled"].id).values("status", "result").first()

hidden = ("id", "task_id", "date_created", "date_done", "date_started", "worker")
report["rows"] = {
    name: {
        key: json.loads(value) if key == "meta" else value
        for key, value in TaskResult.objects.filter(task_id=sent[name].id).values().get().items()
        if key not in hidden
    }
    for name in ("there", "here")
}

User.objects.create_superuser("admin", "admin@example.org", "admin")
client = Client()
client.login(username="admin", password="admin")
base = "/admin/django_celery_results/taskresult/"
pages = [base, base + "?status__exact=SUCCESS", base + "?q=shipping"]
pages += [f"{base}{pk}/change/" for pk in TaskResult.objects.values_list("pk", flat=True)]
report["pages"] = {}
for page in pages:
    answer = client.get(page)
    report["pages"].setdefault(str(answer.status_code), []).append(page)
report["listed"] = shipping.name in client.get(base).content.decode()

print(json.dumps(report, default=repr))
