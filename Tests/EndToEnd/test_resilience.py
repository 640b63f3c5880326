"""The promises for failures, in short; `scripts/soak` runs the same scenarios at full length."""

import pytest

from soak import migrations, scenarios


@pytest.fixture(scope="module")
def stage(system):
    return scenarios.Stage(system)


def hold(findings):
    failed = [finding for finding in findings if not finding.ok]
    assert not failed, "\n".join(
        f"{finding.what}: required {finding.required}, measured {finding.measured}" for finding in findings)


def test_memory_of_a_worker_stays_flat(stage):
    hold(scenarios.memory(stage, requests=4_000))


def test_an_orderly_restart_of_postgresql_costs_only_503s(stage):
    hold(scenarios.database_goes(stage, rounds=1, violently=False))


def test_a_killed_postgresql_costs_only_503s_and_no_acknowledged_write(stage):
    hold(scenarios.database_goes(stage, rounds=2, violently=True))


def test_a_stalled_postgresql_keeps_nobody_longer_than_five_seconds(stage):
    hold(scenarios.database_stalls(stage, seconds=6))


def test_restarting_pools_costs_no_request(stage):
    hold(scenarios.replacements(stage, at_least=12, seconds=10, by_script=True))


def test_replacing_workers_one_by_one_costs_no_request(stage):
    hold(scenarios.replacements(stage, at_least=50, seconds=5))


def test_a_killed_worker_costs_at_most_the_request_in_its_hands(stage):
    hold(scenarios.killed_workers(stage, seconds=3))


def test_ten_times_as_many_clients_as_workers_are_served_or_refused_politely(stage):
    hold(scenarios.overload(stage, seconds=5))


def test_slow_and_stalled_clients_cost_nobody_else_anything(stage):
    hold(scenarios.slow_clients(stage, seconds=3))


def test_a_migration_of_a_table_in_use_costs_no_request_and_survives_kills(stage):
    hold(migrations.migrations(stage, rows=50_000))
