"""Stages: for each kind of source, a small estate served over the real wire, with faults to order."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
