"""Scenarios of high load (thousands of idle clients, a flood of sign-ins, many writers) and of large data."""

import json
import re
import resource
import signal
import socket
import statistics
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import bcrypt

from bench import data, load
from bench.contenders import FASTCGI, FIRST_PORT, SERVER, add_to_gateway
from client import Client, expect
from system import REPOSITORY

ROUNDS = 5
SECONDS = 3
IDLE_CLIENTS = 10_000
LARGE_DATABASE = "task_db_large"
LARGE_TASKS_EACH = 10_000
PAGE = 2_000
SEARCHED_DATABASE = "task_db_searched"
SEARCH_ROUNDS = 21
SEARCH_LIMIT_MS = 500
#: What is searched for, by what is special about it.
SEARCHES = {
    "a word of every task": "report", "two letters that every task has": "wr", "a word of a tenth of the tasks": "budget",
    "a word of a hundredth": "groceries", "two letters that a hundredth has": "gr", "a word of ten tasks": "zebra",
    "a word that a third of the others' tasks have": "elsewhere", "a frequent and a rare word": "report zebra",
    "a word that no task has": "nowhere", "no word": "?!",
}


class Finding(NamedTuple):
    what: str
    target: str
    measured: str
    holds: bool


def all_of_them(system, stock, folder, say):
    """Scenarios on the usual data."""
    say("Idle clients…")
    yield from idle_clients(system, stock, folder)
    say("A flood of sign-ins…")
    yield from login_flood(system, stock, folder)
    say("Many writers…")
    yield from group_commit(system, stock, folder)
    say("One worker more, one less…")
    yield from worker_counts(system, stock, folder)


def _by_turns(one, other, measure, rounds=ROUNDS):
    """Measures two things in each round, and returns the pairs."""
    return [(measure(one), measure(other)) for _ in range(rounds)]


def _ratio(pairs, figure):
    """Returns the median over the rounds of the first divided by the second."""
    return statistics.median(figure(first) / figure(second) for first, second in pairs)


def idle_clients(system, stock, folder):
    script = load.write_script(folder, load.ENDPOINTS["get"], stock, 0)

    def measure(count):
        with _idle(system, stock, count):
            return load.run(system.url(), script, SECONDS)

    pairs = _by_turns(IDLE_CLIENTS, 0, measure)
    ratio = _ratio(pairs, lambda rate: rate.p99)
    yield Finding(f"p99 of 16 busy clients beside {IDLE_CLIENTS:,} that keep an idle connection", "<= 1.2 times",
                  f"{ratio:.2f} times ({_median(pairs, 0, 'p99'):.1f} and {_median(pairs, 1, 'p99'):.1f} ms)", ratio <= 1.2)


@contextmanager
def _idle(system, stock, count):
    """Opens connections of clients, each of which has had one answer and stays connected."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1_000), hard))
    connections = []
    request = b"GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n"
    try:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", system.port()), timeout=10)
            connections.append(connection)
            connection.sendall(request)
            assert connection.recv(4_096).startswith(b"HTTP/1.1 200")
        yield
    finally:
        for connection in connections:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def login_flood(system, stock, folder):
    """Measures the effect on get-task of sign-ins at bcrypt's usual cost, as fast as they come."""
    stored = bcrypt.hashpw(stock.password.encode(), bcrypt.gensalt(12)).decode()
    system.postgres.sql("user_db", f"UPDATE users SET password = '{stored}' WHERE username = '{stock.users[0].name}';")
    script = load.write_script(folder, load.ENDPOINTS["get"], stock, 0)
    flood_script = Path(folder, "flood.lua")
    body = json.dumps({"username": stock.users[0].name, "password": "a wrong one"})
    flood_script.write_text(f"wrk.method = 'POST'\nwrk.body = '{body}'\n"
                            "wrk.headers['Content-Type'] = 'application/json'\n")

    def measure(flooded):
        flood = None
        if flooded:
            flood = subprocess.Popen(
                ["wrk", "-t1", "-c16", f"-d{SECONDS + 2}s", "--timeout", "10s", "-s", flood_script,
                 system.url() + "/api/v1/auth/login"], stdout=subprocess.PIPE, text=True)
            time.sleep(1)
        rate = load.run(system.url(), script, SECONDS)
        if flood:
            said, _ = flood.communicate(timeout=60)
            assert re.search(r"[1-9]\d* requests in", said), said
        return rate

    pairs = _by_turns(True, False, measure)
    rate, tail = _ratio(pairs, lambda rate: rate.per_second), _ratio(pairs, lambda rate: rate.p99)
    yield Finding("throughput of get-task under a flood of sign-ins", ">= 0.8 times",
                  f"{rate:.2f} times ({_median(pairs, 0, 'per_second'):,.0f} and {_median(pairs, 1, 'per_second'):,.0f}/s)", rate >= 0.8)
    yield Finding("its p99", "<= 1.5 times",
                  f"{tail:.2f} times ({_median(pairs, 0, 'p99'):.1f} and {_median(pairs, 1, 'p99'):.1f} ms)", tail <= 1.5)


