"""Makes ``trees``, the writer of miniature data sets, importable from the tests beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
