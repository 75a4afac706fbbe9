"""Settings of a shop with Celery tasks, one of which now runs in Celeriac."""

import os
from urllib.parse import unquote, urlsplit

from kombu import Queue

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-this-example")
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
TIME_ZONE = "Asia/Seoul"
USE_TZ = True
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django_celery_results",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

database = urlsplit(os.environ.get("DATABASE_URL", "postgres://postgres@localhost:5432/shop"))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database.path.lstrip("/"),
        "USER": unquote(database.username or ""),
        "PASSWORD": unquote(database.password or ""),
        "HOST": database.hostname,
        "PORT": database.port or 5432,
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "amqp://user:password@localhost:5672/vhost")
CELERY_RESULT_BACKEND = "django-db"
CELERY_CACHE_BACKEND = "django-cache"
CELERY_ACCEPT_CONTENT = ["application/json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TIMEZONE = "Asia/Seoul"
DJANGO_CELERY_RESULTS_TASK_ID_MAX_LENGTH = 191

# Show names, arguments, tracebacks and the state of running tasks in the admin.
CELERY_RESULT_EXTENDED = True
CELERY_TASK_TRACK_STARTED = True
# If a queue rejects a message, the request fails and the message is not lost.
CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True}

# The tasks that Celeriac runs, by name. With no_declare, Celery does not declare the queue: it is a
# quorum queue, and Celery's declaration would fail with 406.
CELERIAC = {"queue": Queue("celeriac.default", no_declare=True)}
CELERY_TASK_ROUTES = {"shop.tasks.shipping": CELERIAC}
