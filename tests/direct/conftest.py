import sys
from pathlib import Path

# Modules of tests/helpers are imported as helpers.<module>.
_TESTS = str(Path(__file__).parents[1])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)
