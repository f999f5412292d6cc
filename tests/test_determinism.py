"""The same bytes on every machine: threads, CPU capabilities, NumPy and torch, no torch at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec import kernels
from inrcodec.coding.backend import Workers, numpy_backend, torch_backend
from inrcodec.contents import parse
from inrcodec.files.images import write_image
from inrcodec.options import Reading
from inrcodec.reconstruct import decode_samples
from tests.pictures import scene, unfitted_file
from tests.test_golden import FOLDER, WANT

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def fitted() -> tuple[np.ndarray, bytes]:
    image = scene(30, 40, 3, np.uint8)
    return image, inrcodec.encode(image, effort=2, model="context", device="cpu")


def in_subprocess(code: str, *arguments: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}", **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


DECODE = """
import hashlib, sys
from pathlib import Path
import inrcodec
data = Path(sys.argv[1]).read_bytes()
images = [inrcodec.decode(data, threads=int(threads)) for threads in sys.argv[2:]]
print(*{hashlib.sha256(image.tobytes()).hexdigest() for image in images})
"""

TORCH_DECODE = """
import hashlib, sys
from pathlib import Path
from inrcodec.coding.backend import torch_backend
from inrcodec.contents import parse
from inrcodec.reconstruct import decode_samples
from inrcodec.options import Reading
image = decode_samples(parse(Path(sys.argv[1]).read_bytes()), Reading(torch_backend("cpu"), 1))
print(hashlib.sha256(image.tobytes()).hexdigest())
"""


def test_threads_and_cpu_capabilities(tmp_path: Path, fitted: tuple[np.ndarray, bytes]) -> None:
    image, data = fitted
    path = tmp_path / "a.linr"
    path.write_bytes(data)
    want = hashlib.sha256(image.tobytes()).hexdigest()
    assert in_subprocess(DECODE, str(path), "1", "2", OPENBLAS_CORETYPE="Nehalem") == want
    library = kernels.library()
    for isa in library.isas if library else ():
        assert in_subprocess(DECODE, str(path), "1", "2", INRCODEC_ISA=isa) == want
    # with what torch chooses itself, test_networks_agree_on_both_backends does
    assert in_subprocess(TORCH_DECODE, str(path), ATEN_CPU_CAPABILITY="default") == want


DECODE_GOLDEN = """
import hashlib, json, sys
from pathlib import Path
import inrcodec
for name in sys.argv[3:]:
    with inrcodec.LinrFile(Path(sys.argv[1], name), threads=int(sys.argv[2])) as file:
        parts = file.contents.model.name == "frames"
        for frame in range(file.frames if parts else 1):
            image = file.array(frame)
            samples = image.astype(image.dtype.newbyteorder("<"))
            print(name, hashlib.sha256(samples.tobytes()).hexdigest())
"""


def wanted(names: list[str]) -> list[str]:
    """What DECODE_GOLDEN prints of golden files."""
    pages = [(name, page) for name in names for page in WANT[name].get("pages", [WANT[name]])]
    return [f"{name} {page['sha256']}" for name, page in pages]


def test_golden_files_on_threads_and_without_instruction_sets() -> None:
    """Some of them: benchmarks/determinism.py has all, and more settings."""
    names = sorted(WANT)[::3]
    want = "\n".join(wanted(names))
    assert in_subprocess(DECODE_GOLDEN, str(FOLDER), "4", *names) == want
    # whatever NumPy, which names them in its own way, could choose from
    plain = {"NPY_DISABLE_CPU_FEATURES": " ".join(np._core._multiarray_umath.__cpu_dispatch__)}
    library = kernels.library()
    if library is not None:
        plain["INRCODEC_ISA"] = library.isas[0]
    plain["OPENBLAS_CORETYPE"] = "Nehalem" if "x86_64" in os.uname().machine else "ARMV8"
    assert in_subprocess(DECODE_GOLDEN, str(FOLDER), "1", *names, **plain) == want


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_numpy_and_torch_backends_agree(dtype: type) -> None:
    image = scene(13, 12, 4, dtype)
    data = unfitted_file(image)
    for backend in (numpy_backend(), torch_backend("cpu")):
        assert np.array_equal(decode_samples(parse(data), Reading(backend, 2)), image)


def test_networks_agree_on_both_backends(fitted: tuple[np.ndarray, bytes]) -> None:
    image, data = fitted
    assert np.array_equal(decode_samples(parse(data), Reading(torch_backend("cpu"), 2)), image)


def test_cuda_and_cpu_agree(fitted: tuple[np.ndarray, bytes]) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    image, data = fitted
    assert np.array_equal(inrcodec.decode(data, device="cuda"), image)
    there = inrcodec.encode(image, effort=2, model="context", device="cuda")
    assert np.array_equal(inrcodec.decode(there, device="cpu"), image)


def test_decoding_imports_no_torch(tmp_path: Path, fitted: tuple[np.ndarray, bytes]) -> None:
    image, data = fitted
    source, target = tmp_path / "a.linr", tmp_path / "a.png"
    source.write_bytes(data)
    blocked = "import sys; sys.modules['torch'] = None\n"
    want = hashlib.sha256(image.tobytes()).hexdigest()
    assert in_subprocess(blocked + DECODE, str(source), "2") == want
    command = "from inrcodec_cli.main import main; main()"
    in_subprocess(blocked + command, "decode", str(source), "-o", str(target))
    assert target.read_bytes() == write_image(image, ".png")
    in_subprocess(blocked + command, "info", str(source))
    in_subprocess(blocked + command, "verify", str(source), str(target))


def test_workers_hand_errors_on() -> None:
    def fails(number: int) -> int:
        raise inrcodec.CorruptError(str(number))

    for threads in (1, 2):
        with Workers(numpy_backend(), threads) as workers, pytest.raises(inrcodec.CorruptError):
            workers.map(fails, [1, 2, 3])
