"""What holds for all tests: arrays are tiny, and threads that share one get in each other's way;
processes share what they compile; the priors of golden files are known."""

import os
import sys
from pathlib import Path

# read by torch and BLAS as they are imported, here and in the processes that tests start
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Hundreds of processes are started: each would compile all modules where this is set.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ["INRCODEC_PRIORS"] = str(Path(__file__).parent / "golden")