def group_commit(system, stock, folder):
    """Counts flushes of the write-ahead log that commits share; none is answered before its flush."""
    settings = dict(system.postgres.sql("task_db", "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit')"))
    script = load.write_script(folder, load.ENDPOINTS["create"], stock, 0)

    def look():
        [[syncs]] = system.postgres.sql("task_db", "SELECT wal_sync FROM pg_stat_wal")
        return int(syncs)

    before = look()
    rate = load.run(system.url(), script, SECONDS * 2)
    time.sleep(1.5)     # statistics are reported once a second
    each = (look() - before) / rate.requests
    durable = settings == {"fsync": "on", "synchronous_commit": "on"}
    yield Finding("flushes of PostgreSQL's log for each created task (4 workers)", "< 1, and durable",
                  f"{each:.2f} ({rate.per_second:,.0f} tasks/s); " + ("fsync and synchronous_commit are on" if durable else "not durable"),
                  durable and each < 1)


def worker_counts(system, stock, folder):
    """Checks the size of a pool: the same load on it with one worker more and with one fewer."""
    for name in ("get", "list", "create", "update"):
        endpoint = load.ENDPOINTS[name]
        usual = len(system.workers(endpoint.function))
        counts = (usual, usual - 1, usual + 1)
        rates = {count: [] for count in counts}
        for number in range(ROUNDS):
            script = load.write_script(folder, endpoint, stock, number)
            for count in counts[number % 3:] + counts[:number % 3]:
                _set_workers(system, endpoint.function, count)
                rates[count].append(load.run(system.url(), script, SECONDS).per_second)
        _set_workers(system, endpoint.function, usual)
        fewer, more = (statistics.median(rate / base for rate, base in zip(rates[count], rates[usual]))
                       for count in counts[1:])
        yield Finding(f"{name}: {usual - 1} and {usual + 1} workers instead of {usual}", "<= 1.1 times its throughput",
                      f"{fewer:.2f} and {more:.2f} times", max(fewer, more) <= 1.1)


def _set_workers(system, function, count):
    supervisor = system.supervisor()
    slots = sorted(system.pool(function, supervisor), key=lambda slot: slot["name"])
    for number, slot in enumerate(slots):
        if number < count and not slot["pid"]:
            supervisor.startProcess(f"{function}:{slot['name']}", True)
        elif number >= count and slot["pid"]:
            system.stop_process(f"{function}:{slot['name']}", supervisor)
    time.sleep(0.3)     # requests in the queue of a worker that has ended


# Large data

