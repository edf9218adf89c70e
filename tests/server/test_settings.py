"""Settings come from a file, the environment and flags, and refuse what means nothing."""

from pathlib import Path

import pytest

from marsad.errors import MarsadError
from marsad.server.settings import KEY, Settings, parse_flags, read_settings

FILE = Path(__file__).parents[2] / "configs" / "serve.toml"


def test_the_file_in_configs_shows_the_defaults_of_every_setting() -> None:
    assert read_settings(FILE, {}, {}) == Settings()
    for name in Settings.__dataclass_fields__:
        assert f"\n{name} = " in FILE.read_text(encoding="utf-8")


def test_a_flag_counts_more_than_the_environment_and_that_more_than_the_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('host = "a"\nport = 1\nthreads = 1\n', encoding="utf-8")
    environment = {"MARSAD_SERVE_PORT": "2", "MARSAD_SERVE_HOST": "b", "HOME": "/", KEY: "secret"}
    settings = read_settings(file, environment, parse_flags(["host=c"]))
    assert (settings.host, settings.port, settings.threads) == ("c", 2, 1)


@pytest.mark.parametrize(
    ("content", "environment", "flags", "message"),
    [
        ("ports = 1", {}, [], "serve.toml: unknown key 'ports'"),
        ('port = "x"', {}, [], "serve.toml: port: found 'x'"),
        ("port = ", {}, [], "serve.toml: not TOML"),
        ("", {"MARSAD_SERVE_PROT": "1"}, [], "MARSAD_SERVE_PROT: no such setting. Known: host"),
        ("", {"MARSAD_SERVE_PORT": "x"}, [], "MARSAD_SERVE_PORT: found 'x', wanted int"),
        ("", {}, ["port"], "--set 'port': wanted name=value"),
        ("", {}, ["key=x"], "--set key: no such setting"),
        ("", {}, ["max_words=0"], "max_words: found 0, wanted 1 to 1000000000"),
        ("", {"MARSAD_SERVE_HOST": ""}, [], "host: found nothing, wanted an address"),
        ("", {}, ["gather_seconds=nan"], "gather_seconds: found nan, wanted 0 to"),
        ("", {}, ["port=65536"], "port: found 65536, wanted 0 to 65535"),
        ("", {}, ["client_seconds=inf"], "client_seconds: found inf, wanted 1 to"),
        ("", {}, ["client_seconds=nan"], "client_seconds: found nan, wanted 1 to"),
        ("", {}, ["max_words=60001"], "queue_words: found 60000, wanted at least max_words"),
    ],
)
def test_what_means_nothing_is_refused(
    content: str, environment: dict[str, str], flags: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "serve.toml").write_text(content, encoding="utf-8")
    with pytest.raises(MarsadError, match=message):
        read_settings(tmp_path / "serve.toml", environment, parse_flags(flags))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MarsadError, match=r"gone\.toml: No such file"):
        read_settings(tmp_path / "gone.toml", {}, {})
