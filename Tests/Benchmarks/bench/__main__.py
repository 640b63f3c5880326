"""Compares the functions with their peers, in interleaved rounds, and writes the results."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from bench import cost, data, hot_paths, instructions, load, report, scenarios
from bench.contenders import WITHOUT_LOGIN, Functions, Peer, add_to_gateway, packages
from system import REPOSITORY, System

PORT_OFFSET = 13_000
RESULTS = Path(__file__).resolve().parents[1] / "results"
PEERS = ["c", "go", "php", "node", "fastapi"]


def main():
    options = arguments()
    if options.packages:
        print(*packages(PEERS))
        return 0
    say("Starting a system…")
    system = System.start("bench", PORT_OFFSET, BCRYPT_COST=str(data.BCRYPT_COST), CRON="off")
    try:
        if options.instructions or options.accept:
            return compare_instructions(system, options.accept)
        if options.scenarios or options.large or options.search:
            return play(system, scenarios.search if options.search else scenarios.large if options.large else scenarios.all_of_them)
        return measure(system, options)
    finally:
        system.stop()


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: under two minutes, and less sure")
    parser.add_argument("--instructions", action="store_true",
                        help="count the instructions of the hot paths instead; fails when one has grown by more than 5 %%")
    parser.add_argument("--accept", action="store_true", help="count them and take them for the new figures")
    parser.add_argument("--scenarios", action="store_true",
                        help="idle clients, a flood of sign-ins, many writers and other numbers of workers instead, without peers: seven minutes")
    parser.add_argument("--large", action="store_true",
                        help="ten million tasks and far pages instead, without peers: a quarter of an hour")
    parser.add_argument("--search", action="store_true",
                        help="searches among a million tasks instead, without peers: five minutes")
    parser.add_argument("--peers", default=",".join(PEERS), metavar="A,B", help="only these peers")
    parser.add_argument("--endpoints", default=",".join(load.ENDPOINTS), metavar="A,B", help="only these endpoints")
    parser.add_argument("--packages", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.peers = [name for name in options.peers.split(",") if name]
    options.endpoints = options.endpoints.split(",")
    for names, known in ((options.peers, PEERS), (options.endpoints, load.ENDPOINTS)):
        if unknown := set(names) - set(known):
            parser.error(f"no {' '.join(sorted(unknown))}; there are {' '.join(known)}")
    return options


def compare_instructions(system, accepts):
    counted = {name: round(instructions.count(system, function, request))
               for name, (function, request) in hot_paths.requests(system).items()}
    accepted = json.loads(instructions.ACCEPTED.read_text()) if instructions.ACCEPTED.exists() else {}
    if accepts:
        instructions.ACCEPTED.write_text(json.dumps(counted, indent=2) + "\n")
    grown = []
    print("| hot path | instructions | accepted | |\n| --- | --- | --- | --- |")
    for name, count in counted.items():
        before = counted[name] if accepts else accepted.get(name)
        assert before, f"{name} has no accepted figure: run scripts/bench --accept"
        if count > before * instructions.TOLERANCE:
            grown.append(name)
        print(f"| {name} | {count:,} | {before:,} | {count / before - 1:+.1%} |")
    if grown:
        say(f"More than {instructions.TOLERANCE - 1:.0%} above the accepted figures: {', '.join(grown)}.")
    return 1 if grown else 0


def play(system, scenario):
    say("Filling the databases…")
    stock, failed = data.fill(system), 0
    rows = ["| what | target | measured | |", "| --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for found in scenario(system, stock, folder, say):
            failed += not found.holds
            rows.append(f"| {found.what} | {found.target} | {found.measured} | {'holds' if found.holds else 'falls short'} |")
    print("\n".join(rows))
    return 1 if failed else 0


def measure(system, options):
    rounds, seconds = (1, 2) if options.quick else (4, 3)
    say("Filling the databases…")
    stock = data.fill(system)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        peers = [Peer(system, name, number, folder) for number, name in enumerate(options.peers)]
        for peer in peers:
            peer.folder.mkdir()
        add_to_gateway(system, peers)
        contenders = [Functions(system), *peers]
        results = {}
        for name in options.endpoints:
            results[name] = endpoint_results(system, contenders, load.ENDPOINTS[name], stock, folder, rounds, seconds)
        outcome = {
            "machine": report.machine(), "rounds": rounds, "seconds": seconds, "connections": load.CONNECTIONS,
            "versions": {"functions": report.swift_version(), **{peer.name: peer.versions() for peer in peers}},
            "endpoints": results, "cold_start_ms": cold_starts(system, peers, stock, folder),
        }
    print(report.table(outcome))
    if not options.quick and set(options.peers) == set(PEERS) and set(options.endpoints) == set(load.ENDPOINTS):
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "results.json").write_text(json.dumps(outcome, indent=1) + "\n")
        report.plot(outcome, RESULTS / "performance.svg")
        say(f"Written: {RESULTS.relative_to(REPOSITORY)}/results.json and performance.svg")
    return 0


def endpoint_results(system, contenders, endpoint, stock, folder, rounds, seconds):
    """Returns each contender's figures, round by round. All of them are running; one at a time gets the load."""
    workers = len([slot for slot in system.pool(endpoint.function) if slot["pid"]])
    contenders = [one for one in contenders if endpoint.name != "login" or one.name not in WITHOUT_LOGIN]
    figures = {one.name: [] for one in contenders}
    try:
        for contender in contenders:
            contender.start(endpoint.function, workers)
        for number in range(rounds):
            script = load.write_script(folder, endpoint, stock, number)
            # Each is the first in some rounds.
            for contender in contenders[number % len(contenders):] + contenders[:number % len(contenders)]:
                if number == 0:
                    load.run(contender.url, script, 1)      # until everything is warm
                clock = cost.Clock(system, contender)
                rate = load.run(contender.url, script, seconds)
                spent = clock.spent()
                assert not rate.lost and rate.refused <= rate.requests / 1000, f"{contender.name}: {rate}"
                figures[contender.name].append({
                    "per_second": rate.per_second, "p50": rate.p50, "p99": rate.p99,
                    "cpu": {part: time / rate.requests for part, time in spent.items()},
                    "memory_mb": cost.private_memory(contender.processes()),
                })
                if endpoint.writes:
                    tidy_up(system)
            say(f"{endpoint.name}, round {number + 1} of {rounds}: " + ", ".join(
                f"{name} {rows[-1]['per_second']:,.0f}/s" for name, rows in figures.items()))
    finally:
        for contender in contenders:
            contender.stop()
    return {"workers": workers, "figures": figures}


