"""Load: many clients from a few processes, every answer checked to its last byte.

Each process drives its clients with one epoll loop; a client sends a request, waits for the whole answer, checks
it, and sends the next. Nothing is retried: a lost answer is a failure.
"""

import json
import multiprocessing
import random
import re
import select
import signal
import socket
import time
from collections import Counter, namedtuple
from dataclasses import dataclass, field
from typing import Callable, Optional

from client import wrong_with_error

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RECEIVE_BYTES = 1 << 18

#: A status of our own: no complete answer arrived.
LOST = 0

#: One finished request; times are in seconds of the monotonic clock.
Timing = namedtuple("Timing", "name status start end")


@dataclass
class Shot:
    """One kind of request, and the check of its answer.

    `request` makes the bytes and whatever `check` needs to know about them; `check` gets that and the body, and returns
    what is wrong (None: nothing). `keep` picks the part of an answer to remember.
    """
    name: str
    request: Callable
    status: int
    check: Callable
    keep: Optional[Callable] = None


@dataclass
class Outcome:
    """The results of a load."""
    counts: Counter = field(default_factory=Counter)     # (name, status) -> requests
    broken: list = field(default_factory=list)           # sentences about invalid answers
    broken_count: int = 0
    timings: list = field(default_factory=list)
    kept: list = field(default_factory=list)

    def add(self, other):
        self.counts += other.counts
        self.broken += other.broken
        self.broken_count += other.broken_count
        self.timings += other.timings
        self.kept += other.kept

    @property
    def total(self):
        return sum(self.counts.values())

    def statuses(self):
        """Returns the number of answers by status."""
        found = Counter()
        for (_, status), count in self.counts.items():
            found[status] += count
        return dict(found)

    def failures(self):
        """Returns the requests that were not answered with 2xx."""
        return [timing for timing in self.timings if not 200 <= timing.status < 300]

    def latencies(self, name=None):
        """Returns the times of the successful answers in seconds, sorted."""
        return sorted(timing.end - timing.start for timing in self.timings
                      if 200 <= timing.status < 300 and name in (None, timing.name))


def get(name, path, token, check):
    """Makes a GET that is always the same, with the bytes its body must have or a check of it."""
    data = _request("GET", path, token)
    if isinstance(check, bytes):
        expected = check

        def check(_, body):
            return None if body == expected else _difference(expected, body)
    return Shot(name, lambda: (data, None), 200, check)


def post(name, path, token, body, check, status=201, keep=None):
    """Makes a POST whose `body()` is a new object each time; `check` gets that object and the answer's JSON."""
    def request():
        sent = body()
        return _request("POST", path, token, json.dumps(sent).encode()), sent

    def check_json(sent, received):
        return check(sent, json.loads(received))
    return Shot(name, request, status, check_json, keep)


