"""A Celery app whose control and event queues can be exclusive, as Celery 5.6 supports."""

import os

from celery import Celery

app = Celery("transient_app", broker=os.environ["BROKER"])
app.conf.update(broker_connection_retry_on_startup=True)
if os.environ.get("EXCLUSIVE") == "1":
    app.conf.update(control_queue_exclusive=True, event_queue_exclusive=True)


@app.task(name="proj.add")
def add(x, y):
    return x + y
