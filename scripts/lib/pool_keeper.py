"""An extension of supervisord for FastCGI pools. supervisord loads it as an RPC interface, which is its way of being
extended (`rpcinterface_factory` in supervisord.conf), although nothing here is called over RPC.

1. supervisord closes a pool's socket when the last worker ends, even if all of them crashed at once, and so drops the
   requests in the socket's queue. With this extension, the socket stays open while any worker is about to come back,
   and closes when the pool is stopped on purpose (nginx then answers 503 at once).
2. supervisord may notice the end of a worker only after a second, because since Python 3.5 a signal does not interrupt
   poll(). Here, SIGCHLD wakes it, and a worker is started again within milliseconds, but not more often than every
   SHORTEST_LIFE_SECONDS: a worker that cannot run must not use up a processor.
3. While it shuts down, supervisord goes on from one group of programs to the next only when poll() returns: up to a
   second for each group that has nothing to stop. Here, it goes on every ten milliseconds.
4. nginx does not limit the size of its logs. Here, a log that has grown past its limit is renamed to `<file>.1`, and
   nginx begins a new one.
5. A signal that reaches a new process between fork() and exec() is handled by Python's handlers and lost: a worker that
   is told to stop right after its start goes on, and is killed 15 seconds later in the middle of a request. Here, such
   a signal waits until the new process can end by it.
"""

import os
import signal
import time

from supervisor import events
from supervisor.states import ProcessStates

COMING_BACK = (
    ProcessStates.STARTING,
    ProcessStates.RUNNING,
    ProcessStates.EXITED,
    ProcessStates.BACKOFF,
)

SHORTEST_LIFE_SECONDS = 0.25


class Waker:
    """A pipe in supervisord's poll(): Python writes a byte to it for every signal."""

    def __init__(self, supervisord):
        self.keep_awake = False
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)
        signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        supervisord.options.get_socket_map()[self.reader] = self

    def wake(self):
        try:
            os.write(self.writer, b"\0")
        except BlockingIOError:
            pass  # full: poll() wakes anyway

    def readable(self):
        return True

    def writable(self):
        return False

    def handle_read_event(self):
        os.read(self.reader, 4096)
        if self.keep_awake:
            time.sleep(0.01)
            self.wake()

    def handle_error(self):
        pass


class LogKeeper:
    def __init__(self, supervisord, paths, maximum_bytes):
        self._supervisord, self._paths, self._maximum_bytes = supervisord, paths, maximum_bytes
        events.subscribe(events.Tick5Event, self._check)

    def _check(self, _event):
        nginx = self._supervisord.process_groups["nginx"].processes["nginx"].pid
        for path in self._paths:
            try:
                if nginx and os.stat(path).st_size > self._maximum_bytes:
                    os.rename(path, f"{path}.1")
                    os.kill(nginx, signal.SIGUSR1)  # opens its logs again
            except OSError:
                continue  # tried again five seconds later


class PoolKeeper:
    def __init__(self, supervisord):
        self._waker = Waker(supervisord)
        self._sockets = {}
        events.subscribe(events.ProcessStateEvent, self._state_changed)
        events.subscribe(events.SupervisorStoppingEvent, self._stopping)

    def _state_changed(self, event):
        group = event.process.group
        if hasattr(group, "socket_manager"):
            if any(p.state in COMING_BACK for p in group.processes.values()):
                self._sockets.setdefault(group.config.name, group.socket_manager.get_socket())
            else:
                self._sockets.pop(group.config.name, None)
        if event.process.state == ProcessStates.EXITED and event.process.config.autorestart:
            self._restart_soon(event.process)

    def _restart_soon(self, process):
        again = process.laststart + SHORTEST_LIFE_SECONDS
        if time.time() < again:
            # supervisord's own waiting state, without its growing delays and without giving up.
            process.state, process.backoff, process.delay = ProcessStates.BACKOFF, 1, again
        self._waker.wake()

    def _stopping(self, _event):
        self._waker.keep_awake = True
        self._waker.wake()


STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def _after_fork_in_child():
    signal.set_wakeup_fd(-1)
    for number in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _guard_forks(_event):
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS),
        after_in_child=_after_fork_in_child,
    )


def make_pool_keeper(supervisord, logs="", log_maximum_bytes="0"):
    # Only after supervisord has become a daemon: that is a fork too, after which it must keep its handlers.
    events.subscribe(events.SupervisorRunningEvent, _guard_forks)
    LogKeeper(supervisord, logs.split(), int(log_maximum_bytes))
    return PoolKeeper(supervisord)
