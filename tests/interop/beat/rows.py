"""Creates django-celery-beat's rows like its admin does, or prints their current state as JSON."""

import json
import sys
from datetime import timedelta

import django

django.setup()

from django.utils import timezone  # noqa: E402
from django_celery_beat.models import (  # noqa: E402
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

now = timezone.now()
TASK = "shop.tasks.shipping"


def row(name, **fields):
    """Each has unique arguments, and therefore a unique result."""
    weight = PeriodicTask.objects.count() + 1
    fields = {"task": TASK, "args": f"[{weight}]", "kwargs": '{"country": "KR"}', **fields}
    return PeriodicTask.objects.create(name=name, **fields)


def make_one():
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    row("each second", interval=second)


def make_all():
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    hour, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    micro, _ = IntervalSchedule.objects.get_or_create(every=5, period="microseconds")
    minutely, _ = CrontabSchedule.objects.get_or_create(minute="*/5", timezone="Asia/Seoul")
    clocked, _ = ClockedSchedule.objects.get_or_create(clocked_time=now + timedelta(seconds=2))
    solar, _ = SolarSchedule.objects.get_or_create(event="sunset", latitude=37.5, longitude=127)
    row("each second", interval=second, priority=3, headers='{"tenant": "a"}')
    row("at a time", clocked=clocked, one_off=True)
    row("once", interval=second, one_off=True)
    row("from now on", interval=hour, start_time=now + timedelta(seconds=1))
    row("with a start to come", interval=second, start_time=now + timedelta(days=1))
    row("switched off", interval=second, enabled=False)
    row("expired", interval=second, expires=now - timedelta(days=1))
    row("at sunset", solar=solar)
    row("too often", interval=micro)
    row("in python", interval=hour, start_time=now, task="shop.tasks.total", args="[[1, 2]]", kwargs="{}")
    # Saved without the form validation, which would refuse it.
    bad = row("not json", interval=second)
    PeriodicTask.objects.filter(pk=bad.pk).update(args="{3}")
    late = row("late", crontab=minutely)
    PeriodicTask.objects.filter(pk=late.pk).update(last_run_at=now - timedelta(minutes=21))


def switch_off():
    PeriodicTask.objects.filter(name__in=["each second", "late"]).update(enabled=False)


def report():
    fields = ("name", "args", "enabled", "total_run_count")
    print(json.dumps({one["name"]: one for one in PeriodicTask.objects.values(*fields)}))


{"one": make_one, "all": make_all, "off": switch_off, "report": report}[sys.argv[1]]()
