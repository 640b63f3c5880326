"""The instruction counts of the hot paths, compared with the accepted ones: `scripts/bench --instructions`."""

import json
import sys

import pytest

from system import REPOSITORY

sys.path.append(str(REPOSITORY / "Tests/Benchmarks"))

from bench import hot_paths, instructions    # noqa: E402

ACCEPTED = json.loads(instructions.ACCEPTED.read_text())
PEERS = REPOSITORY / "Tests/Benchmarks/peers"


def test_hot_paths_cost_no_more_than_was_accepted(system):
    paths = hot_paths.requests(system)
    assert set(paths) == set(ACCEPTED)
    for name, (function, request) in paths.items():
        count = instructions.count(system, function, request)
        assert count <= ACCEPTED[name] * instructions.TOLERANCE, (
            f"{name}: {count:,.0f} instructions, {ACCEPTED[name]:,} were accepted. If it must be so: scripts/bench --accept")


@pytest.mark.parametrize("peer", [folder.name for folder in PEERS.iterdir() if folder.is_dir()])
def test_a_peer_has_what_starts_it(peer):
    assert (PEERS / peer / "start").stat().st_mode & 0o111
    assert (PEERS / peer / "packages.txt").read_text().split()
