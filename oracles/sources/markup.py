"""Hostile XML made harmless: read strictly, in linear time, and written anew.

The parser behind entsoe-py is lenient and takes minutes over 60 kB of broken tags. So a document is
read by expat first, which refuses what is not well-formed at its first wrong byte, and written
again from nothing but its elements and text: no declarations, comments, attributes or surprises.
"""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

from oracles.sources.errors import SchemaError

MAX_BYTES: Final = 1_000_000
MAX_ELEMENTS: Final = 20_000
MAX_DEPTH: Final = 16
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
_OTHER_GRAMMAR: Final = frozenset(
    {"script", "style", "textarea", "title", "plaintext", "xmp", "iframe", "noembed", "noframes"}
)
"""Names after which a parser of HTML reads on by other rules."""


def plain_xml(body: bytes, what: str) -> str:
    """A document reduced to elements and text.

    Raises:
        SchemaError: empty, too large, not well-formed, too deep, or with a declaration in it.
    """
    if not body.strip():
        raise SchemaError(f"empty answer of {what}", expected="XML")
    if len(body) > MAX_BYTES:
        raise SchemaError(
            f"answer of {what}", expected=f"at most {MAX_BYTES} bytes", found=len(body)
        )
    writer = _Writer(what)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.text
    parser.StartDoctypeDeclHandler = writer.refuse_declaration
    parser.EntityDeclHandler = writer.refuse_declaration
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise SchemaError(
            f"answer of {what} is no XML", expected="a well-formed document", found=str(error)
        ) from None
    return "".join(writer.pieces)


class _Writer:
    def __init__(self, what: str) -> None:
        self.pieces: list[str] = []
        self._what = what
        self._depth = 0
        self._elements = 0

    def start(self, name: str, _attributes: Any) -> None:
        self._depth += 1
        self._elements += 1
        local = name.rpartition(":")[2]
        if not _NAME.fullmatch(local) or local.lower() in _OTHER_GRAMMAR:
            raise SchemaError(f"element of {self._what}", found=repr(name)[:60])
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise SchemaError(
                f"answer of {self._what}",
                expected=f"at most {MAX_DEPTH} levels and {MAX_ELEMENTS} elements",
                found="more",
            )
        self.pieces.append(f"<{local}>")

    def end(self, name: str) -> None:
        self._depth -= 1
        self.pieces.append(f"</{name.rpartition(':')[2]}>")

    def text(self, text: str) -> None:
        self.pieces.append(escape(text))

    def refuse_declaration(self, *_: Any) -> NoReturn:
        raise SchemaError(f"answer of {self._what}", expected="XML without declarations")
