"""Runs a module in a process that ends when its parent does.

``python -P local/child.py MODULE ARGUMENTS…`` with a pipe as standard input: whoever holds the
other end keeps the process alive, even if it can't say goodbye (SIGKILL).
"""

import os
import runpy
import sys
import threading


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


def main() -> None:
    """Watches the pipe and becomes the module."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if name := os.environ.get("AWS_SDK_UA_APP_ID"):
        os.environ["AWS_SDK_UA_APP_ID"] = f"{name}.{os.getpid()}"
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
