"""The child process of the audit: reads paths, runs each file, answers one JSON line a file.

python -m mobile_deploy.tflite.trial SECONDS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    """Serves requests from standard input until it closes."""
    import ai_edge_litert.interpreter  # noqa: F401  # the slow import, done while the parent still converts

    from mobile_deploy.tflite.runner import InterpreterError, time_file

    seconds = float(sys.argv[1])
    for line in sys.stdin:
        try:
            answer = time_file(Path(json.loads(line)), seconds=seconds)
        except InterpreterError as error:
            answer = {"error": error.reason}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
