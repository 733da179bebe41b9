"""Lets `python -m mobile_deploy` be `mobile-deploy`."""

import sys

from mobile_deploy.cli import main

if __name__ == "__main__":
    sys.exit(main())
