"""What holds for all tests: arrays are tiny, and threads that share one get in each other's way."""

import os

# read by torch and BLAS as they are imported, here and in the processes that tests start
os.environ.setdefault("OMP_NUM_THREADS", "1")
