import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.inputs import Failure, Place, survey
from marsad.readers import READERS, guarded, read, read_jsonl, read_stdin, read_text
from marsad.sources import Item, Source

WANTED = ".txt or .jsonl or .csv or .parquet (or these with .gz or .zst), or - for standard input."


def put(path: str, content: str | bytes = "حلب") -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def found(*names: str, stdin: bytes = b"") -> list[Item]:
    return list(read(names, BytesIO(stdin)))


def ids(*names: str) -> list[str]:
    return [item.id if isinstance(item, Source) else f"! {item.place}" for item in found(*names)]


def line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def only(items: Iterator[Item]) -> Item:
    (item,) = items
    return item


def test_a_text_file_is_one_document_named_by_its_path(folder: Path) -> None:
    put("news/a.txt", "في حلب\r\nأمس\n")
    assert found("news/a.txt") == [
        Source("news/a.txt", "في حلب\r\nأمس\n", Place("news/a.txt"), size=20)
    ]


def test_a_line_of_jsonl_is_a_document_that_keeps_its_other_keys(folder: Path) -> None:
    put("a.jsonl", line({"id": "x", "text": "حلب", "date": "2020"}) + b"\n" + line({"text": ""}))
    first, second = found("a.jsonl")
    assert isinstance(first, Source)
    assert isinstance(second, Source)
    assert (first.id, first.text, first.fields) == ("x", "حلب", {"date": "2020"})
    assert (second.id, second.text, second.fields) == ("a.jsonl:3", "", {})
    assert str(first.place) == "a.jsonl:1"


@pytest.mark.parametrize(("given_id", "id_"), [(7, "7"), ("", ""), (None, "-:1")])
def test_an_id_becomes_text_and_its_absence_the_place(given_id: object, id_: str) -> None:
    item = only(read_jsonl(BytesIO(line({"id": given_id, "text": "حلب"})), "-"))
    assert isinstance(item, Source)
    assert item.id == id_


def test_an_empty_file_is_a_failure(folder: Path) -> None:
    for name in ("a.txt", "b.jsonl", "c.csv"):
        put(name, "")
    put("d.csv", "text\n")
    assert found("a.txt", "b.jsonl", "c.csv", "d.csv") == [
        Failure(Place("a.txt"), "the file is empty."),
        Failure(Place("b.jsonl"), "no document in it."),
        Failure(Place("c.csv"), "no document in it."),
        Failure(Place("d.csv"), "no document in it."),
    ]


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    text = only(read_text(BytesIO(b"\xef\xbb\xbfa"), "a.txt"))
    record = only(read_jsonl(BytesIO(b'\xef\xbb\xbf{"text": "a"}'), "a.jsonl"))
    assert isinstance(text, Source)
    assert isinstance(record, Source)
    assert (text.text, record.text) == ("a", "a")


def test_invalid_utf8_is_a_failure_that_names_the_byte() -> None:
    reason = "not UTF-8: 0xff at byte 2, invalid start byte."
    assert only(read_text(BytesIO("ح".encode() + b"\xff"), "a.txt")) == Failure(
        Place("a.txt"), reason
    )
    lines = line({"text": "a"}) + b'{"\xff": 1}\n' + line({"text": "b"})
    before, bad, after = read_jsonl(BytesIO(lines), "a.jsonl")
    assert bad == Failure(Place("a.jsonl", 2), reason)
    assert isinstance(before, Source)
    assert isinstance(after, Source)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{bad", "not JSON: Expecting property name enclosed in double quotes at column 2."),
        (b'["text"]', 'no JSON object; wanted {"text": "…"}.'),
        (b'{"text": 3}', 'the key "text" is missing or no text; wanted {"text": "…"}.'),
        (b'{"body": ""}', 'the key "text" is missing or no text; wanted {"text": "…"}.'),
        (b'{"text": "", "id": []}', 'the key "id" is no text or number.'),
        (b'{"text": "", "x": NaN}', "not JSON: NaN is no finite number."),
        (b'{"text": "", "x": 1e999}', "not JSON: 1e999 is no finite number."),
        (b'{"text": "", "x": ' + b"[" * 200_000, "its JSON is nested too deeply."),
    ],
)
def test_a_bad_line_is_a_failure_that_says_why(content: bytes, reason: str) -> None:
    assert only(read_jsonl(BytesIO(content), "a.jsonl")) == Failure(Place("a.jsonl", 1), reason)


def test_a_number_too_long_for_python_is_a_failure() -> None:
    item = only(read_jsonl(BytesIO(b'{"text": "", "x": ' + b"1" * 5000 + b"}"), "a.jsonl"))
    assert isinstance(item, Failure)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b" "))))
