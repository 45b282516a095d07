"""What a file is written in: told by its mark, by its bytes, and where these leave it open by its shop.

UTF-8 proves itself. Of the others, most bytes of one are bytes of the next: `charset-normalizer` says which readings
are text at all, the words whether ideographs or accented letters stand where such stand, the shop which of two
it is. Where these disagree nothing is guessed: names garbled in the database are worse than a question.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from charset_normalizer import from_bytes

from flows.imports.rows import UnreadableFile
from states.policies.shops import Language, ShopPolicies

CHINESE, TAIWANESE, WESTERN = "gb18030", "big5hkscs", "cp1252"  # each has in it what came before it
READINGS = (CHINESE, TAIWANESE, WESTERN)
_SAMPLE = 1 << 20
_JUDGED = 1 << 16  # bytes that charset-normalizer is shown
_FOREIGN_WORD = re.compile(r"\w*[^\W\x00-\x7f]\w*")
_PLAIN_LETTER = re.compile("[A-Za-z]")
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


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec, and where it was not certain what speaks for it: zh / en."""

    name: str
    guess: str | None = None


def usual_encoding(shop: ShopPolicies) -> str:
    """What a file of this shop is written in that is not UTF-8."""
    if shop.phone_region in ("TW", "HK", "MO"):
        return TAIWANESE
    return CHINESE if shop.phone_region in ("CN", "SG") or shop.language is Language.ZH else WESTERN


def encoding_in(stream: BinaryIO, path: Path, usual: str, named: str | None = None) -> Encoding:
    """What this stream is written in: what is named, else what its bytes say; `usual` decides between readings
    that are all plausible.

    Raises UnreadableFile where it is no text, or where nothing decides.
    """
    start = _whole_lines(stream)
    marked = _marked_as(path, start)  # also says what is no text at all
    if named or marked:
        return _known(named) if named else Encoding(marked)
    lines = _foreign_lines(start, stream)
    if not lines or 2 * sum(_read(line, "utf-8") is None for line in lines) < len(lines):
        return Encoding("utf-8")
    fits = [name for name in READINGS if _is_text(lines, name)]
    natural = [name for name in fits if _is_natural(lines, name)]
    if fits == [usual]:
        return Encoding(usual)
    if usual in natural or len(natural) == 1 and usual not in fits:
        taken = usual if usual in natural else natural[0]
        return Encoding(taken, _guess(taken, [name for name in fits if name != taken]))
    raise UnreadableFile(f"{path} {_question([name for name in fits if name in (usual, *natural)] or fits)}")


def _known(name: str) -> Encoding:
    """The codec that somebody names, or the sentence that there is none."""
    try:
        "".encode(name)  # refuses codecs that are not for text
        return Encoding(codecs.lookup(name).name)
    except (LookupError, ValueError):
        raise UnreadableFile(f"there is no encoding {name!r}: try utf-8 or gb18030") from None


def _guess(taken: str, others: Sequence[str]) -> str:
    if not others:
        return f"按 {taken} 读取：其他编码读不通 / read as {taken}: in no other encoding is it a text"
    also = ", ".join(others)
    return (
        f"按 {taken} 读取，但 {also} 也读得通：姓名不对就用 --encoding 指定 / "
        f"probably {taken}, but {also} would do: should names look wrong, say which with --encoding"
    )


def _question(fits: Sequence[str]) -> str:
    if not fits:
        return (
            f"按 utf-8, {', '.join(READINGS)} 都读不通：请用 --encoding 指明编码 / "
            f"is not a text file in utf-8, {', '.join(READINGS)}: name its encoding with --encoding"
        )
    return (
        f"按 {' 或 '.join(fits)} 都读得通：请用 --encoding 指明是哪一种 / "
        f"reads as {' or as '.join(fits)}, and nothing decides: say which with --encoding"
    )


def _whole_lines(stream: BinaryIO) -> bytes:
    """The next megabyte, to the end of its last line."""
    return stream.read(_SAMPLE) + stream.readline(_SAMPLE)


def _foreign_lines(part: bytes, stream: BinaryIO) -> list[bytes]:
    """The first megabyte of lines that are not plain ASCII, wherever in the file they are."""
    lines: list[bytes] = []
    size = 0
    while part and size < _SAMPLE:
        if not part.isascii():
            found = [line for line in part.split(b"\n") if not line.isascii()]
            lines += found
            size += sum(map(len, found))
        part = _whole_lines(stream)
    return lines


def _read(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_text(lines: Sequence[bytes], encoding: str) -> bool:
    """Whether most lines can be read, and what they then say is no jumble of characters."""
    readable = [line for line in lines if _read(line, encoding) is not None]
    if 2 * len(readable) < len(lines):
        return False
    shown, size = [], 0
    for line in readable:
        shown.append(line)
        size += len(line)
        if size > _JUDGED:
            break
    return bool(from_bytes(b"\n".join(shown), cp_isolation=[encoding], enable_fallback=False))


def _is_natural(lines: Sequence[bytes], encoding: str) -> bool:
    """Accented letters stand in words among plain ones (João), ideographs hardly ever (Jo鉶)."""
    words = [word for line in lines for word in _FOREIGN_WORD.findall(_read(line, encoding) or "")]
    mixed = sum(1 for word in words if _PLAIN_LETTER.search(word))
    return 2 * mixed >= len(words) if encoding == WESTERN else 2 * mixed <= len(words)


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
