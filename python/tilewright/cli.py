# SPDX-License-Identifier: Apache-2.0
"""The command line: python -m tilewright info | demo | bench."""

from __future__ import annotations

import argparse
import json
import sys


def _info(arguments) -> int:
    from tilewright import info

    print(json.dumps(info.collect(), indent=2) if arguments.json else info.text())
    return 0


def _demo(arguments) -> int:
    from tilewright import demo

    return demo.run(arguments.data, arguments.data_dir, arguments.out, arguments.epochs, arguments.seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tilewright", description="Tilewright: kernels that train networks"
    )
    from tilewright.bench import command

    commands = parser.add_subparsers(dest="command", required=True)
    info = commands.add_parser("info", help="version, instruction set, threads, GPU module and why not")
    info.add_argument("--json", action="store_true", help="print the facts as JSON")
    info.set_defaults(run=_info)
    demo = commands.add_parser(
        "demo", help="train a small CNN on handwritten digits, draw, save, load, time kernels"
    )
    demo.add_argument(
        "--data",
        choices=("optdigits", "mnist"),
        default="optdigits",
        help="what to learn (optdigits ships along)",
    )
    demo.add_argument("--data-dir", help="folder of MNIST's four .gz files")
    demo.add_argument(
        "--out", default="tilewright-demo", help="folder for pictures and weights (default: %(default)s)"
    )
    demo.add_argument("--epochs", type=int, help="8 for optdigits, 5 for mnist unless given")
    demo.add_argument(
        "--seed", type=int, default=1, help="of the split, the weights and the order (default: %(default)s)"
    )
    demo.set_defaults(run=_demo)
    command.add_to(commands)
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
