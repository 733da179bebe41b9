"""The command line: one module per command, each parses, calls one function and renders.

Only this room exits. `main` is the entry point; `app.py` lists the commands.
"""

from mobile_deploy.cli.app import main as main
