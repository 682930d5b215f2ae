# SPDX-License-Identifier: Apache-2.0
"""The command line: python -m tilewright info | demo."""

from __future__ import annotations

import argparse
import json
import sys


def _info(arguments) -> int:
    from tilewright import info

    print(json.dumps(info.collect(), indent=2) if arguments.json else info.text())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tilewright", description="Tilewright: kernels that train networks")
    commands = parser.add_subparsers(dest="command", required=True)
    info = commands.add_parser("info", help="version, instruction set, threads, GPU module and why not")
    info.add_argument("--json", action="store_true", help="print the facts as JSON")
    info.set_defaults(run=_info)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        return parsed.run(parsed)
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        print(f"tilewright: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
