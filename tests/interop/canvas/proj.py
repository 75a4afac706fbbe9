"""A Celery app in one file, with results in Django's database: `python proj.py migrate`, `celery -A proj worker`."""

import os
import sys
from urllib.parse import urlsplit

from django.conf import settings

url = urlsplit(os.environ["DATABASE"])
settings.configure(
    SECRET_KEY="test",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django_celery_results"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path[1:],
            "USER": url.username,
            "PASSWORD": url.password or "",
            "HOST": url.hostname,
            "PORT": url.port,
        }
    },
)

import django  # noqa: E402

django.setup()

from celery import Celery  # noqa: E402
from kombu import Queue  # noqa: E402

app = Celery("proj", broker=os.environ["BROKER"], backend="django-db")
app.conf.update(
    result_extended=True,
    task_track_started=True,
    # Our queue is a quorum queue and is never declared here.
    task_routes={"deno.*": {"queue": Queue("celeriac.default", no_declare=True)}},
    worker_enable_remote_control=False,
)


@app.task(name="proj.add")
def add(x, y):
    return x + y


@app.task(name="proj.slow_add")
def slow_add(x, y):
    import time

    time.sleep(1)
    return x + y


@app.task(name="proj.sum")
def xsum(numbers):
    return sum(numbers)


@app.task(name="proj.echo")
def echo(*args, **kwargs):
    return [list(args), kwargs]


@app.task(name="proj.fail")
def fail(*args):
    raise ValueError("boom")


@app.task(name="proj.join")
def join(task):
    from celery.result import allow_join_result

    with allow_join_result():
        return app.AsyncResult(task).get(timeout=60, interval=0.05)


if __name__ == "__main__" and sys.argv[1:] == ["migrate"]:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
