"""Runs a program in a pseudo-terminal, as tests/support/pty.ts asks, and prints what happened as JSON."""

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time

given = json.loads(sys.argv[1])
main, side = os.openpty()


def resize(columns, rows):
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def own_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


resize(given["columns"], given["rows"])
before = termios.tcgetattr(side)
child = subprocess.Popen(
    given["command"], stdin=side, stdout=side, stderr=side, preexec_fn=own_terminal
)
output = ""
end = time.monotonic() + given["seconds"]


def read(seconds):
    """Appends what the program writes within some seconds; False if it writes nothing."""
    global output
    if not select.select([main], [], [], seconds)[0]:
        return False
    output += os.read(main, 65536).decode(errors="replace")
    return True


def fail(why):
    child.kill()
    sys.exit(f"{why}; its output: {output!r}")


for step in given["steps"]:
    if "until" in step:
        start = len(output)
        while step["until"] not in output[start:]:
            has_ended = child.poll() is not None
            if not read(0.1) and (has_ended or time.monotonic() > end):
                fail(f"{step['until']!r} did not appear")
    elif "size" in step:
        resize(*step["size"])
    elif "type" in step:
        os.write(main, step["type"].encode())
    elif "signal" in step:
        child.send_signal(getattr(signal, step["signal"]))
while child.poll() is None:
    if time.monotonic() > end:
        fail("it did not end")
    read(0.1)
while read(0.1):
    pass
restored = termios.tcgetattr(side) == before
print(json.dumps({"code": child.returncode, "restored": restored, "output": output}))
