"""A Celery app with the tasks that our messages run and a task that sends messages to us."""

import os

from celery import Celery

app = Celery("app", broker=os.environ["BROKER"], backend="rpc://")
app.conf.update(
    result_persistent=False,
    # RabbitMQ 4.3 refuses the control queue that Celery 5.2 declares.
    worker_enable_remote_control=os.environ.get("CONTROL") == "1",
)


@app.task(name="proj.add")
def add(x, y):
    return x + y


@app.task(name="proj.request", bind=True)
def request(self):
    """Returns the received headers."""
    fields = ("id", "retries", "timelimit", "group", "group_index", "root_id", "parent_id", "shadow")
    users = ("small", "middle", "negative", "big", "nested")
    return {name: self.request.get(name) for name in fields + users}


@app.task(name="proj.echo")
def echo(*args, **kwargs):
    return [args, kwargs]


@app.task(name="proj.fail")
def fail(text):
    raise ValueError(text)
