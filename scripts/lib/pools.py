"""Controls supervisord over its Unix socket.

Usage: pools.py SOCKET COMMAND [ARGUMENT...]

  start NAME...            starts programs that are not running yet
  start-pools              starts the pools in the table on standard input, without their spare slots
  restart-pool FUNCTION    replaces the pool's workers one by one, starting each new one first
"""

import sys
import time
import xmlrpc.client

from supervisor.xmlrpc import Faults, SupervisorTransport

RUNNING = ("STARTING", "RUNNING")


def connect(socket):
    return xmlrpc.client.ServerProxy(
        "http://supervisor", transport=SupervisorTransport("", "", f"unix://{socket}")
    ).supervisor


def start(supervisor, name):
    try:
        supervisor.startProcess(name)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != Faults.ALREADY_STARTED:
            raise SystemExit(f"{name} does not start: {fault.faultString}")


def start_pools(supervisor):
    for line in sys.stdin:
        function, _service, workers, _nice, _queue = line.split()
        for slot in range(int(workers)):
            start(supervisor, f"{function}:{function}-{slot}")


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
    spare = idle[0]
    for old in running:
        replace(old, spare)
        spare = old
    print(f"{function}: {len(running)} workers replaced")


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
