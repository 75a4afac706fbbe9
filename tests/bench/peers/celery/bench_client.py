"""The client of the measured Celery app: the commands of programs/command_server.ts and the loads of programs/load_loops.ts.

    python bench_client.py
"""

import json
import math
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import django
from bench_app import add, app, stamp

CALL_LIMIT = 30

# Threads live until the process ends. Celery names the reply queue of rpc:// after the thread's id. A new
# thread can get the id of an ended one, whose consumer would still take half of the replies.
THREADS = ThreadPoolExecutor(max_workers=64)

django.setup()  # the backend of results imports models


def fill(tasks):
    """Sends over one reused producer, the fastest that Celery documents."""
    began = time.time() * 1000
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(int(tasks)):
            add.apply_async((1, 2), producer=producer)
    return {"beganMs": began}


def quantiles(values):
    ordered = sorted(values)
    at = lambda part: ordered[max(math.ceil(len(ordered) * part) - 1, 0)]  # noqa: E731
    return {"p50": at(0.5), "p99": at(0.99)}


def keep_in_flight(in_flight, seconds, call):
    took = []
    began = time.perf_counter()
    end = began + seconds

    def loop():
        while True:
            before = time.perf_counter()
            call()
            took.append((time.perf_counter() - before) * 1000)
            if time.perf_counter() > end:
                return

    for running in [THREADS.submit(loop) for _ in range(int(in_flight))]:
        running.result()
    return {"rate": len(took) / (time.perf_counter() - began), "calls": len(took), **quantiles(took)}


def pick_up(count, pause_ms):
    delays = []
    for _ in range(int(count)):
        time.sleep(pause_ms / 1000)
        sent = time.time() * 1000
        delays.append(stamp.delay().get(timeout=CALL_LIMIT, interval=0.005) - sent)
    return quantiles(delays)


def call():
    add.delay(1, 2).get(timeout=CALL_LIMIT)


COMMANDS = {
    "fill": lambda given: fill(given["tasks"]),
    "submit": lambda given: keep_in_flight(
        given["inFlight"], given["seconds"], lambda: add.apply_async((1, 2), ignore_result=True)
    ),
    "call": lambda given: keep_in_flight(given["inFlight"], given["seconds"], call),
    "pickUp": lambda given: pick_up(given["count"], given["pauseMs"]),
}


class Commands(BaseHTTPRequestHandler):
    def do_POST(self):
        url = urlsplit(self.path)
        given = {name: float(value) for name, value in parse_qsl(url.query)}
        try:
            status, body = 200, json.dumps(COMMANDS[url.path[1:]](given))
        except Exception:
            status, body = 500, traceback.format_exc()
        content = body.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", 0), Commands)
    print(f"ready at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
