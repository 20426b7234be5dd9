"""The command line: ``python -m wgvq`` is the program ``wgvq``."""

import sys

from ._wgvq import main as command_line


def main() -> int:
    return command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
