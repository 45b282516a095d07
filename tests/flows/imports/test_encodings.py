"""A file is read in the encoding it was written in, or the question is asked: no name is garbled silently."""

import gzip
from pathlib import Path

import pytest
from import_samples import REAL_DATA, on_real_data, read, written

from deployments.shop_files import load_shop_file
from flows.imports.encodings import CHINESE, TAIWANESE, WESTERN, usual_encoding
from flows.imports.files import encoding_of
from flows.imports.rows import UnreadableFile
from states.policies.shops import Language

SHOP = Path(__file__).parents[3] / "deployments" / "shops" / "bag-studio.toml"
HEADER = "no,placed_at,amount_fen,receiver,address\n"
CHINA = (("王小明", "浙江省杭州市西湖区文三路1号"), ("欧阳震华", "北京市朝阳区建国路"), ("李娜", ""))
TAIWAN = (("王小明", "臺北市信義區市府路1號"), ("陳美玲", "高雄市苓雅區四維三路2號"), ("張國榮", "香港九龍"))
HONG_KONG = (("陳大文", "香港九龍深水埗𨋢口1號"), ("黃美玲", "新界屯門嘅邨"))
GERMANY = (("Jürgen Müller", "Königstraße 5, Köln"), ("Jörg Weiß", "Grünstr. 7, Düsseldorf"))
BRAZIL = (("João da Silva", "Praça da Sé, São Paulo"), ("Conceição Araújo", "Brasília"), ("JOSÉ ANTÔNIO", ""))


def orders(tmp_path, people, encoding, ascii_rows=0):
    rows = [*([("Smith", "Oak Street 1")] * ascii_rows), *people]
    lines = [f'{n},2025-03-01 10:00:00,990,"{name}","{place}"\n' for n, (name, place) in enumerate(rows)]
    return written(tmp_path / "k.csv", HEADER + "".join(lines), encoding)


def names(file) -> list[str]:
    rows = sorted(file.rows, key=lambda row: row.line)
    return [row.details["receiver"] for row in rows if row.details["receiver"] != "Smith"]


def told(people) -> list[str]:
    return [name for name, _ in people]


def question(path, **options) -> str:
    with pytest.raises(UnreadableFile) as refused:
        read(path, **options)
    return str(refused.value)


@pytest.mark.parametrize("ascii_rows", [0, 500, 60_000])
@pytest.mark.parametrize("usual", [CHINESE, TAIWANESE, WESTERN])
@pytest.mark.parametrize(
    ("people", "written_in", "read_as"),
    [
        (CHINA, "gbk", "gb18030"),
        (CHINA, "gb18030", "gb18030"),
        (TAIWAN, "big5", "big5hkscs"),
        (HONG_KONG, "big5hkscs", "big5hkscs"),
        (GERMANY, "cp1252", "cp1252"),
        (GERMANY, "latin-1", "cp1252"),
        (BRAZIL, "latin-1", "cp1252"),
        ((*GERMANY, ("André", "Rabatt 5 € für alle")), "cp1252", "cp1252"),
        (BRAZIL, "utf-8", "utf-8"),
        (CHINA, "utf-8", "utf-8"),
        (TAIWAN, "utf-8-sig", "utf-8-sig"),
        (CHINA, "utf-16", "utf-16"),
        (TAIWAN, "utf-16", "utf-16"),
    ],
)  # fmt: skip
def test_the_names_are_those_that_were_written_wherever_the_shop_is(
    tmp_path, people, written_in, read_as, usual, ascii_rows
):
    file = read(orders(tmp_path, people, written_in, ascii_rows), usual=usual)
    assert (names(file), file.encoding) == (told(people), read_as)


def test_utf_16_of_the_other_byte_order_is_told_by_its_mark(tmp_path):
    path = orders(tmp_path, CHINA, "utf-16-be")
    path.write_bytes(b"\xfe\xff" + path.read_bytes())
    assert names(read(path)) == told(CHINA)


def test_a_gzipped_file_is_judged_by_what_is_in_it(tmp_path):
    path = orders(tmp_path, GERMANY, "cp1252")
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert names(read(path)) == told(GERMANY)


@pytest.mark.parametrize("name", ["João", "Inês", "Jürgen", "JOÃO", "Sé"])
def test_one_accented_name_is_enough_for_a_shop_where_people_have_such(tmp_path, name):
    assert names(read(orders(tmp_path, [(name, "Rio")], "cp1252"), usual=WESTERN)) == [name]


@pytest.mark.parametrize("name", ["李娜", "王小明", "许晴", "刘洋"])
def test_one_chinese_name_is_enough_for_a_chinese_shop(tmp_path, name):
    assert names(read(orders(tmp_path, [(name, "x")], "gbk"))) == [name]


