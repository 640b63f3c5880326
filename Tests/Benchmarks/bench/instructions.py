"""The instructions of a request in its function, counted by callgrind: the same on busy and on slow machines."""

import json
import os
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from bench import fastcgi
from system import REPOSITORY

#: The counts that were last accepted.
ACCEPTED = Path(__file__).resolve().parents[1] / "instructions.json"
#: The factor above which growth is an error.
TOLERANCE = 1.05

FIRST, LAST = 30, 130
START_LIMIT_SECONDS = 60


def count(system, function, request, executable=None, keep=None):
    """Returns the instructions per request of a warm function, in user mode.

    `request` returns the variables and the body of the nth request. `keep` is where to leave callgrind's own output.
    """
    few = _total(system, function, request, FIRST, executable, None)
    many = _total(system, function, request, LAST, executable, keep)
    return (many - few) / (LAST - FIRST)


def _total(system, function, request, requests, executable, keep):
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder, "socket"), keep or Path(folder, "callgrind.out")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(16)
        environment = {**system.environment_of(function), "MAX_REQUESTS": str(requests), "LOG_FILE": f"{folder}/log",
                       # Otherwise, the seeds of Swift's hash tables are random.
                       "SWIFT_DETERMINISTIC_HASHING": "1"}
        with listener:
            worker = subprocess.Popen(
                ["valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={output}",
                 executable or REPOSITORY / ".build/functions" / function],
                stdin=listener, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, cwd="/")
        try:
            for number in range(requests):
                variables, body = request(number)
                said = fastcgi.ask(path, variables, body, timeout=START_LIMIT_SECONDS)
                assert said.startswith(b"Status: 2"), said.decode()
            _, error = worker.communicate(timeout=START_LIMIT_SECONDS)
        finally:
            worker.kill()
        assert worker.returncode == 0, error.decode()
        return int(re.search(r"^(?:summary|totals): (\d+)", Path(output).read_text(), re.MULTILINE).group(1))