def large(system, stock, folder, say):
    """Compares ten million tasks with a hundred thousand, and a late page with the first."""
    say("Making ten million tasks (five to ten minutes)…")
    _make_large(system)
    small, big = system.url(), None
    with _functions_on(system, LARGE_DATABASE, folder) as big:
        say("Measuring…")
        for name in ("get", "list"):
            endpoint = load.ENDPOINTS[name]
            scripts = {small: load.write_script(folder, endpoint, stock, 0)}
            tasks_of = {user.id: [row[0] for row in system.postgres.sql(
                LARGE_DATABASE, f"SELECT id FROM tasks WHERE user_id = '{user.id}' ORDER BY id LIMIT 1000")] for user in stock.users}
            large_stock = stock._replace(users=[user._replace(tasks=tasks_of[user.id]) for user in stock.users])
            Path(folder, "large").mkdir(exist_ok=True)
            scripts[big] = load.write_script(Path(folder, "large"), endpoint, large_stock, 0)
            for url in (big, small):
                load.run(url, scripts[url], 5)      # until both are in memory
            pairs = _by_turns(big, small, lambda url: load.run(url, scripts[url], SECONDS))
            ratio = _ratio(pairs, lambda rate: 1 / rate.per_second)
            yield Finding(f"{name} among 10,000,000 tasks, against 100,000", "<= 1.1 times the time",
                          f"{ratio:.2f} times ({_median(pairs, 0, 'per_second'):,.0f} and {_median(pairs, 1, 'per_second'):,.0f}/s)", ratio <= 1.1)
        yield from _pages(system, big, folder)


def _pages(system, url, folder):
    admin = system.create_admin()
    client, path = Client(url, admin.token), "/tasks?page_size=50"
    token = ""
    for _ in range(PAGE - 1):
        token = expect(client.get(path + (f"&page_token={token}" if token else "")), 200)["next_page_token"]
    scripts = {}
    for name, query in (("first", ""), ("far", f"&page_token={token}")):
        scripts[name] = Path(folder, f"{name}.lua")
        requests = Path(folder, f"{name}.requests")
        requests.write_text(f"GET\t/api/v1/tasks?page_size=50{query}\t{admin.token}\t\n")
        scripts[name].write_text(load.SCRIPT.format(file=requests))
    pairs = _by_turns("far", "first", lambda name: load.run(url, scripts[name], SECONDS))
    ratio = _ratio(pairs, lambda rate: 1 / rate.per_second)
    yield Finding(f"page {PAGE:,} of all tasks, 50 a page, against page 1", "<= 1.1 times the time", f"{ratio:.2f} times", ratio <= 1.1)


def _make_large(system):
    """Makes a copy of the database's schema with a hundred times its tasks. Indexes are made afterwards; those for search terms, which no
    measured statement uses, are left out."""
    sql = system.postgres.sql
    _copy_task_db(system, LARGE_DATABASE)
    indexes = sql(LARGE_DATABASE, """
        SELECT indexname, indexdef FROM pg_indexes
         WHERE tablename = 'tasks' AND indexname NOT IN ('tasks_pkey', 'tasks_by_word', 'tasks_by_term')""")
    sql(LARGE_DATABASE, "DROP TABLE reminders; TRUNCATE tasks; DROP INDEX IF EXISTS tasks_by_word, tasks_by_term; ALTER TABLE tasks DROP CONSTRAINT tasks_pkey;" + "".join(
        f"DROP INDEX {name};" for name, _ in indexes))
    data.add_tasks(system, LARGE_DATABASE, data.USERS, LARGE_TASKS_EACH)
    memory = "SET maintenance_work_mem = '1GB';"
    sql(LARGE_DATABASE, memory + "ALTER TABLE tasks ADD PRIMARY KEY (id);", limit_seconds=900)
    for _, index in indexes:
        sql(LARGE_DATABASE, memory + index + ";", limit_seconds=900)
    sql(LARGE_DATABASE, "VACUUM (ANALYZE) tasks;\nCHECKPOINT;", limit_seconds=900)


def _copy_task_db(system, name):
    # A database with connections cannot be copied; the functions reconnect by themselves.
    system.postgres.sql("postgres", """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'task_db';""")
    system.postgres.sql("postgres", f"""
        CREATE DATABASE {name} TEMPLATE task_db OWNER task_db_owner;
        GRANT CONNECT ON DATABASE {name} TO task_service;""")


# Search

