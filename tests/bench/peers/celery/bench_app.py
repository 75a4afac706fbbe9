"""The measured Celery app. The environment chooses its settings:

BROKER, RESULTS (django-db or rpc://), REUSE=1 (database connections stay open and more messages are
prefetched), SAFE=1 (quorum queue, confirmed publishes, late acks).
"""

import os
import sys
import time

from celery import Celery
from celery.signals import worker_ready

app = Celery("bench", broker=os.environ["BROKER"], backend=os.environ["RESULTS"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_pool_limit=64,
    task_default_queue="bench",
    worker_enable_remote_control=False,
)
if os.environ.get("REUSE") == "1":
    app.conf["CELERY_DB_REUSE_MAX"] = 1_000_000_000
    app.conf.worker_prefetch_multiplier = 32
if os.environ.get("SAFE") == "1":
    app.conf.update(
        broker_transport_options={"confirm_publish": True},
        task_acks_late=True,
        task_default_queue_type="quorum",
    )


@worker_ready.connect
def announce(**_):
    """Prints past the log, whose level stays at its default."""
    print("ready", file=sys.__stdout__, flush=True)


@app.task(name="add")
def add(x, y):
    return x + y


@app.task(name="stamp")
def stamp():
    """Returns when it began, epoch milliseconds."""
    return time.time() * 1000