def _request(method, path, token, body=b""):
    lines = [f"{method} /api/v1{path} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _difference(expected, body):
    if len(expected) != len(body):
        return f"{len(body)} bytes instead of {len(expected)}"
    at = next(index for index, (a, b) in enumerate(zip(expected, body)) if a != b)
    return f"byte {at} differs: {body[max(0, at - 20):at + 20]!r}"


def mixed(*weighted):
    """Makes an endless supply of shots: `mixed((9, small), (1, large))`."""
    weights, shots = zip(*weighted)

    def supply(_process, _processes):
        choose = random.Random().choices
        while True:
            yield from choose(shots, weights, k=1000)
    return supply


def each(shots):
    """Makes a supply of these shots, each once, divided between the processes."""
    def supply(process, processes):
        yield from shots[process::processes]
    return supply


class Load:
    """A number of clients in a number of processes; as a context manager, it stops at the end of the block.

    `after_failure_seconds` is the pause of a client after an unexpected answer.
    """

    def __init__(self, port, supply, clients, processes=1, after_failure_seconds=0.05):
        self._context = multiprocessing.get_context("fork")
        self._stop = self._context.RawValue("b", 0)
        self._done = self._context.RawArray("L", processes)
        self._outcome = None
        self._processes = []
        for number in range(processes):
            receiving, sending = self._context.Pipe(duplex=False)
            share = clients // processes + (number < clients % processes)
            process = self._context.Process(daemon=True, target=self._run, args=(
                port, supply(number, processes), share, number, after_failure_seconds, sending))
            self._processes.append((process, receiving))

    def __enter__(self):
        for process, _ in self._processes:
            process.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def requests(self):
        """Returns the number of requests finished so far."""
        return sum(self._done)

    def stop(self):
        """Lets every client finish its request, and returns their results together."""
        self._stop.value = 1
        return self.join()

    def join(self):
        """Waits until a supply is used up, and returns the clients' results together."""
        if self._outcome is None:
            outcome = Outcome()
            for process, receiving in self._processes:
                outcome.add(receiving.recv())
                process.join()
            outcome.timings.sort(key=lambda timing: timing.end)
            self._outcome = outcome
        return self._outcome

    def _run(self, port, supply, clients, number, after_failure_seconds, sending):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        random.seed()
        loop = _Loop(port, supply, after_failure_seconds)
        loop.run(clients, self._stop, lambda count: self._done.__setitem__(number, count))
        sending.send(loop.outcome)
        sending.close()


class _Client:
    __slots__ = ("socket", "shot", "sent", "start", "received", "need", "resume")

    def __init__(self):
        self.socket = None
        self.shot = None
        self.resume = 0.0


class _Loop:
    LIMIT_SECONDS = 15

    def __init__(self, port, supply, after_failure_seconds):
        self.address = ("127.0.0.1", port)
        self.supply = supply
        self.after_failure_seconds = after_failure_seconds
        self.outcome = Outcome()
        self.epoll = select.epoll()
        self.by_number = {}
        self.resting = []
        self.busy = 0
        self.done = 0
        self.dry = False

    def run(self, clients, stop, report):
        self.resting = [_Client() for _ in range(clients)]
        checked = time.monotonic()
        while True:
            now = time.monotonic()
            if not (stop.value or self.dry):
                waiting, self.resting = self.resting, []
                for client in waiting:
                    if client.resume <= now:
                        self.fire(client)
                    else:
                        self.resting.append(client)
            elif not self.busy:
                break
            for number, _ in self.epoll.poll(0.01 if self.resting else 0.1):
                client = self.by_number.get(number)
                if client:
                    self.receive(client)
            report(self.done)
            if now - checked > 0.5:
                checked = now
                for client in list(self.by_number.values()):
                    if client.shot and now - client.start > self.LIMIT_SECONDS:
                        self.finish(client, LOST, f"no answer within {self.LIMIT_SECONDS} s")
        for client in list(self.by_number.values()):
            self.close(client)
        report(self.done)

    def fire(self, client):
        shot = next(self.supply, None)
        if shot is None:
            self.dry = True
            return
        data, client.sent = shot.request()
        client.shot, client.received, client.need = shot, bytearray(), None
        client.start = time.monotonic()
        self.busy += 1
        try:
            if client.socket is None:
                client.socket = socket.create_connection(self.address, timeout=5)
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.by_number[client.socket.fileno()] = client
                self.epoll.register(client.socket.fileno(), select.EPOLLIN)
            client.socket.settimeout(5)
            client.socket.sendall(data)
            client.socket.setblocking(False)
        except OSError as error:
            self.finish(client, LOST, f"could not send: {error!r}")

    def receive(self, client):
        try:
            chunk = client.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            chunk, why = b"", repr(error)
        else:
            why = "the connection was closed"
        if client.shot is None:      # between two requests
            self.close(client)
            return
        if not chunk:
            self.finish(client, LOST, f"{why} after {len(client.received)} of {client.need or '?'} bytes")
            return
        client.received += chunk
        if client.need is None:
            end = client.received.find(b"\r\n\r\n")
            if end < 0:
                return
            status = int(client.received[9:12])
            found = CONTENT_LENGTH.search(client.received, 0, end + 2)
            if not found and status not in (204, 304):
                self.finish(client, LOST, "an answer without Content-Length")
                return
            client.need = end + 4 + (int(found.group(1)) if found else 0)
        if len(client.received) < client.need:
            return
        if len(client.received) > client.need:
            self.finish(client, LOST, f"{len(client.received) - client.need} bytes too many")
            return
        self.judge(client)

    def judge(self, client):
        head, _, body = bytes(client.received).partition(b"\r\n\r\n")
        status = int(head[9:12])
        wrong = None
        if status == client.shot.status:
            try:
                wrong = client.shot.check(client.sent, body)
            except (ValueError, KeyError, TypeError) as error:
                wrong = f"unreadable: {error!r}"
            if wrong is None and client.shot.keep:
                self.outcome.kept.append(client.shot.keep(body))
        else:
            lines = head.decode("latin-1").split("\r\n")[1:]
            headers = dict(line.split(": ", 1) for line in lines if ": " in line)
            wrong = wrong_with_error(status, headers, body)
        closing = b"\r\nconnection: close" in head.lower()
        self.finish(client, status, wrong, close=closing)

    def finish(self, client, status, wrong, close=False):
        now = time.monotonic()
        shot, client.shot = client.shot, None
        self.busy -= 1
        self.done += 1
        self.outcome.counts[shot.name, status] += 1
        self.outcome.timings.append(Timing(shot.name, status, client.start, now))
        if wrong:
            self.outcome.broken_count += 1
            if len(self.outcome.broken) < 1000:
                self.outcome.broken.append(f"{shot.name} {status}: {wrong}")
        if close or status == LOST:
            self.close(client)
        client.resume = now + (0 if status == shot.status else self.after_failure_seconds)
        self.resting.append(client)

    def close(self, client):
        if client.socket is not None:
            self.by_number.pop(client.socket.fileno(), None)
            client.socket.close()      # epoll removes it by itself
            client.socket = None
