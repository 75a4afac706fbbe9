"""Broadcasts a revoke for each id, one after the other."""

import sys

import django

django.setup()

from shop.celery import app  # noqa: E402

for id in sys.argv[1:]:
    app.control.revoke(id)
