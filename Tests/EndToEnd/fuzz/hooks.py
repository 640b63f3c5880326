"""What schemathesis cannot know: the formats that are the API's own, and whom to spare."""

import os

import schemathesis
from hypothesis import strategies

PRINTABLE = strategies.characters(min_codepoint=0x20, max_codepoint=0x7E)
NOBODY = "00000000-0000-7000-8000-000000000000"

# 8-72 bytes, which JSON Schema cannot count.
schemathesis.openapi.format("password", strategies.text(PRINTABLE, min_size=8, max_size=72))
schemathesis.openapi.format("time-zone", strategies.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
# One that no list has given is refused, whatever it looks like; the link of a list's answer has real ones.
schemathesis.openapi.format("page-token", strategies.just(""))


@schemathesis.hook
def before_call(_context, case, _kwargs):
    # Who asks must not change the password, or end the account, that it asks with.
    if os.environ["FUZZ_AS"] in (case.path_parameters or {}).values():
        case.path_parameters = dict.fromkeys(case.path_parameters, NOBODY)
    # Some of its headers have letters and digits only, whatever the pattern asks for.
    version = (case.headers or {}).get("If-Match", "")
    if case.meta.generation.mode.is_positive and version.isdigit():
        case.headers["If-Match"] = f'"{version}"'
