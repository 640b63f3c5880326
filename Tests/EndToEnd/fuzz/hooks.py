"""Hooks for what schemathesis cannot know: values that no schema can describe, and users to leave alone."""

import json
import os
import unicodedata

import schemathesis
from hypothesis import strategies

NEXT_CENTURY = 4_102_444_800_000    # in milliseconds
NOBODY = "00000000-0000-7000-8000-000000000000"
# A point on the curve, and 16 bytes. Source: RFC 8291, Appendix A.
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
ENDPOINTS = [f"https://push.example.net/{number}" for number in range(30)]
RESPONSES = json.loads(os.environ["FUZZ_RESPONSES"])
ZONES = ["UTC", "Europe/Berlin", "America/New_York"]
# Blanks of writing systems that count as letters or symbols.
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
SOME = strategies.text(strategies.characters(exclude_categories=("Cc", "Cs")), max_size=40)
SHOWN = strategies.characters(categories=("L", "N", "P", "S"), exclude_characters=FILLERS)

schemathesis.openapi.format("visible-text", strategies.tuples(SOME, SHOWN, SOME).map("".join))
schemathesis.openapi.format("time-zone", strategies.sampled_from(ZONES))
# A token that this list has not issued for these filters is refused, whatever it looks like.
schemathesis.openapi.format("page-token", strategies.just(""))
schemathesis.openapi.format("push-endpoint", strategies.sampled_from(ENDPOINTS))
schemathesis.openapi.format("push-p256dh", strategies.just(P256DH))
schemathesis.openapi.format("push-auth", strategies.just(AUTH))


@schemathesis.hook
def before_call(_context, case, _kwargs):
    # The caller must not change the password of, or delete, its own account, or others that are needed.
    if set(os.environ["FUZZ_SPARES"].split()).intersection(map(str, (case.path_parameters or {}).values())):
        case.path_parameters = dict.fromkeys(case.path_parameters, NOBODY)
    # Nothing is sent to a push service that may exist somewhere.
    if isinstance(case.body, dict) and case.path.endswith("/notifications/push") and \
            case.body.get("user_id") == os.environ["FUZZ_AS"]:
        case.body["user_id"] = NOBODY
    if case.meta.generation.mode.is_positive:
        make_valid(case)


def shows(text):
    return any(unicodedata.category(sign)[0] in "LNPS" and sign not in FILLERS for sign in text)


def make_valid(case):
    """Gives a request that should be accepted values of these formats, even where they were mutated."""
    # Some of its headers have letters and digits only, whatever the pattern asks for.
    version = (case.headers or {}).get("If-Match", "")
    if version.isdigit():
        case.headers["If-Match"] = f'"{version}"'
    if (case.query or {}).get("page_token"):
        case.query["page_token"] = ""
    body = case.body if isinstance(case.body, dict) else {}
    if body.get("time_zone") not in (None, *ZONES):
        body["time_zone"] = ZONES[0]
    for name in ("title", "subject", "body", "username", "email"):
        if isinstance(body.get(name), str) and not shows(body[name]):
            body[name] = "visible"
    if "/users" in case.path and isinstance(body.get("password"), str):
        # JSON Schema cannot count bytes.
        if not 8 <= len(body["password"].encode()) <= 72:
            body["password"] = "correct horse battery"
    if case.path.endswith("/push-subscriptions") and body:
        body["endpoint"] = ENDPOINTS[0]
        body["keys"] = {"p256dh": P256DH, "auth": AUTH}
        if body.get("expirationTime") is not None:
            body["expirationTime"] = max(body["expirationTime"], NEXT_CENTURY)


@schemathesis.check
def the_code_is_described(_context, response, case):
    """An error has one of the codes that the description names for its operation and status."""
    answer = case.operation.definition.raw["responses"].get(str(response.status_code))
    if response.status_code < 400 or answer is None:    # another check tells that a status is not described
        return
    if "$ref" in answer:
        answer = RESPONSES[answer["$ref"].split("/")[-1]]
    codes = answer["content"]["application/json"]["examples"]
    assert response.json()["code"] in codes, f"{response.json()['code']} is none of {', '.join(codes)}"
