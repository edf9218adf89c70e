import csv
import gzip
import io
import json
import os
import threading
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marsad.inputs import Failure
from marsad.lines import write_conll
from marsad.page import write_html
from marsad.pipeline import Pipeline
from marsad.readers import read
from marsad.schema import Document
from marsad.sheets import write_csv, write_parquet
from marsad.sources import Item, Source

TEXT = "قصفت قوات النظام حلب أمس . مقتل مدنيين في إدلب"
HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(1)> \" ' \u202e \x00 \ud800"


def found(name: str) -> list[Item]:
    return list(read([name], io.BytesIO()))


def texts(name: str) -> list[str]:
    return [item.text if isinstance(item, Source) else f"! {item.reason}" for item in found(name)]


def written(write: Callable[..., None], documents: list[Document]) -> bytes:
    out = io.BytesIO()
    write(documents, out)
    return out.getvalue()


@pytest.fixture
def documents(pipeline: Pipeline) -> list[Document]:
    document = pipeline(TEXT)
    fields = {"date": "2020-01-02", "label": "x", "n": 1}
    return [
        Document(TEXT, document.sentences, document.entities, document.events, "a", fields),
        Document(HOSTILE, id=HOSTILE, fields={"n": 2.5, HOSTILE: HOSTILE}),
    ]


# Read


def zst(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return bytes(sink.getvalue())


CONTENTS = {
    ".txt": TEXT.encode(),
    ".jsonl": json.dumps({"text": TEXT}).encode(),
    ".csv": f"text\n{TEXT}".encode(),
}


@pytest.mark.parametrize("suffix", CONTENTS)
def test_a_compressed_file_is_read_as_what_it_holds(folder: Path, suffix: str) -> None:
    Path(f"a{suffix}").write_bytes(CONTENTS[suffix])
    Path(f"a{suffix}.gz").write_bytes(gzip.compress(CONTENTS[suffix]))
    Path(f"a{suffix}.ZST").write_bytes(zst(CONTENTS[suffix]))
    assert [texts(f"a{suffix}{more}") for more in ("", ".gz", ".ZST")] == [[TEXT]] * 3
    for name in (f"a{suffix}.gz", f"a{suffix}.ZST"):
        assert (
            sum(i.size for i in found(name) if isinstance(i, Source)) == Path(name).stat().st_size
        )


def test_a_broken_compressed_file_fails_and_keeps_what_was_read(folder: Path) -> None:
    lines = b"".join(json.dumps({"text": f"{n}{TEXT}"}).encode() + b"\n" for n in range(20_000))
    whole = gzip.compress(lines)
    Path("a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    Path("b.jsonl.gz").write_bytes(b"no gzip")
    Path("c.jsonl.zst").write_bytes(zst(lines)[:-9])
    *kept, last = texts("a.jsonl.gz")
    assert len(kept) > 1_000
    assert last == "! Compressed file ended before the end-of-stream marker was reached."
    assert texts("b.jsonl.gz") == ["! Not a gzipped file (b'no')."]
    assert texts("c.jsonl.zst")[-1] == "! Truncated compressed stream."


@pytest.mark.parametrize("end", ["", ".gz"])
def test_rows_of_parquet_keep_their_columns(folder: Path, end: str) -> None:
    table = pa.table({"id": [5, 6], "text": [TEXT, None], "tags": [["a"], []], "x": [1.5, 2.0]})
    pq.write_table(table, "a.parquet")
    data = Path("a.parquet").read_bytes()
    Path(f"a.parquet{end}").write_bytes(gzip.compress(data) if end else data)
    good, bad = found(f"a.parquet{end}")
    assert isinstance(good, Source)
    assert (good.id, good.text, good.fields) == ("5", TEXT, {"tags": ["a"], "x": 1.5})
    assert isinstance(bad, Failure)
    assert (bad.id, str(bad.place)) == ("6", f"a.parquet{end}:2")


def test_texts_in_parquet_may_be_bytes_but_nothing_else(folder: Path) -> None:
    binary = [TEXT.encode(), b"\xff", None]
    pq.write_table(pa.table({"text": pa.array(binary, pa.binary())}), "a.parquet")
    pq.write_table(pa.table({"text": [date(2020, 1, 2)]}), "b.parquet")
    text, *bad = texts("a.parquet") + texts("b.parquet")
    assert text == TEXT
    assert bad[0] == "! the column 'text': not UTF-8: 0xff at byte 0, invalid start byte."
    assert all("no text" in reason for reason in bad[1:])


def test_a_pipe_with_a_name_is_read_like_a_file(folder: Path) -> None:
    os.mkfifo("a.jsonl")
    writer = threading.Thread(target=Path("a.jsonl").write_text, args=('{"text": "a"}\n' * 2,))
    writer.start()
    assert texts("a.jsonl") == ["a", "a"]
    writer.join()


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".txt"])
def test_what_is_too_long_fails_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    for module in ("encodings", "readers"):
        monkeypatch.setattr(f"marsad.{module}.LONGEST", 100_000)
    long, short = TEXT * 10_000, TEXT
    content = {
        ".jsonl": "".join(json.dumps({"text": t}) + "\n" for t in (short, long, short)),
        ".csv": f"text\n{short}\n{long}\n{short}\n",
        ".txt": long,
    }
    Path(f"a{suffix}").write_text(content[suffix], encoding="utf-8")
    assert (
        texts(f"a{suffix}")
        == {
            ".jsonl": [short, "! a line of more than 64 MiB.", short],
            ".csv": [short, "! a line of more than 64 MiB."],
            ".txt": ["! a text of more than 64 MiB; cut it into several."],
        }[suffix]
    )


