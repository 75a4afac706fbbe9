"""A Celery project whose tasks run on workers of ours."""

import os

from celery import Celery

app = Celery("app", broker=os.environ["BROKER"])
app.conf.update(broker_connection_retry_on_startup=True)


@app.task(name="proj.add")
def add(x, y):
    return x + y
