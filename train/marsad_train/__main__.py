"""``marsad-train``, which says what is missing where only inference was installed."""

import sys


def main() -> None:
    """Run the command line, if what training needs is installed."""
    try:
        from marsad_train import cli  # noqa: PLC0415 - the import is what may fail
    except ModuleNotFoundError as error:
        print(  # noqa: T201
            f"error: training needs {error.name}, which is not installed: "
            "pip install 'marsad[train]'",
            file=sys.stderr,
        )
        sys.exit(2)
    cli.main()


if __name__ == "__main__":
    main()
