"""Opening a file: gzip, encoding, the sentence when it is not a text at all."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from flows.imports.encodings import Encoding, encoding_in
from flows.imports.rows import UnreadableFile


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


def encoding_of(path: Path, usual: str, named: str | None = None) -> Encoding:
    """See `encoding_in`. Raises UnreadableFile, also where there is nothing to read."""
    with reading(path), path.open("rb") as raw:
        return encoding_in(_binary(raw), path, usual, named)
