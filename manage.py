#!/usr/bin/env python
"""Django's commands. While `make run` is up they use its database."""

import os
import sys

from django.core.management import execute_from_command_line

from wildmind.local import discover

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wildmind.settings.dev")
    discover.environment()
    execute_from_command_line(sys.argv)
