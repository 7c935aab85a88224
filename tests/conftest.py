"""Lets the hundreds of processes that tests start keep what they compile; else each would compile all it imports."""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