def test_a_byte_that_is_no_text_costs_its_line_and_not_the_file(folder: Path) -> None:
    line = json.dumps({"text": TEXT}, ensure_ascii=False)
    Path("a.jsonl").write_text(f"{line}\n{line[:20]}\0{line[20:]}\n{line}\n", encoding="utf-8")
    first, bad, last = texts("a.jsonl")
    assert (first, last) == (TEXT, TEXT)
    assert bad.startswith("! not JSON: Invalid control character at")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id;text\n1;حلب,إدلب\n", ["حلب,إدلب"]),
        ('text,x\n"a\nb",1\nc,2\n', ["a\nb", "c"]),
        ("text,x\na\nb,2\n", ["! 1 cells in a row where the header has 2.", "b"]),
        ("body\na\n", ['! no column "text"; its columns: body.']),
        ("text,x,x\n1,2,3\n", ["! two columns are named 'x'."]),
        (
            'text,x\n"a" b,1\nc,2\n"d,3\ne,4\n',
            [
                "! no row of a CSV file: ',' expected after '\"'.",
                "c",
                "! no row of a CSV file, up to line 5: unexpected end of data.",
            ],
        ),
        ("text,x\rb,2\r", ["! its lines end with CR alone; wanted LF, or CR and LF."]),
    ],
    ids=["semicolons", "newline in a cell", "short row", "no text", "twice", "quotes", "CR"],
)
def test_a_table_is_read_row_by_row(folder: Path, content: str, expected: list[str]) -> None:
    Path("a.csv").write_text(content, encoding="utf-8")
    assert texts("a.csv") == expected


def test_a_row_that_does_not_decode_fails_alone(folder: Path) -> None:
    Path("a.csv").write_bytes(f"text,x\n{TEXT},1\n".encode() + b"\xff,2\n" + b"c,3\n")
    assert texts("a.csv") == [TEXT, "! the cell of column 'text' does not decode.", "c"]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8-sig", None), ("utf-16", "UTF-16"), ("cp1256", "Windows-1256")],
)
@pytest.mark.parametrize("suffix", CONTENTS)
def test_another_encoding_is_noticed_and_said(
    folder: Path, caplog: pytest.LogCaptureFixture, encoding: str, name: str | None, suffix: str
) -> None:
    text = "قصفت قوات النظام السوري بلدة كنصفرة جنوبي إدلب، ما أدى إلى مقتل ثلاثة مدنيين"
    content = {
        ".txt": text,
        ".jsonl": json.dumps({"text": text}, ensure_ascii=False) + "\n",
        ".csv": f"text\n{text}\n",
    }
    Path(f"a{suffix}").write_text(content[suffix], encoding=encoding)
    assert texts(f"a{suffix}") == [text]
    assert [r.getMessage() for r in caplog.records] == (
        [f"a{suffix}: read as {name}."] if name else []
    )


def test_an_encoding_is_noticed_where_little_of_a_file_is_arabic(folder: Path) -> None:
    line = json.dumps(
        {"text": "قصفا، حلب", "url": "https://example.org/" + "x" * 200}, ensure_ascii=False
    )
    Path("a.jsonl").write_text(f"{line}\n" * 50, encoding="cp1256")
    assert texts("a.jsonl") == ["قصفا، حلب"] * 50


@pytest.mark.parametrize("text", ["حلب", "لا، نعم، حلب، إدلب"])
def test_an_encoding_is_noticed_in_the_shortest_text(folder: Path, text: str) -> None:
    Path("a.txt").write_text(text, encoding="cp1256")
    assert "not UTF-8" not in texts("a.txt")[0]


def test_a_garbled_byte_is_no_other_encoding(folder: Path) -> None:
    Path("a.jsonl").write_bytes(b'{"text": "a"}\n{"text": "\xe3"}\n')
    good, bad = texts("a.jsonl")
    assert (good, bad[:12]) == ("a", "! not UTF-8:")


