"""Controls supervisord over its Unix socket.

Usage: pools.py SOCKET COMMAND [ARGUMENT...]

  start NAME...            starts programs that are not running yet
  start-pools              starts the pools in the table on standard input, without their spare slots
  add-pools                reads supervisord's file again, and starts the pools that are new in it; the table as above
  remove-pool FUNCTION     ends a pool, which supervisord then forgets
  signal NAME SIGNAL       sends a program a signal
  list                     prints group, state and process id of every process, separated by tabs
  restart-pool FUNCTION    tries a new worker out, then replaces the pool's workers one by one, starting each new one first
"""

import http.client
import json
import os
import socket
import sys
import time
import xmlrpc.client

from supervisor.xmlrpc import Faults, SupervisorTransport

RUNNING = ("STARTING", "RUNNING")

# A new worker must answer within so many seconds, and live for so long.
TRIAL_ANSWER_SECONDS = 5
TRIAL_LIFE_SECONDS = 1


def connect(path):
    return xmlrpc.client.ServerProxy(
        "http://supervisor", transport=SupervisorTransport("", "", f"unix://{path}")
    ).supervisor


def probe(name):
    """Asks a worker through the gateway's socket for probes; None if none answers. It lies beside supervisord's."""
    path = os.path.join(os.path.dirname(sys.argv[1]), "probe", "probe.sock")
    connection = http.client.HTTPConnection("probe", timeout=2)
    with socket.socket(socket.AF_UNIX) as connection.sock:
        connection.sock.settimeout(2)
        try:
            connection.sock.connect(path)
        except OSError as error:
            raise SystemExit(f"nginx does not answer at {path}: {error.strerror}")
        try:
            connection.request("GET", f"/{name}", headers={"Connection": "close"})
            reply = connection.getresponse()
            body = reply.read(4096)
        except (OSError, http.client.HTTPException):
            return None
    if reply.status != 200:
        return None
    return json.loads(body) if body else {}


def start(supervisor, name):
    try:
        supervisor.startProcess(name)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != Faults.ALREADY_STARTED:
            raise SystemExit(f"{name} does not start: {fault.faultString}")


def stop(supervisor, name):
    try:
        supervisor.stopProcess(name)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode not in (Faults.NOT_RUNNING, Faults.BAD_NAME):
            raise


def start_pools(supervisor):
    for line in sys.stdin:
        function, _service, workers, _nice, _queue = line.split()
        for slot in range(int(workers)):
            start(supervisor, f"{function}:{function}-{slot}")


def add_pools(supervisor):
    [(added, changed, removed)] = supervisor.reloadConfig()
    lines = [line.split() for line in sys.stdin]
    for group in added:
        supervisor.addProcessGroup(group)
    for function, _service, workers, _nice, _queue in lines:
        if function in added:
            for slot in range(int(workers)):
                start(supervisor, f"{function}:{function}-{slot}")
    for group in (*changed, *removed):
        if not group.startswith("trial-"):
            print(f"{group}: its pool or settings have changed; that takes effect at the next scripts/stop and scripts/run",
                  file=sys.stderr)


def remove_pool(supervisor, function):
    for group in (function, f"trial-{function}"):
        try:
            supervisor.stopProcessGroup(group)
            supervisor.removeProcessGroup(group)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.BAD_NAME:
                raise


def list_processes(supervisor):
    for p in supervisor.getAllProcessInfo():
        print(p["group"], p["statename"], p["pid"], sep="\t")


def try_out(supervisor, function):
    """Starts a worker of the new build where no request reaches it; it must answer as this function, and stay alive."""
    name = f"trial-{function}:trial-{function}"
    refusal = f"{function}: the old workers stay, because a new one"

    def is_alive(info):
        return info["pid"] == pid and info["statename"] in RUNNING

    stop(supervisor, name)  # a trial that was cut off has left it
    start(supervisor, name)
    begin = time.monotonic()
    info = supervisor.getProcessInfo(name)
    pid, log = info["pid"], info["stdout_logfile"]
    try:
        while (answer := probe(f"trial-{function}")) is None:
            if not is_alive(supervisor.getProcessInfo(name)):
                raise SystemExit(f"{refusal} exits as soon as it starts. See {log}")
            if time.monotonic() > begin + TRIAL_ANSWER_SECONDS:
                raise SystemExit(f"{refusal} has not answered within {TRIAL_ANSWER_SECONDS} seconds. See {log}")
            time.sleep(0.02)
        if answer.get("function", function) != function:
            raise SystemExit(f"{refusal} is another function: {answer['function']}")
        if answer.get("keys", "UP") != "UP":
            raise SystemExit(f"{refusal} has no usable keys: {answer['reason']}")
        time.sleep(max(0, begin + TRIAL_LIFE_SECONDS - time.monotonic()))
        if not is_alive(supervisor.getProcessInfo(name)):
            raise SystemExit(f"{refusal} ends within {TRIAL_LIFE_SECONDS} second. See {log}")
    finally:
        stop(supervisor, name)


def restart_pool(supervisor, function):
    def slots():
        return [p for p in supervisor.getAllProcessInfo() if p["group"] == function]

    def replace(old, spare):
        start(supervisor, spare)
        pid = supervisor.getProcessInfo(spare)["pid"]
        # A worker that cannot run (a broken build, a missing setting) exits at once; then the old one must stay.
        time.sleep(0.1)
        new = supervisor.getProcessInfo(spare)
        if new["pid"] != pid or new["statename"] not in RUNNING:
            supervisor.stopProcess(spare)
            raise SystemExit(
                f"a new worker of {function} exits as soon as it starts; the old ones stay."
                f" See {new['stdout_logfile']}"
            )
        # Returns once the worker has ended; supervisord kills it after stopwaitsecs.
        supervisor.stopProcess(old)

    all_slots = slots()
    if not all_slots:
        raise SystemExit(f"there is no pool {function}")
    running = [f"{function}:{p['name']}" for p in all_slots if p["statename"] in RUNNING]
    idle = [f"{function}:{p['name']}" for p in all_slots if p["statename"] not in RUNNING]
    if not running:
        raise SystemExit(f"the pool {function} is stopped")
    if not idle:  # the spare slot was started by hand
        surplus = running.pop()
        supervisor.stopProcess(surplus)
        idle = [surplus]
    try_out(supervisor, function)
    spare = idle[0]
    for old in running:
        replace(old, spare)
        spare = old
    print(f"{function}: {len(running)} worker{'s' if len(running) > 1 else ''} replaced")


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    supervisor, command, arguments = connect(sys.argv[1]), sys.argv[2], sys.argv[3:]
    try:
        if command == "start":
            for name in arguments:
                start(supervisor, name)
        elif command == "start-pools":
            start_pools(supervisor)
        elif command == "add-pools":
            add_pools(supervisor)
        elif command == "remove-pool":
            remove_pool(supervisor, *arguments)
        elif command == "signal":
            supervisor.signalProcess(*arguments)
        elif command == "list":
            list_processes(supervisor)
        elif command == "restart-pool":
            restart_pool(supervisor, *arguments)
        else:
            raise SystemExit(__doc__)
    except OSError as error:
        raise SystemExit(f"supervisord does not answer: {error}")
    except xmlrpc.client.Fault as fault:
        raise SystemExit(f"supervisord says: {fault.faultString}")
    except KeyboardInterrupt:
        raise SystemExit(130)


main()