@pytest.mark.parametrize("name", ["陳美玲", "楊丞琳", "王小明"])
def test_one_name_is_enough_for_a_shop_in_taiwan(tmp_path, name):
    assert names(read(orders(tmp_path, [(name, "x")], "big5"), usual=TAIWANESE)) == [name]


@pytest.mark.parametrize(
    ("people", "written_in", "usual", "candidates"),
    [
        ([("João", "Rio")], "cp1252", CHINESE, ("gb18030", "cp1252")),  # or Jo鉶
        ([("李娜", "x")], "gbk", WESTERN, ("gb18030", "big5hkscs")),
        ([("陳美玲", "x")], "big5", WESTERN, ("big5hkscs", "cp1252")),
    ],
)  # fmt: skip
def test_where_nothing_decides_the_question_is_asked_and_answered_by_naming_one(
    tmp_path, people, written_in, usual, candidates
):
    path = orders(tmp_path, people, written_in)
    asked = question(path, usual=usual)
    assert all(
        word in asked for word in (*candidates, "--encoding", "都读得通", "nothing decides", str(path))
    )
    assert people[0][0] not in asked
    assert names(read(path, usual=usual, encoding=written_in)) == told(people)


def test_what_reads_well_in_no_encoding_is_asked_for_too(tmp_path):
    path = orders(tmp_path, [("Иван Петров", "Москва, Тверская 1"), ("Ольга", "Казань")] * 5, "cp866")
    assert "name its encoding" in question(path)
    assert names(read(path, encoding="cp866"))[0] == "Иван Петров"


@pytest.mark.parametrize(
    ("people", "written_in", "usual", "said"),
    [
        (CHINA, "utf-8", CHINESE, None),
        (CHINA, "utf-16", WESTERN, None),
        (CHINA, "gbk", CHINESE, None),
        (BRAZIL, "cp1252", WESTERN, None),
        (TAIWAN, "big5", TAIWANESE, None),
        (GERMANY, "cp1252", CHINESE, "read as cp1252: in no other encoding"),
        (TAIWAN, "big5", CHINESE, "read as big5hkscs: in no other encoding"),
        ([("João", "Rio")], "cp1252", WESTERN, "probably cp1252, but gb18030, big5hkscs would do"),
        ([("李娜", "x")], "gbk", CHINESE, "probably gb18030, but big5hkscs would do"),
    ],
)  # fmt: skip
def test_a_guess_is_said_and_what_is_certain_is_not(tmp_path, people, written_in, usual, said):
    guess = read(orders(tmp_path, people, written_in), usual=usual).guess
    assert guess == said if said is None else said in guess and " / " in guess


def test_who_names_the_encoding_is_told_no_guess(tmp_path):
    assert read(orders(tmp_path, GERMANY, "cp1252"), encoding="cp1252").guess is None


@pytest.mark.parametrize(
    ("people", "written_in", "other"),
    [(CHINA, "gbk", "浙江省".encode() + b"\xff"), (CHINA, "utf-8", "李".encode("gbk")), (BRAZIL, "utf-8", b"\xe3o")],
)  # fmt: skip
def test_rows_in_a_second_encoding_are_quarantined_and_the_others_are_in(tmp_path, people, written_in, other):
    path = orders(tmp_path, people * 10, written_in)
    bad = b"x,2025-03-01 10:00:00,990," + other + b",\n"
    path.write_bytes(path.read_bytes() + bad)
    file = read(path, usual=WESTERN)
    assert names(file) == told(people * 10)
    assert [row.line for row in file.bad] == [len(people) * 10 + 2]


@on_real_data
@pytest.mark.parametrize("usual", [CHINESE, TAIWANESE, WESTERN])
def test_the_real_exports_are_utf_8_for_every_shop(usual):
    for path in (*REAL_DATA.glob("tmall/*.csv.gz"), *REAL_DATA.glob("olist/*.csv.gz")):
        found = encoding_of(path, usual)
        assert (found.name, found.guess) in (("utf-8", None), ("utf-8-sig", None)), path.name


@pytest.mark.parametrize(
    ("region", "language", "usual"),
    [("CN", "zh", CHINESE), ("CN", "en", CHINESE), ("US", "zh", CHINESE), ("BR", "en", WESTERN),
     ("DE", "en", WESTERN), ("TW", "zh", TAIWANESE), ("HK", "en", TAIWANESE)],
)  # fmt: skip
def test_what_is_usual_follows_from_where_the_shop_is(region, language, usual):
    shop = load_shop_file(SHOP)
    assert (
        usual_encoding(shop.model_copy(update={"phone_region": region, "language": Language(language)}))
        == usual
    )
