"""Libraries that only some formats need, and that an extra of the package installs."""

from importlib import import_module
from typing import Any

from marsad.errors import MarsadError


def formats_library(module: str, purpose: str) -> Any:
    """Import a library of the extra ``formats``.

    Raises:
        MarsadError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise MarsadError(
            f"{purpose} needs {package}, which is not installed: pip install 'marsad[formats]'."
        ) from error
