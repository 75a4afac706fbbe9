"""A Celery app with the task that a subscription sends for each paid order."""

import os

from celery import Celery

app = Celery("ship_app", broker=os.environ["BROKER"])
# The vhost's queue `celery` is declared as its default type.
app.conf.update(task_default_queue="celery", task_default_queue_type="quorum")


@app.task(name="proj.ship")
def ship(order):
    print(f"shipped {order}", flush=True)
