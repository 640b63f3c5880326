"""Starts a system, runs every scenario (or those named) at full length, and prints a table."""

import argparse
import sys
import time

from soak import doors, migrations, reminders, scenarios
from system import System

PORT_OFFSET = 14000


class Length:
    """The length of each scenario: in full, or just enough to see that it works."""

    def __init__(self, short):
        self.restarts, self.kills = (2, 2) if short else (5, 20)
        self.stall_seconds = 6 if short else 30
        self.replacements, self.replaced_requests = (100, 5_000) if short else (3_500, 300_000)
        self.killing_seconds = 3 if short else 60
        self.overload_seconds = 5 if short else 60
        self.slow_seconds = 3 if short else 20
        self.memory_requests = 4_000 if short else 100_000
        self.door_calls = 2_000 if short else 20_000
        self.login_samples = 10 if short else 100
        self.reminders = 500 if short else 10_000
        self.migrated_rows = 50_000 if short else 1_000_000


def scenario_table(length):
    return {
        "restart": lambda stage: scenarios.database_goes(stage, length.restarts, violently=False),
        "kill": lambda stage: scenarios.database_goes(stage, length.kills, violently=True),
        "stall": lambda stage: scenarios.database_stalls(stage, length.stall_seconds),
        "replace": lambda stage: scenarios.replacements(
            stage, length.replacements, requests=length.replaced_requests),
        "workers": lambda stage: scenarios.killed_workers(stage, length.killing_seconds),
        "overload": lambda stage: scenarios.overload(stage, length.overload_seconds),
        "slow": lambda stage: scenarios.slow_clients(stage, length.slow_seconds),
        "memory": lambda stage: scenarios.memory(stage, length.memory_requests),
        "doors": lambda stage: doors.door_costs(stage, length.door_calls),
        "reminders": lambda stage: reminders.reminders(length.reminders),
        "migrations": lambda stage: migrations.migrations(stage, length.migrated_rows),
        "login": lambda stage: scenarios.login_timing(
            stage.system, stage.writer.username, length.login_samples),
    }


def main():
    names = list(scenario_table(Length(short=True)))
    parser = argparse.ArgumentParser(prog="scripts/soak", description=(
        "Holds a system of its own against the figures that must hold, and prints what was measured. "
        "Ends with 1 when one does not hold. In full it takes about twenty minutes."))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {' '.join(names)}")
    parser.add_argument("--short", action="store_true", help="a few seconds of each")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no scenario {' '.join(sorted(unknown))}; there are {' '.join(names)}")
    scenario_of = scenario_table(Length(options.short))

    say("Starting a system for the soak...")
    system = System.start("soak", PORT_OFFSET, BCRYPT_COST="12")
    failed, rows = 0, []
    try:
        stage = scenarios.Stage(system)
        chosen = options.names or names
        for number, name in enumerate(chosen, 1):
            say(f"{name} ({number} of {len(chosen)})...")
            started = time.monotonic()
            try:
                findings = scenario_of[name](stage)
                scenarios.still_well(stage)
            except Exception as error:      # a scenario that fails must not hide the others
                findings = [scenarios.Finding(name, "runs to its end", repr(error), False)]
            say(f"{name}: {time.monotonic() - started:.0f} s")
            rows += [(name, *finding[:3], "ok" if finding.ok else "FAILED") for finding in findings]
            failed += sum(not finding.ok for finding in findings)
    finally:
        system.stop(remove=not failed)
    for row in [("scenario", "property", "required", "measured", ""), ("---",) * 5, *rows]:
        print("| " + " | ".join(row) + " |")
    print(f"\n{len(rows) - failed} hold, {failed} do not.")
    return 1 if failed else 0


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
