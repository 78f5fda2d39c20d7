"""Where golden files of official implementations lie, for tests that need them."""

import os
from pathlib import Path

import pytest

GOLDEN = Path(os.environ.get("SPARRING_GOLDEN") or Path(__file__).parents[3] / "shared" / "golden")
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden files: {GOLDEN} is absent (set SPARRING_GOLDEN)")
