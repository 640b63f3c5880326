"""Helpers for the tests of notifications: jobs as cron would start them, and many reminders at once."""

import os
import pwd
import signal
import subprocess
import time

from contract import JOBS

#: The jobs that a reminder needs.
SENDING = ["dispatch-reminders", "deliver-notifications"]
#: Settings with which a job runs as if on a host of its own: it shares its lock and its circuits with nobody.
ELSEWHERE = {"BREAKER_DIR": "", "LOCK_DIR": ""}


def start(system, job, *arguments, service=None, **settings):
    """Starts a job as cron does, perhaps with other settings."""
    service = service or JOBS[job][0]
    name = f"task-functions-{service}"
    who = {}
    if os.getuid() == 0:
        user = pwd.getpwnam(name)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": os.getgrouplist(name, user.pw_gid)}
    return subprocess.Popen(
        [system.state_dir.resolve() / "run-job", service, job, *arguments] if not settings else
        ["bash", "-c", 'set -a; . "$0"; set +a; for pair in $SETTINGS; do export "$pair"; done; exec "$@"',
         system.state_dir.resolve() / "env" / f"{service}.env", system.state_dir.resolve() / "functions" / job, *arguments],
        cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, **who,
        env={"PATH": "/usr/bin:/bin", "SETTINGS": " ".join(f"{key}={value}" for key, value in settings.items()), "SERVICE": service,
             "LOG_FILE": str(system.state_dir.resolve() / "logs" / service / f"{job}.log")})


def run(system, job, *arguments, limit_seconds=70, **more):
    """Runs a job to its end and returns its output. Fails if the job does."""
    process = start(system, job, *arguments, **more)
    out, error = process.communicate(timeout=limit_seconds)
    assert process.returncode == 0, f"{job}: {process.returncode} {out.decode()} {error.decode()}"
    return out.decode()


def remind(system):
    """Sends everything that is due: finds the reminders, and sends the mail."""
    run(system, "dispatch-reminders")
    run(system, "deliver-notifications", "--drain")


def relay(system, *services):
    """Relays all events: one run of relay-events for each service that has events."""
    for service in services or JOBS["relay-events"]:
        run(system, "relay-events", "--drain", service=service)


def kill(process):
    """Kills a job with `kill -9`, wherever it is."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def add_tasks(system, user_id, count, due="30 minutes", title="task"):
    """Inserts tasks that are all due at the same time straight into the database; the titles are `title 1` and so on."""
    system.sql(
        "task_db", """
        INSERT INTO tasks (id, title, user_id, due_date, created_at, updated_at, next_reminder_at)
        SELECT gen_random_uuid()::text, :'title' || ' ' || n, :'user_id', now() + :'due'::interval, now(), now(),
          now() + :'due'::interval - interval '1 day'
        FROM generate_series(1, :count) n""",
        title=title, user_id=user_id, due=due, count=count)


def wait_until(condition, limit_seconds, what):
    end = time.monotonic() + limit_seconds
    while not condition():
        assert time.monotonic() < end, f"waited {limit_seconds} s for {what}"
        time.sleep(0.05)
