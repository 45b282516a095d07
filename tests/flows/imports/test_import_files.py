"""Bad input is answered, not swallowed (promise 10)."""

import gzip
import time

import pytest
from import_samples import NOW, SHANGHAI, TMALL_HEADER, read, tmall, written

from flows.imports.readers import detect, read_orders
from flows.imports.rows import UnreadableFile

GOOD = "{},9.90,9.90,上海,2020-02-01 10:00:00,2020-02-01 10:01:00,0.0"


def refusal(path, **options) -> str:
    with pytest.raises(UnreadableFile) as refused:
        read(path, **options)
    sentence = str(refused.value)
    sentence.encode()  # can be printed
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"PK\x03\x04" + bytes(100), "Excel workbook"),
        (bytes(range(256)) * 20, "no header of a format we know|not a text file"),
        (bytes(5000), "not a text file"),
        (b"a,b,c\n1,2,3\n", "no header of a format we know"),
        (b"\n\n\n", "no header of a format we know"),
        (gzip.compress(TMALL_HEADER.encode() * 9, mtime=0)[:-12], "damaged gzip"),
        (TMALL_HEADER.replace(",", ";").encode(), "separated by semicolons"),
        (TMALL_HEADER.replace(",", "\t").encode("utf-16"), "separated by tabs"),
        (TMALL_HEADER.replace("支付金额", "支付额").encode("gbk"), "买家实际支付金额 .nearest: column 3"),
        ("订单编号,总金额,总金额,买家实际支付金额,订单创建时间,订单付款时间,退款金额\n".encode(), "总金额 twice"),
        (b"no,placed_at,amount_fen,payd_at\n", "unknown column, number 4, paid_at may be meant"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_gets_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=sentence):
        read(path)
    assert str(path) in refusal(path)


def test_a_missing_file_a_directory_and_an_unknown_name_get_one_sentence(tmp_path):
    assert "does not exist" in refusal(tmp_path / "none.csv")
    assert "is a directory" in refusal(tmp_path)
    path = tmall(tmp_path, GOOD.format(1))
    assert "no encoding 'gb99'" in refusal(path, encoding="gb99")
    assert "no encoding 'base64'" in refusal(path, encoding="base64")
    assert "no format 'jd'" in refusal(path, format="jd")
    assert "no header of a kefu file" in refusal(path, format="kefu")


def test_format_and_encoding_are_detected_and_can_be_forced(tmp_path):
    path = tmall(tmp_path, GOOD.format(1), encoding="gbk")
    assert detect(path) == ("tmall", "gb18030")
    assert read(path, format="tmall", encoding="GBK").encoding == "gbk"
    assert "no header" in refusal(path, encoding="utf-8")


def test_a_gzipped_file_is_known_by_its_bytes_not_its_name(tmp_path):
    path = tmall(tmp_path, GOOD.format(1))
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert len(read(path).rows) == 1


def test_ascii_for_a_megabyte_does_not_hide_the_encoding(tmp_path):
    header = "no,placed_at,amount_fen,receiver\n"
    rows = "".join(f"{n},2020-02-01 10:00:00,990,\n" for n in range(40_000))
    file = read(written(tmp_path / "k.csv", header + rows + "x,2020-02-01 10:00:00,990,王小明\n", "gbk"))
    assert file.encoding == "gb18030"
    assert file.rows[-1].details["receiver"] == "王小明"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("damage", [b"\xff", b"\x81", b"\x00"])
def test_a_broken_byte_costs_its_row_and_no_other(tmp_path, encoding, damage):
    path = tmall(tmp_path, *(GOOD.format(n) for n in range(50)), encoding=encoding)
    lines = path.read_bytes().split(b"\n")
    lines[20] = lines[20].replace("上海".encode(encoding), "上".encode(encoding) + damage)
    path.write_bytes(b"\n".join(lines))
    file = read(path)
    (bad,) = file.bad
    assert (bad.line, bad.column, len(file.rows), file.encoding) == (21, "收货地址", 49, encoding)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,9,9,上海,2020-02-01 10:00:00,", "has 6 cells where the header has 7"),
        ("1,9,9,上海,2020-02-01 10:00:00,,0,0", "has 8 cells where the header has 7"),
        ('"1,9,9,上海,2020-02-01 10:00:00,,0', "a quote is never closed"),
        ('1,9,9,上海,2020-02-01 10:00:00,,"0', "a quote is never closed"),
        ("1,9,9," + '"' + "海" * 200_000 + '"' + ",2020-02-01 10:00:00,,0", "far too long"),
    ],
)
def test_a_broken_row_costs_itself_and_no_other(tmp_path, row, reason):
    for position in (0, 25, 50):
        rows = [GOOD.format(n) for n in range(100, 150)]
        rows.insert(position, row)
        file = read(tmall(tmp_path, *rows))
        (bad,) = file.bad
        assert (bad.line, bad.raw, len(file.rows)) == (position + 2, row, 50)
        assert reason in bad.reason_en


