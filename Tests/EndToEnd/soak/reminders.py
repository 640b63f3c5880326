"""Many reminders that are due at once: their speed, and none lost or sent twice when senders are killed."""

import random
import re
import time
from collections import Counter
from pathlib import Path

import jobs
from client import sign_up
from smtp_sink import SMTPSink
from soak.scenarios import Finding
from system import System

PORT_OFFSET = 14100
HOSTS = 4
#: The time between two starts by cron.
LIMIT_SECONDS = 60
KILLING_LIMIT_SECONDS = 400


def reminders(count):
    with SMTPSink(light=True) as sink:
        system = System.start("reminders", PORT_OFFSET, CRON="off", SMTP_URL=f"smtp://127.0.0.1:{sink.port}",
                              RATE_LIMIT="on")
        try:
            user = sign_up(system.url())
            return [*_speed(system, sink, user, count), *_kills(system, sink, user, count)]
        finally:
            system.stop()


def _speed(system, sink, user, count):
    """Starts both jobs at the same moment, as cron does."""
    jobs.add_tasks(system, user.id, count, title="fast")
    started, peak = time.monotonic(), 0
    running = [jobs.start(system, job) for job in jobs.SENDING]
    while sink.count("messages") < count and time.monotonic() < started + 3 * LIMIT_SECONDS:
        peak = max([peak, *(_resident_kilobytes(process.pid) for process in running)])
        if running[0].poll() is not None and running[0].returncode is not None and time.monotonic() > started + LIMIT_SECONDS:
            running[0] = jobs.start(system, "dispatch-reminders")
        time.sleep(0.2)
    took = time.monotonic() - started
    arrived = sink.count("messages")
    for process in running:
        jobs.kill(process)
    jobs.remind(system)
    sink.clear()
    return [
        Finding(f"{count:,} reminders that are due at once", f"sent in {LIMIT_SECONDS} s",
                f"{arrived:,} in {took:.0f} s", arrived == count and took < LIMIT_SECONDS),
        Finding("memory of a job over that, resident", "<= 40 MB", f"{peak / 1000:.0f} MB", peak <= 40_000),
    ]


def _kills(system, sink, user, count):
    """Runs both jobs on four hosts, and repeatedly kills one of the eight in the middle."""
    jobs.add_tasks(system, user.id, count, title="killed")
    running = {(job, host): _start(system, job) for job in jobs.SENDING for host in range(HOSTS)}
    kills, senders = 0, 0
    end = time.monotonic() + KILLING_LIMIT_SECONDS
    while len(_names(sink)) < count and time.monotonic() < end:
        time.sleep(random.uniform(0.2, 0.8))
        job, host = random.choice(list(running))
        if running[job, host].poll() is None:
            jobs.kill(running[job, host])
            kills += 1
            senders += job == "deliver-notifications"
        running[job, host] = _start(system, job)
    for process in running.values():
        jobs.kill(process)
    jobs.remind(system)
    arrived = _names(sink)
    titles = {match for message in sink.messages for match in re.findall(rb"^Subject: (.*?)\r$", message.content, re.M)}
    twice = sum(arrived.values()) - len(arrived)
    return [
        Finding(f"{count:,} reminders, {HOSTS} dispatchers and {HOSTS} senders, killed {kills} times", "none lost",
                f"{len(titles):,} arrived", len(titles) == count),
        Finding("of these, reminders that went out under two names", "0", str(len(arrived) - len(titles)),
                len(arrived) == len(titles)),
        Finding("of these, mails that came twice, by one name", f"<= {senders} (senders killed)", str(twice),
                twice <= senders),
    ]


def _start(system, job):
    more = {"DELIVERY_WORKERS": 1} if job == "deliver-notifications" else {}
    return jobs.start(system, job, **jobs.ELSEWHERE, **more)


def _names(sink):
    return Counter(re.search(rb"^Message-ID: (.*?)\r$", message.content, re.M).group(1) for message in sink.messages)


def _resident_kilobytes(pid):
    try:
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))
    except (FileNotFoundError, AttributeError, ProcessLookupError):
        return 0
