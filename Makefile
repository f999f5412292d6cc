# Needs python3 (3.11 or newer) with venv and pip; everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin

# Wheels to publish: platform tag=target of ziglang.
WHEELS := manylinux_2_17_x86_64=x86_64-linux-gnu.2.17 \
          manylinux_2_17_aarch64=aarch64-linux-gnu.2.17 \
          musllinux_1_2_x86_64=x86_64-linux-musl \
          macosx_11_0_x86_64=x86_64-macos.11.0 \
          macosx_11_0_arm64=aarch64-macos.11.0 \
          win_amd64=x86_64-windows-gnu

.PHONY: demo test lint docs kernels sanitize emulate wheels $(WHEELS)

demo: .venv/demo.stamp kernels
	$(BIN)/python benchmarks/demo.py

test: .venv/test.stamp kernels
	$(BIN)/python -m pytest -q -n auto --dist worksteal

lint: .venv/test.stamp kernels
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Into build/site; a link that leads nowhere fails.
docs: .venv/docs.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build -q --strict

# Does nothing where the library is of these sources.
kernels: | .venv/bin/python
	$(BIN)/python inrcodec/kernels/build.py

# The kernels under AddressSanitizer and UndefinedBehaviorSanitizer (with gcc or clang on Linux).
SANITIZED := $(CURDIR)/build/sanitized.so
sanitize: .venv/test.stamp
	mkdir -p build
	$(BIN)/python inrcodec/kernels/build.py --sanitize --output $(SANITIZED)
	INRCODEC_LIBRARY=$(SANITIZED) LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) \
	ASAN_OPTIONS=detect_leaks=0 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal \
	    tests/kernels tests/coding tests/container tests/frames tests/fuzz tests/jpeg tests/history/test_subsampled.py \
	    $(addprefix tests/files/,test_images.py test_pnm.py test_tiff.py packing) \
	    $(addprefix tests/context/test_,engines.py forms.py inputs.py evidence.py networks.py traversal.py) \
	    tests/test_golden.py

# The kernels and the golden files on aarch64; with wine64, the kernels of Windows too. Needs
# qemu-user-static and apt.
emulate: .venv/test.stamp .venv/wheels.stamp kernels
	sh tests/kernels/aarch64.sh $(BIN)/python
	$(BIN)/python -m pytest -q -rs tests/kernels/test_vectors.py tests/kernels/test_aarch64.py

# Into dist/, with the sdist.
wheels: $(WHEELS)
	$(BIN)/python -m hatchling build -t sdist

$(WHEELS): .venv/wheels.stamp
	INRCODEC_WHEEL=$@ $(BIN)/python -m hatchling build -t wheel

# One stamp for each set of extras, renewed when the requirements change.
.venv/%.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[$*]'
	touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv
