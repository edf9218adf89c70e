"""Tables of settings (TOML, JSON) to frozen dataclasses, refusing what means nothing."""

import math
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from marsad.errors import MarsadError, naming

T = TypeVar("T")


def within(name: str, value: float, least: float, most: float = math.inf) -> None:
    """Refuse a setting that is not between two numbers, both of which it may be.

    Raises:
        MarsadError: it is not, or is infinite or no number at all.
    """
    if not (least <= value <= most and math.isfinite(value)):
        wanted = f"{least} to {most}" if most < math.inf else f"{least} at least"
        raise MarsadError(f"{name}: found {value}, wanted {wanted}.")


def positive(name: str, value: float) -> None:
    """Refuse a setting that is not more than nothing.

    Raises:
        MarsadError: it is not, or is infinite or no number at all.
    """
    if not 0 < value < math.inf:
        raise MarsadError(f"{name}: found {value}, wanted more than 0.")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        MarsadError: no such file, or not TOML.
    """
    try:
        with naming(path):
            return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MarsadError(f"{path}: not TOML: {error}.") from error


def build(kind: type[T], table: object, where: str) -> T:
    """Make a dataclass from a table, its fields from nested tables and lists.

    Args:
        kind: a dataclass whose fields are numbers, strings, booleans, other dataclasses, or tuples,
            dicts and optionals of these.
        table: what a TOML or JSON reader returned.
        where: how to name the table in errors: a file and the path of keys in it.

    Raises:
        MarsadError: an unknown key, a missing one, or a value of another kind.
    """
    if not isinstance(table, Mapping):
        raise MarsadError(f"{where}: found {_name(table)}, wanted a table.")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(str(key) for key in table if key not in known):
        raise MarsadError(f"{where}: unknown key {unknown[0]!r}. Known keys: {', '.join(known)}.")
    for name, field in known.items():
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and name not in table:
            raise MarsadError(f"{where}: the key {name!r} is missing.")
    hints = get_type_hints(kind)
    return kind(**{key: _value(hints[key], table[key], f"{where}: {key}") for key in table})


def _value(hint: Any, value: object, where: str) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, where)
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in inner if kind is not types.NoneType]
        return None if value is None else _value(kinds[0], value, where)
    if origin is Literal:
        if value not in inner:
            raise MarsadError(
                f"{where}: found {value!r}, wanted one of {', '.join(map(str, inner))}."
            )
        return value
    if origin is tuple:
        return _items(inner[0], value, where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise MarsadError(f"{where}: found {_name(value)}, wanted a table.")
        return {str(key): _value(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    return _plain(hint, value, where)


def _items(kind: Any, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise MarsadError(f"{where}: found {_name(value)}, wanted a list.")
    return tuple(_value(kind, item, f"{where}[{index}]") for index, item in enumerate(value))


def _plain(hint: Any, value: object, where: str) -> Any:
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise MarsadError(f"{where}: found {_name(value)}, wanted {hint.__name__}.")
    return value


def _name(value: object) -> str:
    names = {dict: "a table", list: "a list", str: "text", bool: "true/false", type(None): "null"}
    return f"{value!r} ({names.get(type(value), type(value).__name__)})"
