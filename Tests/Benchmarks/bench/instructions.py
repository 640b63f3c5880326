"""How many instructions a request costs its function, counted by callgrind: the same on a busy machine and a slow one."""

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

#: What the counts were when they were last accepted.
ACCEPTED = Path(__file__).resolve().parents[1] / "instructions.json"
#: How much more is too much.
TOLERANCE = 1.05

FIRST, LAST = 30, 130
START_LIMIT_SECONDS = 60


def count(system, function, request, executable=None, keep=None):
    """Instructions of a function in user mode for each request, once it is warm.

    `request` gives the variables and the body of the nth request. `keep` is where to leave callgrind's own output.
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
                       # Swift's hash tables are seeded by chance otherwise.
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
