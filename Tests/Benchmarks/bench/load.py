"""Load by wrk: the same requests, of many users and for many tasks, to each contender."""

import json
import random
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 16
#: The number of different requests that a load cycles through.
VARIETY = 2_000

SCRIPT = """
local requests = {{}}
init = function()
  for line in io.lines("{file}") do
    local method, path, token, body = line:match("^(%S+)\\t(%S+)\\t(%S*)\\t(.*)$")
    local headers = {{}}
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    if body == "" then body = nil else headers["Content-Type"] = "application/json" end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end
local next = 0
request = function()
  next = next % #requests + 1
  return requests[next]
end
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %f %f %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


class Rate(NamedTuple):
    """The results of a load. Times are in milliseconds."""
    requests: int
    per_second: float
    p50: float
    p99: float
    refused: int        # answers with a status of 400 and above
    lost: int           # requests without an answer


class Endpoint(NamedTuple):
    """One kind of request: `line` makes one as method, path, token, body."""
    name: str
    function: str
    line: object
    writes: bool = False


def run(url, script, seconds, connections=CONNECTIONS):
    """Sends requests for a number of seconds."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", script, url],
        capture_output=True, text=True, timeout=seconds + 30)
    found = re.search(r"^RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+) (\d+)$", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    requests, microseconds, p50, p99, refused, lost = map(float, found.groups())
    return Rate(int(requests), requests * 1e6 / microseconds, p50 / 1e3, p99 / 1e3, int(refused), int(lost))


def write_script(folder, endpoint, data, seed):
    """Makes a script for wrk, with requests that are the same for the same seed."""
    chance = random.Random(f"{endpoint.name} {seed}")
    requests = Path(folder, f"{endpoint.name}.requests")
    requests.write_text("".join(
        "\t".join(endpoint.line(data, chance)) + "\n" for _ in range(VARIETY)))
    script = Path(folder, f"{endpoint.name}.lua")
    script.write_text(SCRIPT.format(file=requests))
    return script


def _get(data, chance):
    user = chance.choice(data.users)
    return "GET", f"/api/v1/tasks/{chance.choice(user.tasks)}", user.token, ""


def _list(data, chance):
    return "GET", "/api/v1/tasks", chance.choice(data.users).token, ""


def _create(data, chance):
    body = {"title": f"Write report {chance.randrange(10**6)}", "priority": chance.choice(["LOW", "MEDIUM", "HIGH"]),
            "description": "what a person writes about it, " * chance.randrange(1, 4),
            "due_date": f"2030-0{chance.randrange(1, 9)}-11T16:30:00Z"}
    return "POST", "/api/v1/tasks", chance.choice(data.users).token, json.dumps(body)


def _update(data, chance):
    user = chance.choice(data.users)
    body = {"title": f"Rewrite report {chance.randrange(10**6)}", "priority": chance.choice(["LOW", "HIGH"])}
    return "PATCH", f"/api/v1/tasks/{chance.choice(user.tasks)}", user.token, json.dumps(body)


def _login(data, chance):
    user = chance.choice(data.users)
    return "POST", "/api/v1/auth/login", "", json.dumps({"username": user.name, "password": data.password})


ENDPOINTS = {endpoint.name: endpoint for endpoint in [
    Endpoint("get", "get-task", _get),
    Endpoint("list", "list-tasks", _list),
    Endpoint("create", "create-task", _create, writes=True),
    Endpoint("update", "update-task", _update, writes=True),
    Endpoint("login", "login", _login, writes=True),
]}