def search(system, stock, folder, say):
    """Searches among a million tasks, of which one user has three and another three hundred thousand."""
    say("Making a million tasks (two minutes)…")
    idle, busy, admin = stock.users[0], stock.users[1], system.create_admin()
    _make_searched(system, busy.id, idle.id)
    with _functions_on(system, SEARCHED_DATABASE, folder) as url:
        say("Measuring…")
        for what, terms in SEARCHES.items():
            medians = []
            for token in (idle.token, busy.token, admin.token):
                client, times = Client(url, token), []
                for _ in range(SEARCH_ROUNDS):
                    started = time.monotonic()
                    expect(client.get("/tasks", params={"q": terms}), 200)
                    times.append(1000 * (time.monotonic() - started))
                medians.append(statistics.median(times))
            yield Finding(f"search for {what}", f"<= {SEARCH_LIMIT_MS} ms", "{:.1f}, {:.1f}, {:.1f} ms".format(*medians),
                          max(medians) <= SEARCH_LIMIT_MS)


def _make_searched(system, busy, idle):
    """Makes the tasks that are searched: words that all have, a tenth, a hundredth, a few, and words that only others have."""
    sql = system.postgres.sql
    _copy_task_db(system, SEARCHED_DATABASE)
    indexes = sql(SEARCHED_DATABASE, """
        SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'tasks' AND indexname <> 'tasks_pkey'""")
    sql(SEARCHED_DATABASE, "DROP TABLE reminders; TRUNCATE tasks; " + "".join(f"DROP INDEX {name};" for name, _ in indexes))
    sql(SEARCHED_DATABASE, f"""
        INSERT INTO tasks (id, title, description, user_id, created_at, updated_at)
        SELECT gen_random_uuid(), 'Write the report ' || n || CASE WHEN n % 10 = 0 THEN ' budget' ELSE '' END
                 || CASE WHEN n % 100 = 0 THEN ' groceries' ELSE '' END || CASE WHEN n % 100000 = 7 THEN ' zebra' ELSE '' END
                 || CASE WHEN n > 300000 AND n % 3 = 0 THEN ' elsewhere' ELSE '' END,
               'about ' || (SELECT string_agg(substr(md5((power(random(), 3) * 30000)::int::text), 1, 4 + m), ' ')
                              FROM generate_series(1, 5 + n % 2) m),
               CASE WHEN n <= 300000 THEN '{busy}' WHEN n > 999997 THEN '{idle}' ELSE md5((n / 3)::text)::uuid::text END,
               at, at
          FROM generate_series(1, 1000000) n,
               LATERAL (SELECT timestamptz '2024-01-01Z' + n::bigint * 7919 % 1000003 * interval '60 s') made (at);
        """, limit_seconds=900)
    for _, index in indexes:
        sql(SEARCHED_DATABASE, "SET maintenance_work_mem = '1GB';" + index + ";", limit_seconds=900)
    sql(SEARCHED_DATABASE, "VACUUM (ANALYZE) tasks;\nCHECKPOINT;", limit_seconds=900)


@contextmanager
def _functions_on(system, database, folder):
    """Starts get-task and list-tasks with another database, behind a separate server; returns its address."""
    port, started, listeners = FIRST_PORT + system.port_offset + 90, [], []
    function_conf = (system.state_dir / "nginx/function.conf").read_text()
    try:
        for function in ("get-task", "list-tasks"):
            path = Path(folder, f"{function}.sock")
            listener = socket.socket(socket.AF_UNIX)
            listeners.append(listener)
            listener.bind(str(path))
            listener.listen(1024)
            path.chmod(0o666)
            environment = system.environment_of(function)
            environment["DATABASE_URL"] = environment["DATABASE_URL"].replace("/task_db?", f"/{database}?")
            environment["LOG_FILE"] = str(Path(folder, f"{function}.log"))
            for _ in range(2):
                started.append(subprocess.Popen([REPOSITORY / ".build/functions" / function], stdin=listener,
                                                env=environment, cwd="/", stdout=subprocess.DEVNULL))
        conf = re.sub(r"fastcgi_pass .*;", f"fastcgi_pass unix:{folder}/$function.sock;", function_conf)
        add_to_gateway(system, [_Written(SERVER.format(port=port, way=FASTCGI.format(function_conf=conf, script="none")))])
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(10)
        for listener in listeners:
            listener.close()


class _Written:
    """A part of the gateway's configuration that is already written."""

    def __init__(self, text):
        self.text = text

    def nginx(self):
        return self.text


def _median(pairs, place, figure):
    return statistics.median(getattr(pair[place], figure) for pair in pairs)