def test_two_forgotten_quotes_do_not_close_each_other(tmp_path):
    rows = [GOOD.format(n) for n in range(100, 150)]
    rows[10] = rows[10].replace("上海", '"上海')
    rows[30] = rows[30].replace("上海", '"上海')
    assert [bad.line for bad in read(tmall(tmp_path, *rows)).bad] == [12, 32]


def test_a_forgotten_quote_in_every_row_takes_no_longer(tmp_path):
    path = tmall(tmp_path, *('"' + GOOD.format(n) for n in range(5000)))
    started = time.monotonic()
    assert len(read(path).bad) == 5000
    assert time.monotonic() - started < 10


def test_blank_lines_are_no_rows(tmp_path):
    file = read(tmall(tmp_path, "", GOOD.format(1), ",,,,,,", "   ", GOOD.format(2)))
    assert (file.read, [row.line for row in file.rows]) == (2, [3, 6])


def test_a_large_file_with_one_bad_row_loses_only_that(tmp_path):
    rows = [GOOD.format(n) for n in range(40_000)]
    rows[20_000] = rows[20_000].replace("9.90", "-9.90", 1)
    seen = []
    path = tmall(tmp_path, *rows)
    file = read_orders(path, SHANGHAI, now=NOW, progress=lambda done, size: seen.append((done, size)))
    assert ([bad.line for bad in file.bad], len(file.rows)) == ([20_002], 39_999)
    assert seen == sorted(seen)
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)


WORD = "机密secret"
KEFU_TABLE = [
    ["no", "placed_at", "amount_fen", "paid_at", "items"],
    ["1", "2020-02-01 10:00:00", "990", "2020-02-01 10:00:00", "s:t:1:990"],
    ["1", "2020-02-01 10:00:00", "990", "2020-02-01 10:00:00", "s:t:1:990"],
]
TMALL_TABLE = [
    TMALL_HEADER.strip().split(","),
    *[["1", "9.90", "9.90", "上海", "2020-02-01 10:00:00", "2020-02-01 10:01:00", "0.0"]] * 2,
]


def told(path, **options) -> str:
    """All that is said of a file that can't be read, or of its rows."""
    try:
        bad = read(path, **options).bad
    except UnreadableFile as error:
        return str(error)
    return " ".join(f"{row.column} {row.reason_zh} {row.reason_en}" for row in bad)


@pytest.mark.parametrize("table", [KEFU_TABLE, TMALL_TABLE], ids=["kefu", "tmall"])
@pytest.mark.parametrize("broken", ["", "\0", "\udcff"])
@pytest.mark.parametrize("format", ["auto", "kefu", "tmall", "taobao", "olist"])
def test_no_error_quotes_a_files_text(tmp_path, table, broken, format):
    for line, cells in enumerate(table):
        for place in range(len(cells) + 1):
            spoiled = [list(row) for row in table]
            spoiled[line][place : place + 1] = [WORD + broken]
            path = tmp_path / "orders.csv"
            path.write_bytes(
                "".join(",".join(row) + "\n" for row in spoiled).encode(errors="surrogateescape")
            )
            assert WORD not in told(path, format=format)


def test_no_error_quotes_a_key_of_json(tmp_path):
    path = written(
        tmp_path / "orders.jsonl", f'{{"no": "1", "{WORD}": "{WORD}"}}\n{{"no": "{WORD}"}}\n{WORD}\n'
    )
    assert WORD not in told(path, format="kefu")
