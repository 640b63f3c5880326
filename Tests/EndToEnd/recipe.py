"""The recipe of Functions/README.md for a new function: what it has one do by hand, file by file, and what to type then."""

import re
from typing import NamedTuple

from system import REPOSITORY

PAGE = REPOSITORY / "Functions/README.md"
SECTION = re.search(r"^## Add a function\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE).group(1)
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: A file that the text in front of a block names.
FILE = re.compile(r"`((?:(?:Shared|Functions|Tests)/[\w./-]+|Package)\.\w+)`")


class Edit(NamedTuple):
    """A block of the recipe: a new file, or with `diff` lines to add to one that is there."""
    kind: str
    path: str
    text: str

    def apply(self, root):
        file = root / self.path
        if self.kind != "diff":
            assert not file.exists(), f"{self.path} is there already"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text)
            return
        lines = self.text.splitlines()
        before = "".join(line[1:] + "\n" for line in lines if line[:1] in (" ", "-"))
        after = "".join(line[1:] + "\n" for line in lines if line[:1] in (" ", "+"))
        text = file.read_text()
        assert text.count(before) == 1, f"{self.path} does not have, once, what the recipe shows of it:\n{before}"
        file.write_text(text.replace(before, after))


def _read():
    edits, commands, end, path = [], [], 0, None
    for block in FENCED.finditer(SECTION):
        named = FILE.findall(SECTION[end:block.start()])
        path = named[-1] if named else path      # a second block for the same file
        end = block.end()
        if block[1] == "sh":
            commands.append(block[2])
        else:
            edits.append(Edit(block[1], path, block[2]))
    return edits, commands


EDITS, COMMANDS = _read()
#: The files that there are only when the recipe has been followed.
NEW_FILES = {edit.path for edit in EDITS if edit.kind != "diff"}
