"""The cost of a call to its function, by REST and by gRPC."""

import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from client import sign_up
from soak.scenarios import Finding

ROUNDS = 5
CONNECTIONS = 16
TASKS = 50
# A clock tick is 10 ms, and two medians of the same thing are a few percent apart.
NOISE = 1.05


def door_costs(stage, calls):
    """Measures the processor time of get-task and list-tasks per call, by REST and by gRPC, in interleaved rounds."""
    account = sign_up(stage.system.url())
    tasks = [account.new_task(f"task {number}", description="as people write them") for number in range(TASKS)]
    task_id = tasks[0]["id"]
    cases = {
        "get-task": (f"/api/v1/tasks/{task_id}", "GetTask", b"\x0a" + bytes([len(task_id)]) + task_id.encode()),
        "list-tasks": ("/api/v1/tasks", "ListTasks", b""),
    }
    return [_compare(stage.system, calls, account.token, function, *case) for function, case in cases.items()]


def _compare(system, calls, token, function, path, method, message):
    with tempfile.NamedTemporaryFile() as body:
        body.write(b"\0" + len(message).to_bytes(4, "big") + message)
        body.flush()
        authorization = ["-H", f"authorization: Bearer {token}"]
        rest = ["--h1", "-m", "1", "-c", str(CONNECTIONS), *authorization, system.url() + path]
        grpc = ["-m", "4", "-c", str(CONNECTIONS // 4), *authorization, "-H", "te: trailers",
                "-H", "content-type: application/grpc", "-d", body.name,
                f"http://127.0.0.1:{system.grpc_port()}/task.v1.TaskService/{method}"]
        costs = {"REST": [], "gRPC": []}
        for _ in range(ROUNDS):
            for door, arguments in (("REST", rest), ("gRPC", grpc)):
                costs[door].append(_cost(system, function, calls, arguments))
    medians = {door: statistics.median(values) for door, values in costs.items()}
    ranges = {door: f"{medians[door]:.0f} ({min(values):.0f}-{max(values):.0f})" for door, values in costs.items()}
    return Finding(f"processor time of {function} by gRPC", "<= by REST",
                   f"{ranges['gRPC']} and {ranges['REST']} µs a call",
                   medians["gRPC"] <= medians["REST"] * NOISE)


def _cost(system, function, calls, arguments):
    """Measures the microseconds per call of a function's workers, over a number of calls."""
    workers = system.workers(function)
    before = sum(map(_ticks, workers))
    said = subprocess.run(["h2load", "-n", str(calls), "-t", "1", *arguments],
                          capture_output=True, text=True, check=True, timeout=120).stdout
    assert f"status codes: {calls} 2xx" in said, said
    return (sum(map(_ticks, workers)) - before) * 1e6 / os.sysconf("SC_CLK_TCK") / calls


def _ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
