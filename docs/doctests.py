"""Let the site show doctests as code: an extension of griffe, which reads the docstrings."""

import re
from typing import Any

import griffe


class Doctests(griffe.Extension):
    """Fences every doctest of a docstring, which Markdown would take for a quotation."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change an object's docstring once it is read (an event of griffe)."""
        if obj.docstring:
            obj.docstring.value = re.sub(
                r"^(>>> .*(?:\n.+)*)", r"```pycon\n\1\n```", obj.docstring.value, flags=re.MULTILINE
            )
