"""The system under test, and its users.

E2E_STATE_DIR (and E2E_BASE_URL, when it is not at the default ports) names a running system to use;
without it a fresh one is started with `scripts/run`, and ended afterwards.
"""

import os
from urllib.parse import urlparse

import pytest

from client import Client, sign_up
from contract import GATEWAY_PORT
from grpc_client import Services
from system import REPOSITORY, System

PORT_OFFSET = int(os.environ.get("E2E_PORT_OFFSET", "11000"))

# Short, so that a test can wait for its end; the contract's ten seconds are the default.
GRACE_SECONDS = 2


@pytest.fixture(scope="session")
def system(request):
    """The system as most tests want it: no rate limits, cheap passwords, a short grace period."""
    if state_dir := os.environ.get("E2E_STATE_DIR"):
        port = urlparse(os.environ.get("E2E_BASE_URL", f"//x:{GATEWAY_PORT}")).port
        yield System(state_dir, port - GATEWAY_PORT)
        return
    yield from _own(request, "e2e", PORT_OFFSET, REFRESH_GRACE_SECONDS=str(GRACE_SECONDS))


@pytest.fixture(scope="session")
def strict_system(request):
    """A second system: rate limits on, sign-up closed, slow password hashes."""
    yield from _own(request, "strict", PORT_OFFSET + 100,
                    RATE_LIMIT="on", SIGN_UP="closed", BCRYPT_COST="8")


def _own(request, name, port_offset, **settings):
    if not (REPOSITORY / ".build/functions/create-task").exists():
        pytest.exit("there is nothing to test: run scripts/build first", returncode=2)
    system = System.start(name, port_offset, **settings)
    yield system
    system.stop(remove=request.session.testsfailed == 0)


@pytest.fixture(scope="session")
def admin(system):
    return system.create_admin()


@pytest.fixture(scope="session")
def strict_admin(strict_system):
    return strict_system.create_admin()


@pytest.fixture
def anyone(system):
    return Client(system.url())


@pytest.fixture
def new_user(system):
    """A factory of accounts: `new_user()`, `new_user(full_name="Ada")`."""
    return lambda **fields: sign_up(system.url(), **fields)


@pytest.fixture
def user(new_user):
    return new_user()


@pytest.fixture
def other(new_user):
    return new_user()


@pytest.fixture
def services(system):
    """A factory of gRPC clients: `services()` of nobody, `services(user)`, `services(user, own_ports=True)`."""
    opened = []

    def make(account=None, **more):
        opened.append(Services(more.pop("of", system), account and account.token, **more))
        return opened[-1]
    yield make
    for one in opened:
        one.close()
