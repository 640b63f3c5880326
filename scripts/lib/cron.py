"""Starts the jobs of a crontab at their times. The host's cron could do so, but it belongs to root, and its jobs
would go on after the system has ended. The file has the format of /etc/cron.d, so that either can run it.

Usage: cron.py CRONTAB            runs until SIGTERM, which it passes on to the running jobs
       cron.py --check CRONTAB    reports what is wrong with the file

Unlike cron, it supports neither names for times (@daily) nor `%` in commands, and a job's output goes where its
own messages go instead of into a mail. Like cron, it uses local time, and does not make up for minutes in which
it, or the machine, was not running.
"""

import datetime
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import time

from croniter import croniter

# With more jobs than this at once, something is wrong with them, and starting more would make it worse.
MOST_JOBS = 20
# The time that jobs have to end; supervisord waits a little longer (stopwaitsecs).
GRACE_SECONDS = 10
# The longest time until a change of the clock is noticed.
LONGEST_SLEEP_SECONDS = 5
# A clock that is set back by this much or less is being corrected: jobs that ran in those minutes do not run again.
# One that is set back by more was wrong before, and time goes on from where it is now.
CORRECTION_MINUTES = 2

ENDING = {signal.SIGTERM, signal.SIGINT}
HEARD = ENDING | {signal.SIGCHLD}


def say(level, message):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    print(json.dumps({"time": now, "level": level, "function": "cron", "message": message}), flush=True)


class Job:
    """One line of the crontab."""

    def __init__(self, times, user, command, settings):
        self.times = times
        self.user = user
        self.command = command
        self.settings = dict(settings)

    def is_due(self, moment):
        return croniter.match(self.times, moment)

    def start(self):
        account = pwd.getpwnam(self.user)
        as_user = {}
        if os.geteuid() == 0:
            groups = os.getgrouplist(self.user, account.pw_gid)
            as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}
        environment = {
            "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": account.pw_dir, "LANG": "C.UTF-8",
            **self.settings, "LOGNAME": self.user, "USER": self.user,
        }
        return subprocess.Popen(
            [environment["SHELL"], "-c", self.command],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # to signal the shell and its children together
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, ()),
            **as_user,
        )


def read(path):
    """Returns the jobs of the file, and what is wrong with it."""
    jobs, problems, settings = [], [], {}
    with open(path) as file:
        text = file.read()
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        setting = re.fullmatch(r"([A-Za-z_]\w*)\s*=\s*(.*)", line)
        if setting:
            settings[setting[1]] = setting[2].strip("\"'")
            continue
        *times, user, command = (line.split(None, 6) + [""] * 7)[:7]
        job = Job(" ".join(times), user, command, settings)
        problem = problem_of(job)
        if problem:
            problems.append(f"line {number}: {problem}")
        else:
            jobs.append(job)
    if not text.endswith("\n"):
        problems.append("the last line has no end, so cron would not read the file")
    return jobs, problems


def problem_of(job):
    if not job.command:
        return "needs minute, hour, day, month, weekday, user and command"
    if "%" in job.command:
        return "cron reads a % as a line break"
    try:
        croniter(job.times).get_next()
    except (ValueError, KeyError) as error:
        return f"'{job.times}' is no time: {error}"
    try:
        account = pwd.getpwnam(job.user)
    except KeyError:
        return f"there is no user '{job.user}'"
    if os.geteuid() not in (0, account.pw_uid):
        return f"only root can start something as {job.user}"
    return None


class Cron:
    """The jobs, and those of them that are running. `clock` returns the time in seconds since 1970."""

    def __init__(self, jobs, clock=time.time):
        self.jobs = jobs
        self.clock = clock
        self.running = {}
        # The minute of the start counts as done, so that a restart runs nothing twice.
        self.minute = self._this_minute()

    def _this_minute(self):
        return int(self.clock() // 60)

    def run(self):
        while True:
            self.fire()
            to_next_minute = 60 - self.clock() % 60
            heard = signal.sigtimedwait(HEARD, min(to_next_minute, LONGEST_SLEEP_SECONDS))
            if heard and heard.si_signo in ENDING:
                return self.end()
            self.reap()

    def fire(self):
        """Starts the jobs that are due in this minute, once."""
        minute, last = self._this_minute(), self.minute
        if last - CORRECTION_MINUTES <= minute <= last:
            return
        self.minute = minute
        if minute < last:
            say("warning", f"the clock was set back by {last - minute} minutes")
            return
        moment = datetime.datetime.fromtimestamp(minute * 60)
        for job in self.jobs:
            if job.is_due(moment):
                self.start(job)

    def start(self, job):
        if len(self.running) >= MOST_JOBS:
            say("warning", f"skipped, because {MOST_JOBS} jobs are running: {job.command}")
            return
        try:
            process = job.start()
        except (OSError, KeyError, subprocess.SubprocessError) as error:
            say("error", f"cannot start {job.command}: {error}")
        else:
            self.running[process] = job

    def reap(self):
        for process in [one for one in self.running if one.poll() is not None]:
            job = self.running.pop(process)
            if process.returncode > 0:
                say("warning", f"ended with status {process.returncode}: {job.command}")
            elif process.returncode not in (0, -signal.SIGTERM):  # SIGTERM is how jobs are asked to end
                say("warning", f"ended by signal {-process.returncode}: {job.command}")

    def end(self):
        """Asks the jobs to end, and kills those that do not."""
        self._signal(signal.SIGTERM)
        last = time.monotonic() + GRACE_SECONDS
        while self.running and (left := last - time.monotonic()) > 0:
            signal.sigtimedwait({signal.SIGCHLD}, left)
            self.reap()
        for job in self.running.values():
            say("warning", f"killed, because it did not end within {GRACE_SECONDS} seconds: {job.command}")
        self._signal(signal.SIGKILL)

    def _signal(self, number):
        self.reap()
        for process in self.running:
            os.killpg(process.pid, number)


def main(arguments, clock=time.time):
    check = arguments[:1] == ["--check"]
    files = arguments[1:] if check else arguments
    if len(files) != 1:
        raise SystemExit(__doc__)
    jobs, problems = read(files[0])
    if problems:
        raise SystemExit("\n".join(f"{files[0]}: {problem}" for problem in problems))
    if not check:
        # From here on, signals are only received by `sigtimedwait`.
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        Cron(jobs, clock).run()


if __name__ == "__main__":
    main(sys.argv[1:])
