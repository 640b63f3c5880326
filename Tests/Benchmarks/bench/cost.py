"""The cost of work: processor time by part of the system, memory, and the time to a first answer."""

import socket
import statistics
import subprocess
import time
from pathlib import Path

from bench import fastcgi
from bench.contenders import gateway_workers
from system import REPOSITORY

SESSION_CHECK = ("verify-token", "check-session")


class Clock:
    """The processor time of the parts, in µs, between two measurements."""

    def __init__(self, system, contender):
        self.groups = {
            "gateway": lambda: gateway_workers(system) | system.workers(*SESSION_CHECK),
            "function": contender.processes,
            "database": lambda: set(system.postgres.processes()),
        }
        self.before = self._look()

    def spent(self):
        """Counts only processes that are running at both measurements."""
        after = self._look()
        return {group: sum(time - self.before[group].get(pid, time) for pid, time in after[group].items())
                for group in self.groups}

    def _look(self):
        return {group: {pid: _microseconds(pid) for pid in find()} for group, find in self.groups.items()}


def _microseconds(pid):
    """The time on a processor, all threads together. Source: Documentation/scheduler/sched-stats of the kernel."""
    total = 0
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    except OSError:     # ended in the meantime
        pass
    return total / 1000


def private_memory(pids):
    """Returns the private memory of each process in MB."""
    sizes = []
    for pid in pids:
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
        sizes.append(sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty")) / 1024)
    return statistics.fmean(sizes)


def cold_start(command, environment, path, request, times=20):
    """Returns the median milliseconds from exec to the first answer, over a listening socket on standard input.

    `path` is where the program itself listens; `None` if it uses the socket that it is given.
    """
    durations = []
    for number in range(times):
        place = path or Path(environment["FOLDER"], f"socket-{number}")
        place.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            if not path:
                listener.bind(str(place))
                listener.listen(16)
            began = time.perf_counter()
            process = subprocess.Popen(command, stdin=listener if not path else subprocess.DEVNULL, env=environment,
                                       cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                while True:
                    try:
                        said = fastcgi.ask(place, *request)
                        break
                    except (ConnectionRefusedError, FileNotFoundError):
                        assert process.poll() is None, f"{command} ended with {process.returncode}"
                durations.append((time.perf_counter() - began) * 1000)
            finally:
                process.terminate()
                process.wait(10)
        assert said.startswith(b"Status: 200"), said
    return statistics.median(durations)


def executable(function):
    return REPOSITORY / ".build/functions" / function