def test_a_binary_file_is_no_text(folder: Path) -> None:
    Path("a.txt").write_bytes(bytes(range(256)) * 20)
    assert texts("a.txt") == ["! no text: it holds NUL bytes, and is not UTF-16."]


def test_a_library_that_is_missing_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    Path("a.parquet").write_bytes(b"PAR1")
    assert texts("a.parquet") == [
        "! Parquet needs pyarrow, which is not installed: pip install 'marsad[formats]'."
    ]


# Write


def test_a_table_has_a_row_an_entity_and_a_row_an_event(documents: list[Document]) -> None:
    text = written(write_csv, documents).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    first, second = documents
    assert [row["kind"] for row in rows] == ["entity"] * 5 + ["event"] * 2 + [""]
    attack = next(row for row in rows if row["label"] == "ATTACK")
    assert (attack["class"], attack["actor"], attack["place"]) == ("attack", "قوات النظام", "حلب")
    assert (attack["date"], attack["input.label"], attack["n"]) == ("2020-01-02", "x", "1")
    for row in rows[:7]:
        assert first.text[int(row["start"]) : int(row["end"])] == row["text"]
        assert row["text"] in row["sentence_text"]
    assert rows[-1]["id"] == second.id.replace("\ud800", "\ufffd")


def test_every_role_has_its_column_whatever_was_found() -> None:
    text = written(partial(write_csv, roles=("actor", "weapon")), [Document("", id="a")])
    assert text.decode("utf-8-sig").splitlines()[0].endswith("sentence_text,actor,weapon")
    own = Document("", id="a", fields={"weapon": "x"})
    (row,) = csv.DictReader(
        io.StringIO(written(partial(write_csv, roles=("weapon",)), [own]).decode("utf-8-sig"))
    )
    assert (row["weapon"], row["input.weapon"]) == ("", "x")


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([36, 36.5], [36.0, 36.5]),
        ([1, None], [1, None]),
        ([2**60, 1], [2**60, 1]),
        ([2**60, 0.5], [str(2**60), "0.5"]),
        ([2**70, 1], [str(2**70), "1"]),
        ([1, True], ["1", "true"]),
    ],
)
def test_columns_of_numbers_stay_numbers(values: list[object], kept: list[object]) -> None:
    rows = [Document("", id=str(n), fields={"n": value}) for n, value in enumerate(values)]
    table = pq.read_table(io.BytesIO(written(write_parquet, rows)))
    assert table["n"].to_pylist() == kept


def test_columns_whose_names_cannot_be_told_apart_get_other_names() -> None:
    rows = [
        Document("", id="a", fields={"\ud800": 1}),
        Document("", id="b", fields={"\udfff": "x"}),
    ]
    table = pq.read_table(io.BytesIO(written(write_parquet, rows)))
    assert table.column("\ufffd").to_pylist() == [1, None]
    assert table.column("input.\ufffd").to_pylist() == [None, "x"]


def test_parquet_holds_what_json_holds(documents: list[Document]) -> None:
    table = pq.read_table(io.BytesIO(written(write_parquet, documents)))
    first, second = table.to_pylist()
    for sentence in first["sentences"]:
        sentence["scores"] = dict(sentence["scores"])
    wanted = documents[0].as_dict()
    assert {key: first[key] for key in wanted} == wanted
    assert second["text"] == HOSTILE.replace("\ud800", "\ufffd")


def test_conll_has_a_word_and_its_tags_a_line(documents: list[Document]) -> None:
    lines = written(write_conll, documents[:1]).decode().split("\n")
    assert lines[:4] == ["# id = a", "قصفت\tO\tB-ATTACK", "قوات\tB-ARMED\tO", "النظام\tI-ARMED\tO"]
    assert lines.count("") == len(documents[0].sentences) + 1


def test_hostile_text_is_only_text_on_the_page(pipeline: Pipeline) -> None:
    document = pipeline(f"قصفت قوات النظام {HOSTILE} حلب")
    hostile = Document(
        document.text,
        document.sentences,
        document.entities,
        document.events,
        HOSTILE,
        {HOSTILE: HOSTILE, "date": "2020-01-02"},
    )
    page = written(write_html, [hostile]).decode()
    assert "<script" not in page
    assert "<img" not in page
    assert not {"\u202e", "\x00"} & set(page)
    assert 'dir="rtl"' in page
    assert "http" not in page.replace("http-equiv", "")
    assert '<mark class="l-ARMED">قوات النظام</mark>' in page
    assert ">2020-01-02</bdi>" in page


def test_what_was_written_as_json_is_read_back(documents: list[Document]) -> None:
    for document in documents:
        assert Document.from_dict(json.loads(json.dumps(document.as_dict()))) == document