def test_every_line_that_is_not_blank_is_accounted_for(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    items = list(guarded(read_jsonl(BytesIO(data), "a"), "a"))
    if b"\0" in data:  # no text at all, or UTF-16, in which line breaks hold a NUL, too
        assert items or not data.decode("latin-1").replace("\0", "").strip()
        return
    assert {item.place.line for item in items} >= {
        number for number, content in enumerate(lines, 1) if b"{" in content or b"\xff" in content
    }


@settings(deadline=None)
@given(st.binary())
def test_no_bytes_on_standard_input_raise(data: bytes) -> None:
    assert all(
        isinstance(item, Source | Failure) for item in guarded(read_stdin(BytesIO(data)), "-")
    )


def test_a_folder_is_read_in_order_and_only_where_a_format_is_known(folder: Path) -> None:
    for name in ("n/b.txt", "n/a/z.TXT", "n/c.jsonl", "n/readme.md", "n/a.txt"):
        put(name, line({"text": ""}))
    assert ids("n") == ["n/a/z.TXT", "n/a.txt", "n/b.txt", "n/c.jsonl:1"]


def test_a_folder_without_a_known_format_is_a_failure(folder: Path) -> None:
    put("n/readme.md")
    assert found("n") == [
        Failure(Place("n"), "no .txt or .jsonl or .csv or .parquet file in this folder.")
    ]


def test_what_a_folder_holds_beside_is_counted(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("n/a.txt", "n/readme.md", "n/deep/noext"):
        put(name)
    survey(["n"], READERS)
    assert caplog.messages == ["of no known format, and so passed over in folders: 2."]


def test_a_text_needs_no_temporary_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.txt")
    monkeypatch.setattr("marsad.readers.TemporaryFile", lambda: pytest.fail("a file was made"))
    assert [item for item in found("a.txt") if isinstance(item, Failure)] == []


def test_a_linked_folder_is_read_but_not_round_in_circles(folder: Path) -> None:
    put("n/a.txt")
    put("elsewhere/b.txt")
    os.symlink("..", "n/back")
    os.symlink("../elsewhere", "n/link")
    os.symlink("gone", "n/broken.txt")
    os.symlink("itself.txt", "n/itself.txt")
    failures = {str(item.place): item.reason for item in found("n") if isinstance(item, Failure)}
    assert "n/link/b.txt" in ids("n")
    assert failures["n/broken.txt"] == "No such file or directory."
    assert failures["n/itself.txt"] == "Too many levels of symbolic links."
    assert failures["n/back/n"] == "a link back to a folder above it."


def test_a_pipe_in_a_folder_is_not_waited_for(folder: Path) -> None:
    put("n/a.txt")
    os.mkfifo("n/b.txt")
    assert found("n")[1] == Failure(Place("n/b.txt"), "no regular file.")


def test_a_glob_that_the_shell_left_alone_is_matched(folder: Path) -> None:
    for name in ("n/2011/a.txt", "n/2012/b.txt", "n/c.txt", "[x].txt"):
        put(name)
    assert ids("n/*/*.txt") == ["n/2011/a.txt", "n/2012/b.txt"]
    assert ids("n/20*") == ["n/2011/a.txt", "n/2012/b.txt"]
    assert ids("n/**/*.txt") == ["n/2011/a.txt", "n/2012/b.txt", "n/c.txt"]
    assert ids(f"{folder}/n/*.txt") == [f"{folder}/n/c.txt"]
    assert ids("[x].txt") == ["[x].txt"]


def test_a_folder_that_cannot_be_read_fails_in_a_glob_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("n/a/x.txt", "n/b/y.txt"):
        put(name)

    def refusing(look: Any) -> Any:
        def refuse(path: str) -> Any:
            if path == "n/a":
                raise PermissionError(13, "Permission denied")
            return look(path)

        return refuse

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    for pattern in ("n/*/*.txt", "n/**/*.txt", "n/**", "n/*", "n"):
        assert ids(pattern) == ["! n/a", "n/b/y.txt"]


def test_what_a_glob_matches_twice_is_read_once(folder: Path) -> None:
    put("n/2011/a.txt")
    put("n/b.txt")
    assert ids("n/**/*") == ["n/2011/a.txt", "n/b.txt"]


def test_a_broken_link_whose_name_looks_like_a_glob_is_a_failure(folder: Path) -> None:
    os.symlink("gone", "x*.txt")
    assert ids("x*") == ["! x*.txt"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.txt", "No such file or directory."),
        (
            "a.docx",
            f"unknown format, the suffix '.docx'; wanted {WANTED}",
        ),
        ("noun", f"unknown format, no suffix; wanted {WANTED}"),
        ("none*.txt", "no file matches."),
        ("x" * 5000, "File name too long."),
        ("nul\0.txt", "embedded null byte."),
    ],
    ids=["gone", "suffix", "no suffix", "glob", "long", "nul"],
)
def test_a_name_that_cannot_be_read_is_a_failure_and_the_rest_is_read(
    folder: Path, name: str, reason: str
) -> None:
    for file in ("a.docx", "noun", "b.txt"):
        put(file)
    failure, source = found(name, "b.txt")
    assert failure == Failure(Place(name), reason)
    assert isinstance(source, Source)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'\n {"text": "a"}\n{"text": "b"}', [("-:2", "a"), ("-:3", "b")]),
        (b'\xef\xbb\xbf{"text": "a"}', [("-:1", "a")]),
        (b"\n\nplain {text}\n", [("-", "\n\nplain {text}\n")]),
        ("{إنا فتحنا}".encode(), [("-", "{إنا فتحنا}")]),
        (b"", [("-", "")]),
    ],
    ids=["jsonl", "mark", "plain", "verse", "empty"],
)
def test_standard_input_is_jsonl_if_it_begins_like_it(
    data: bytes, expected: list[tuple[str, str]]
) -> None:
    items = found("-", stdin=data)
    assert [(item.id, item.text) for item in items if isinstance(item, Source)] == expected


def test_standard_input_that_begins_with_a_broken_record_is_still_jsonl() -> None:
    bad, good = found("-", stdin=b'{"text": \n{"text": "a"}\n')
    assert isinstance(bad, Failure)
    assert isinstance(good, Source)


def test_sizes_add_up_to_those_of_the_files(folder: Path) -> None:
    put("n/a.txt", "حلب\n")
    put("n/b.jsonl", line({"text": "a"}) + line({"text": "b", "x": "أمس"}))
    total = survey(["n"], READERS).size
    assert total == sum(item.size for item in found("n") if isinstance(item, Source))
    assert survey(["n", "-"], READERS).size is None