def tidy_up(system):
    """Removes what a load has added, so that the next one starts from the same data."""
    system.postgres.sql("task_db", "DELETE FROM tasks WHERE title LIKE 'Write report%';")
    system.postgres.sql("task_db", "VACUUM tasks;", limit_seconds=120)
    system.postgres.sql("user_db", f"""
        DELETE FROM refresh_tokens WHERE id NOT IN (SELECT id FROM refresh_tokens ORDER BY created_at LIMIT {data.ACTIVE});""")
    system.postgres.sql("user_db", "VACUUM refresh_tokens;", limit_seconds=120)
    system.postgres.sql("user_db", "CHECKPOINT;", limit_seconds=120)


def cold_starts(system, peers, stock, folder):
    user = stock.users[0]
    request = ({"REQUEST_METHOD": "GET", "DOCUMENT_URI": f"/api/v1/tasks/{user.tasks[0]}",
                "HTTP_AUTHORIZATION": f"Bearer {user.token}"},)
    environment = {**system.environment_of("get-task"), "FOLDER": folder, "LOG_FILE": f"{folder}/cold.log"}
    found = {"functions": cost.cold_start([cost.executable("get-task")], environment, None, request)}
    for peer in peers:
        if peer.name == "c":
            path = Path(folder, "cold-c")
            environment = {**peer.environment(1), "SOCKET": str(path)}
            program = REPOSITORY / ".build/peers/c/server"
            found["c"] = cost.cold_start([program], environment, path, request)
    return found


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
