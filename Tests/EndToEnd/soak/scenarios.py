"""The scenarios. Each returns findings; its length and number of repetitions are parameters."""

import http.client
import json
import math
import os
import random
import re
import secrets
import signal
import socket
import statistics
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from client import expect, sign_up
from soak.load import LOST, Load, each, get, mixed, post

SMALL_BYTES, LARGE_BYTES = 2_000, 600_000

#: The functions whose pools the usual load uses, session check included.
BUSY_POOLS = ["get-task", "list-tasks", "create-task", "check-session", "verify-token"]


class Finding(NamedTuple):
    """One figure: the promise, the required and the measured value, and whether it is met."""
    what: str
    required: str
    measured: str
    ok: bool


class Stage:
    """The users and tasks of the scenarios."""

    def __init__(self, system):
        self.system = system
        self.port = system.port()
        self.reader = sign_up(system.url())
        self.light_reader = sign_up(system.url())
        self.writer = sign_up(system.url())
        for number in range(200):
            self.reader.new_task(title=f"task {number}", description=_words(LARGE_BYTES // 200))
        task = self.light_reader.new_task(title="small", description=_words(SMALL_BYTES))
        self.small_path, self.large_path = f"/tasks/{task['id']}", "/tasks?page_size=200"
        small, large = (_plain(account, path) for account, path in (
            (self.light_reader, self.small_path), (self.reader, self.large_path)))
        assert len(small) >= SMALL_BYTES and len(large) >= LARGE_BYTES
        self.small = get("get 2 kB", self.small_path, self.light_reader.token, small)
        self.large = get("list 600 kB", self.large_path, self.reader.token, large)
        self.short_list = get("list 2 kB", "/tasks?page_size=1", self.light_reader.token,
                              _plain(self.light_reader, "/tasks?page_size=1"))
        self.user = get("get user", f"/users/{self.light_reader.id}", self.light_reader.token,
                        _plain(self.light_reader, f"/users/{self.light_reader.id}"))
        self.create = post("create 2 kB", "/tasks", self.writer.token, _new_task, _same_task,
                           keep=lambda body: json.loads(body)["id"])

    def usual(self, small=68, large=2, create=30):
        """Makes a mix of small and large reads, and writes, in these shares."""
        return mixed((small, self.small), (large, self.large), (create, self.create))

    def lost_writes(self, ids):
        """Counts the acknowledged tasks that are missing."""
        shots = [get("verify", f"/tasks/{id}", self.writer.token, lambda _, body: None) for id in ids]
        with Load(self.port, each(shots), clients=8) as load:
            outcome = load.join()
        return len(ids) - outcome.counts["verify", 200]


def _words(length):
    return "".join(secrets.choice("abcdefghij klmno") for _ in range(length))


def _plain(account, path):
    return account.get(path, headers={"Accept-Encoding": "identity"}).content


WORDS = _words(SMALL_BYTES * 2)


def _new_task():
    start = random.randrange(SMALL_BYTES)
    return {"title": f"task {start}", "description": f"<{WORDS[start:start + SMALL_BYTES]}>"}   # no blank at an end


def _same_task(sent, received):
    return None if all(received[name] == value for name, value in sent.items()) else "another task came back"


def _count(number):
    return f"{number:,}"


def _answers_are_valid(outcome):
    """Finds no short body, no wrong content, no error outside the error shape."""
    return Finding("every answer is whole and in its shape", "0 broken",
                   f"{outcome.broken_count} of {_count(outcome.total)} {outcome.broken[:3] or ''}".strip(),
                   outcome.broken_count == 0 and outcome.total > 0)


# PostgreSQL becomes unavailable

def database_goes(stage, rounds, violently, between_seconds=1.5):
    """Restarts PostgreSQL under load, or kills it with SIGKILL and starts it again."""
    postgres, gaps = stage.system.postgres, []
    workers = stage.system.workers(*BUSY_POOLS)
    with Load(stage.port, stage.usual(large=1), clients=8) as load:
        time.sleep(between_seconds)
        for _ in range(rounds):
            gaps.append(postgres.kill() if violently else postgres.restart())
            time.sleep(1 + between_seconds)
        outcome = load.stop()
    failed = outcome.failures()
    others = {timing.status for timing in failed} - {503}
    lag = max((_lag(timing, gaps) for timing in failed), default=0.0)
    lost = stage.lost_writes(outcome.kept)
    same = workers == stage.system.workers(*BUSY_POOLS)
    how = f"kill -9 of PostgreSQL, {rounds} times" if violently else f"PostgreSQL restarted {rounds} times"
    return [
        Finding(f"{how}: what fails", "503 only", f"{len(failed)} of {_count(outcome.total)} failed: "
                f"{outcome.statuses()}", not others),
        Finding("service again after its return", "<= 1 s", f"{lag:.2f} s", lag <= 1),
        Finding("acknowledged writes lost", "0", f"{lost} of {_count(len(outcome.kept))}",
                lost == 0 and len(outcome.kept) > 0),
        Finding("workers restarted for it", "0", "0" if same else "some", same),
        _answers_are_valid(outcome),
    ]


def _lag(timing, gaps):
    """The time from PostgreSQL being ready to the start of a failed request; 0 while it was unavailable."""
    before = [ready for away, ready in gaps if away <= timing.end]
    return max(0.0, timing.start - before[-1]) if before else math.inf


def database_stalls(stage, seconds):
    """Stops all of PostgreSQL with SIGSTOP for a while."""
    postgres = stage.system.postgres
    refusals, ended = [], threading.Event()
    with Load(stage.port, stage.usual(large=1), clients=8) as load:
        time.sleep(1)
        stopped_at = time.monotonic()
        stopped = postgres.pause()
        try:
            time.sleep(1)
            probe = threading.Thread(target=_probe_refusals, args=(stage, refusals, ended))
            probe.start()
            time.sleep(max(0, stopped_at + seconds - time.monotonic()))
            ended.set()
            probe.join()
        finally:
            postgres.resume(stopped)
            ended.set()
        back = time.monotonic()
        time.sleep(4)
        outcome = load.stop()
    during = [timing for timing in outcome.timings if timing.end > stopped_at and timing.start < back]
    longest = max(timing.end - timing.start for timing in during)
    failed = outcome.failures()
    others = {timing.status for timing in failed} - {503, 504}
    early = [timing for timing in failed if timing.end < stopped_at]
    lag = max((timing.start - back for timing in failed), default=0.0)
    middle, worst = statistics.median(refusals), max(refusals)
    return [
        Finding(f"SIGSTOP of PostgreSQL for {seconds} s: what fails", "503 and 504 only",
                f"{outcome.statuses()}", not others and not early and len(failed) > 0),
        Finding("the longest request", "<= 5 s", f"{longest:.2f} s", longest <= 5),
        Finding("a bad token gets its 401", "<= 50 ms",
                f"median {middle * 1000:.1f} ms, max {worst * 1000:.1f} ms of {len(refusals)}", worst <= 0.05),
        Finding("service again after SIGCONT", "<= 2 s", f"{max(0, lag):.2f} s", lag <= 2),
        _answers_are_valid(outcome),
    ]


def _probe_refusals(stage, refusals, ended):
    good = stage.light_reader.token
    bad = [good[:-6] + secrets.token_urlsafe(5)[:6], "x.y.z", good + "."]
    paths = [("GET", stage.small_path), ("GET", "/tasks"), ("DELETE", stage.small_path)]
    while not ended.is_set():
        for token in bad:
            method, path = random.choice(paths)
            # A new token, for which no cache can answer.
            token = token if token == "x.y.z" else token[:-8] + secrets.token_hex(4)
            start = time.monotonic()
            status, _ = _ask(stage.port, method, path, token)
            refusals.append(time.monotonic() - start if status == 401 else math.inf)
        ended.wait(0.05)


def _ask(port, method, path, token=None, body=None, timeout_seconds=15):
    """Sends one request on a separate connection, and returns status and body (LOST if there was no answer)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is not None:
        headers["Content-Type"], body = "application/json", json.dumps(body)
    try:
        connection.request(method, f"/api/v1{path}", body=body, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException):
        return LOST, b""
    finally:
        connection.close()


# Workers come and go

def replacements(stage, at_least, requests=0, seconds=0, by_script=False, clients=16, limit_seconds=900):
    """Replaces workers one by one, starting each new one first, until all three numbers are reached."""
    replaced, wrong, enough = [], [], threading.Event()

    def replace(functions):
        supervisor = stage.system.supervisor()
        try:
            while not enough.is_set():
                for function in functions:
                    if by_script:
                        workers = len(stage.system.workers(function))
                        stage.system.script("restart-pool", function)
                        replaced.extend([function] * workers)
                    else:
                        stage.system.replace_worker(function, supervisor)
                        replaced.append(function)
        except Exception as error:      # becomes a finding; the load must be stopped in any case
            wrong.append(f"{functions}: {error!r}"[:500])

    # The script replaces one pool at a time, as an operator would; through the supervisor, all pools go at once.
    groups = [BUSY_POOLS] if by_script else [[function] for function in BUSY_POOLS]
    threads = [threading.Thread(target=replace, args=(group,)) for group in groups]
    with Load(stage.port, stage.usual(), clients=clients, processes=2) as load:
        started = time.monotonic()
        for thread in threads:
            thread.start()
        while not wrong and time.monotonic() < started + limit_seconds and (
                len(replaced) < at_least or load.requests < requests
                or time.monotonic() < started + seconds):
            time.sleep(0.1)
        enough.set()
        for thread in threads:
            thread.join()
        outcome = load.stop()
    failed = outcome.failures()
    return [
        Finding("workers replaced under load, new one first", f">= {_count(at_least)}",
                f"{_count(len(replaced))} {wrong or ''}".strip(), len(replaced) >= at_least and not wrong),
        Finding("requests meanwhile", f">= {_count(requests)}", _mix(outcome), outcome.total >= requests),
        Finding("requests that failed", "0", f"{len(failed)} {outcome.statuses() if failed else ''}".strip(),
                not failed),
        _answers_are_valid(outcome),
    ]


def _mix(outcome):
    names = sorted({name for name, _ in outcome.counts})
    parts = ", ".join(f"{_count(sum(n for (name, _), n in outcome.counts.items() if name == wanted))} {wanted}"
                      for wanted in names)
    return f"{_count(outcome.total)} ({parts})"


def killed_workers(stage, seconds, interval_seconds=0.1):
    """Kills a worker with `kill -9` at regular intervals."""
    kills = 0
    supervisor = stage.system.supervisor()
    with Load(stage.port, stage.usual(), clients=8) as load:
        time.sleep(0.5)
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            pids = [slot["pid"] for slot in supervisor.getAllProcessInfo()
                    if slot["pid"] and slot["group"] in BUSY_POOLS]
            if pids:
                try:
                    os.kill(random.choice(pids), signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
            time.sleep(max(0, started + kills * interval_seconds - time.monotonic()))
        killed_until = time.monotonic()
        time.sleep(2.5)
        outcome = load.stop()
    failed = outcome.failures()
    # The beginning of a long answer may already be on its way when its worker dies; then the answer is cut off.
    cut = [text for text in outcome.broken if re.search(r"600 kB 0: the connection was closed after", text)]
    others = [timing.status for timing in failed if timing.status not in (502, 503)]
    late = [timing for timing in failed if timing.start > killed_until + 2]
    return [
        Finding(f"kill -9 of a worker every {interval_seconds * 1000:.0f} ms for {seconds} s",
                f">= {int(seconds / interval_seconds * 0.8)} kills", f"{kills} kills, {_mix(outcome)}",
                kills >= seconds / interval_seconds * 0.8),
        Finding("requests that failed", "at most one for each kill", f"{len(failed)}", len(failed) <= kills),
        Finding("how they failed", "502 and 503, or a 600 kB answer cut off at once",
                f"{outcome.statuses()}, {len(cut)} cut off", len(others) == len(cut) == outcome.broken_count),
        Finding("2 s after the last kill", "nothing fails", f"{len(late)} failed", not late),
    ]


# Too many, too slow

def overload(stage, seconds, times=10):
    """Runs a multiple of as many clients as there are workers for them."""
    pools = ["get-task", "list-tasks", "create-task", "get-user"]
    clients = times * len(stage.system.workers(*pools))
    supply = mixed((3, stage.small), (2, stage.short_list), (3, stage.create), (2, stage.user))
    calm = statistics.median(_latencies(stage, 50))
    with Load(stage.port, supply, clients=clients, processes=2, after_failure_seconds=0.2) as load:
        time.sleep(seconds)
        outcome = load.stop()
    ended = time.monotonic()
    normal = max(5 * calm, 0.03)
    back = 0.0
    while time.monotonic() < ended + 4:
        [latency] = _latencies(stage, 1)
        if latency > normal:
            back = time.monotonic() - ended
    refused = outcome.failures()
    others = {timing.status for timing in refused} - {429, 503}
    latencies = outcome.latencies()
    return [
        Finding(f"{clients} clients for {seconds} s: what is refused", "429 and 503 with Retry-After only",
                f"{outcome.statuses()}", not others),
        Finding("what is answered", "most of it", f"{len(latencies):,}, the slowest in "
                f"{latencies[-1] if latencies else math.inf:.2f} s", len(latencies) > outcome.total / 2),
        Finding("back to normal", "<= 2 s", f"{back:.2f} s (normal: {calm * 1000:.1f} ms)", back <= 2),
        _answers_are_valid(outcome),
    ]


def _latencies(stage, count):
    found = []
    for _ in range(count):
        start = time.monotonic()
        status, _ = _ask(stage.port, "GET", stage.small_path, stage.light_reader.token)
        found.append(time.monotonic() - start if status == 200 else math.inf)
    return found


def slow_clients(stage, seconds, connections=50):
    """Runs clients that send half a request, or read at a trickle, while others work as usual."""
    supply = stage.usual(large=5)
    with Load(stage.port, supply, clients=4) as load:
        time.sleep(seconds / 2)
        calm = load.stop()
    with _crowd(stage, connections):
        with Load(stage.port, supply, clients=4) as load:
            time.sleep(seconds)
            crowded = load.stop()
    before, after = calm.latencies(), crowded.latencies()
    p95_before, p95_after = before[int(len(before) * 0.95)], after[int(len(after) * 0.95)]
    limit = max(2 * p95_before, p95_before + 0.02)
    failed = crowded.failures()
    return [
        Finding(f"{connections} stalled senders and {connections} slow readers: failed requests of others", "0",
                f"{len(failed)} of {_count(crowded.total)}", not failed),
        Finding("time of others (95 of 100 within)", f"<= {limit * 1000:.1f} ms",
                f"{p95_after * 1000:.1f} ms (before: {p95_before * 1000:.1f} ms)", p95_after <= limit),
        _answers_are_valid(crowded),
    ]


@contextmanager
def _crowd(stage, connections):
    token = stage.reader.token
    head = f"Host: x\r\nAuthorization: Bearer {token}\r\n"
    halves = [f"GET /api/v1{stage.large_path} HTTP/1.1\r\n{head}",
              f"POST /api/v1/tasks HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
              'Content-Length: 2000\r\n\r\n{"title": "half',
              f"POST /api/v1/tasks HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
              "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"ti", "POST /api/v1/auth/lo"]
    whole = f"GET /api/v1{stage.large_path} HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
    crowd, over = [], threading.Event()

    def trickle():
        while not over.wait(0.2):
            for reader in crowd[connections:]:
                try:
                    reader.recv(1024)
                except OSError:
                    pass

    for number in range(2 * connections):
        client = socket.socket()
        if number >= connections:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(5)
        client.connect(("127.0.0.1", stage.port))
        client.sendall((halves[number % len(halves)] if number < connections else whole).encode())
        client.setblocking(False)
        crowd.append(client)
    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for client in crowd:
            client.close()


# Memory and time

def private_kilobytes(pid):
    """Returns the memory that belongs to a process alone."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1])
    raise AssertionError("no Private_Dirty")


def memory(stage, requests, growth_kilobytes=256):
    """Measures the private memory of each worker before and after a number of requests."""
    with Load(stage.port, stage.usual(large=5), clients=8) as load:
        while load.requests < max(2000, requests // 20):     # until every buffer has its final size
            time.sleep(0.05)
    before = {pid: private_kilobytes(pid) for pid in stage.system.workers(*BUSY_POOLS)}
    with Load(stage.port, stage.usual(large=2), clients=8, processes=2) as load:
        while load.requests < requests:
            time.sleep(0.05)
        outcome = load.stop()
    after = {pid: private_kilobytes(pid) for pid in stage.system.workers(*BUSY_POOLS) if pid in before}
    growth = max(after[pid] - before[pid] for pid in after)
    return [
        Finding(f"private memory of {len(after)} workers over {_count(outcome.total)} requests",
                f"grows <= {growth_kilobytes} kB",
                f"{max(before.values())} kB at most before, {max(after.values())} kB after; "
                f"the most that one grew: {growth} kB", growth <= growth_kilobytes and len(after) == len(before)),
        _answers_are_valid(outcome),
    ]


def login_timing(system, username, samples, pause=0.0):
    """Compares the distributions of the times of refused logins: unknown user and wrong password."""
    times = {"unknown user": [], "wrong password": []}
    kinds = list(times) * samples
    random.shuffle(kinds)
    connection = http.client.HTTPConnection("127.0.0.1", system.port(), timeout=15)
    for kind in ["unknown user", "wrong password"] * 2 + kinds:
        name = username if kind == "wrong password" else f"nobody-{secrets.token_hex(4)}"
        body = json.dumps({"username": name, "password": "not the password"})
        while True:
            start = time.perf_counter()
            connection.request("POST", "/api/v1/auth/login", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            reply.read()
            took = time.perf_counter() - start
            time.sleep(pause)
            if reply.status != 429:
                break
            time.sleep(int(reply.getheader("Retry-After")))
        assert reply.status == 401, reply.status
        times[kind].append(took)
    connection.close()
    unknown, wrong = (values[2:] for values in times.values())      # the first ones warm up
    medians = statistics.median(unknown), statistics.median(wrong)
    apart = abs(medians[0] - medians[1]) / max(medians)
    rank = rank_test(unknown, wrong)
    return [
        Finding("medians of unknown user and wrong password", "<= 5 % apart",
                f"{medians[0] * 1000:.2f} ms and {medians[1] * 1000:.2f} ms: {apart:.1%}", apart <= 0.05),
        Finding(f"rank test of {samples} samples each", "|z| <= 3.3 (p >= 0.001)", f"z = {rank:.2f}",
                abs(rank) <= 3.3),
    ]


def rank_test(first, second):
    """The z value of the Mann-Whitney test: how certain it is that one sample is slower."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(index + 1 for index, (_, group) in enumerate(ranked) if group == 0)
    n, m = len(first), len(second)
    u = ranks - n * (n + 1) / 2
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def still_well(stage):
    """Checks that a plain request is answered afterwards."""
    expect(stage.light_reader.get(stage.small_path), 200)
