"""Load by gRPC: many calls in flight on one channel, in a process of its own, every answer checked."""

import asyncio
import multiprocessing
import time
from collections import Counter
from dataclasses import dataclass, field

import grpc.aio

from grpc_client import task_pb2, task_pb2_grpc, user_pb2, user_pb2_grpc


@dataclass
class Outcome:
    """The results of all callers."""
    counts: Counter = field(default_factory=Counter)        # (method, status) -> calls
    wrong: list = field(default_factory=list)               # sentences about invalid answers
    seconds: float = 0.0

    @property
    def total(self):
        return sum(self.counts.values())

    def failures(self):
        """Returns the calls that did not succeed."""
        return {key: count for key, count in self.counts.items() if key[1] != "OK"}


class GrpcLoad:
    """A number of callers on one channel; as a context manager, it stops at the end of the block.

    Each makes a call, waits for its answer, checks it, and makes the next: `calls` in total or, without that, until it
    is told to stop. Nothing is retried.
    """

    def __init__(self, port, account, in_flight, calls=None):
        # A process in which gRPC has started threads cannot be forked.
        context = multiprocessing.get_context("spawn")
        self._receiving, sending = context.Pipe(duplex=False)
        self._stop = context.Event()
        task = account.new_task("under load", description="x" * 2000)
        known = {"user": account.id, "task": task["id"], "token": account.token}
        self._process = context.Process(
            target=_run, args=(port, known, in_flight, calls, self._stop, sending), daemon=True)
        self._outcome = None

    def __enter__(self):
        self._process.start()
        assert self._receiving.poll(30) and self._receiving.recv() == "started"
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Lets every caller finish its call, and returns their results together."""
        self._stop.set()
        return self.join()

    def join(self):
        """Waits until all calls have been made, and returns their results together."""
        if self._outcome is None:
            self._outcome = self._receiving.recv()
            self._process.join()
        return self._outcome


def _run(port, known, in_flight, calls, stop, sending):
    sending.send("started")
    sending.send(asyncio.run(_call_all(port, known, in_flight, calls, stop)))


async def _call_all(port, known, in_flight, calls, stop):
    outcome, left = Outcome(), iter(range(calls)) if calls else iter(int, 1)
    options = [("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        kinds, signed = _kinds(channel, known), [("authorization", f"Bearer {known['token']}")]
        started = time.monotonic()

        async def caller(number):
            for turn in left:
                if stop.is_set():
                    return
                name, call, request, check = kinds[(number + turn) % len(kinds)]
                try:
                    answer = await call(request, timeout=10, metadata=signed)
                except grpc.aio.AioRpcError as error:
                    outcome.counts[name, error.code().name] += 1
                    outcome.wrong.append(f"{name}: {error.code().name} {error.details()}")
                    continue
                outcome.counts[name, "OK"] += 1
                if not check(answer):
                    outcome.wrong.append(f"{name}: {answer}"[:300])

        await asyncio.gather(*(caller(number) for number in range(in_flight)))
        outcome.seconds = time.monotonic() - started
    return outcome


def _kinds(channel, known):
    """Chooses the calls: mostly reads, and some writes."""
    tasks, users = task_pb2_grpc.TaskServiceStub(channel), user_pb2_grpc.UserServiceStub(channel)
    get = ("get-task", tasks.GetTask, task_pb2.GetTaskRequest(id=known["task"]),
           lambda task: task.id == known["task"] and len(task.description) == 2000)
    show = ("list-tasks", tasks.ListTasks, task_pb2.ListTasksRequest(page_size=1), lambda page: len(page.tasks) == 1)
    create = ("create-task", tasks.CreateTask, task_pb2.CreateTaskRequest(title="made under load"),
              lambda task: task.title == "made under load" and task.version == 1)
    user = ("get-user", users.GetUser, user_pb2.GetUserRequest(id=known["user"]),
            lambda found: found.id == known["user"])
    return [get, get, show, get, create, get, user, get, show, create]
