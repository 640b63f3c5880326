"""Fails if a module of the package imports another that Package.swift does not allow it to use.

SwiftPM accepts an import of any module in the target's transitive dependencies. The manifest makes sure
that dependencies point downwards; this check makes sure that imports keep to the manifest.

Usage: swift package dump-package | python3 scripts/lib/check_imports.py
"""

import json
import pathlib
import re
import sys

IMPORT = re.compile(
    r"^\s*(?:@\w+\s+)*(?:public|package|internal|fileprivate|private)?\s*import\s+"
    r"(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)",
    re.MULTILINE,
)

# An import in the text of generated code is not an import of the generator.
LITERAL = re.compile(r'"""\n.*?"""', re.DOTALL)

# API passes this library on: whatever may import API may import it too.
HANDED_ON = {"API": {"SwiftProtobuf"}}


def dependency_names(target):
    for dependency in target["dependencies"]:
        for kind in ("byName", "product", "target"):
            if kind in dependency:
                yield dependency[kind][0]


def main():
    package = json.load(sys.stdin)
    modules = {target["name"] for target in package["targets"]}
    wrong = []
    for target in package["targets"]:
        allowed = set(dependency_names(target)) | {target["name"]}
        for handed in HANDED_ON:
            if handed in allowed:
                allowed |= HANDED_ON[handed]
        folder = pathlib.Path(target.get("path") or f"Tests/{target['name']}")
        for source in sorted(folder.rglob("*.swift")):
            for name in IMPORT.findall(LITERAL.sub('""', source.read_text())):
                if name in modules | {"SwiftProtobuf"} and name not in allowed:
                    wrong.append(f"{source}: {target['name']} may not import {name} (see Package.swift)")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
