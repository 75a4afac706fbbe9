"""Settings of Django for the results of the measured Celery app."""

import os
from urllib.parse import unquote, urlsplit

SECRET_KEY = "only-for-the-benchmark"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = ["django_celery_results"]

database = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database.path.lstrip("/"),
        "USER": unquote(database.username or ""),
        "PASSWORD": unquote(database.password or ""),
        "HOST": database.hostname,
        "PORT": database.port or 5432,
        # Seconds a connection is reused; 0 is Django's default. Celery closes obsolete connections after each task.
        "CONN_MAX_AGE": None if os.environ.get("REUSE") == "1" else 0,
    }
}
