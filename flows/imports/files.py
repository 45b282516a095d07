"""Opening a file: gzip, encoding, the sentence when it is not a text at all."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from flows.imports.rows import UnreadableFile

_SAMPLE = 1 << 20
_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_NOT_TEXT = [
    (b"PK\x03\x04", "is an Excel workbook or a zip archive: save it as CSV, or unpack it, first"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook: save it as CSV first"),
    (b"%PDF", "is a PDF: export the orders as CSV"),
]


@dataclass(slots=True)
class TextFile:
    """An open text; `done` of `size` bytes on the disk are read."""

    text: TextIOWrapper
    raw: BinaryIO
    size: int

    @property
    def done(self) -> int:
        """Bytes read so far, of the file on the disk."""
        return self.raw.tell()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong below, the file's reader answers with one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise UnreadableFile(f"{path} does not exist: check the name") from None
    except IsADirectoryError:
        raise UnreadableFile(f"{path} is a directory: name one file in it") from None
    except PermissionError:
        raise UnreadableFile(f"{path} may not be read: check its permissions") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise UnreadableFile(f"{path} is a damaged gzip file: fetch or export it again") from None
    except UnicodeError as error:  # only from encodings that cannot say which line is broken
        raise UnreadableFile(f"{path} is not {error.encoding} text: name another encoding, or none") from None
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror or error}") from None


def _binary(raw: BinaryIO) -> BinaryIO:
    gzipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if gzipped else raw


@contextmanager
def opened(path: Path, encoding: str) -> Iterator[TextFile]:
    """The file as text. A byte the encoding does not know stays recognisable, so that only its row is bad."""
    with reading(path), path.open("rb") as raw:
        text = TextIOWrapper(_binary(raw), encoding=encoding, errors="surrogateescape", newline="")
        yield TextFile(text, raw, path.stat().st_size)


def known_encoding(name: str) -> str:
    """The codec's own name, or the sentence that there is none."""
    try:
        "".encode(name)  # refuses codecs that are not for text
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise UnreadableFile(f"there is no encoding {name!r}: try utf-8 or gb18030") from None


def encoding_of(path: Path) -> str:
    """Told by the byte order mark; else UTF-8 or GB18030, whichever leaves fewer lines broken."""
    with reading(path), path.open("rb") as raw:
        stream = _binary(raw)
        sample = stream.read(_SAMPLE)
        if marked := _marked_as(path, sample):
            return marked
        while sample and sample.isascii():  # plain ASCII tells nothing: read on to the first byte that does
            sample = stream.read(_SAMPLE)
    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    if len(sample) == _SAMPLE and len(lines) > 1:
        lines.pop()  # cut off in the middle of a character
    return min(("utf-8", "gb18030"), key=lambda encoding: sum(_broken(line, encoding) for line in lines))


def _marked_as(path: Path, start: bytes) -> str | None:
    """The encoding that a byte order mark names; the sentence when this start is no text's."""
    if not start:
        raise UnreadableFile(f"{path} is empty: not even a header line is in it")
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    for magic, sentence in _NOT_TEXT:
        if start.startswith(magic):
            raise UnreadableFile(f"{path} {sentence}")
    if start.count(b"\0") > len(start) // 100:  # a stray NUL is one bad row
        raise UnreadableFile(f"{path} is not a text file: export the orders as CSV")
    return None


def _broken(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return True
    return False
