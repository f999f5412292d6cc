"""What holds for all tests: arrays are tiny, and threads that share one get in each other's way;
the priors of golden files are known."""

import os
from pathlib import Path

# read by torch and BLAS as they are imported, here and in the processes that tests start
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["INRCODEC_PRIORS"] = str(Path(__file__).parent / "golden")
