"""Due times of Celery's `crontab`: reads `[line, timezone, from, to]` from the argument and prints the times of each as JSON."""

import json
import sys
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from celery import Celery
from celery.schedules import crontab


def due(line, name, start, end):
    minute, hour, day_of_month, month, day_of_week = line.split()
    app = Celery("crontabs", set_as_current=False)
    app.conf.timezone = name
    moment = {"now": None}
    schedule = crontab(
        minute, hour, day_of_week, day_of_month, month, nowfun=lambda: moment["now"], app=app
    )
    zone = ZoneInfo(name)
    last = datetime.fromisoformat(start).astimezone(zone)
    end = datetime.fromisoformat(end)
    times = []
    while True:
        moment["now"] = last
        seconds = schedule.remaining_estimate(last).total_seconds()
        following = datetime.fromtimestamp(round(last.timestamp() + seconds), timezone.utc)
        if following >= end:
            return times
        times.append(following.strftime("%Y-%m-%dT%H:%M:%SZ"))
        last = following.astimezone(zone)


print(json.dumps([due(*case) for case in json.loads(sys.argv[1])]))
