"""Names of devices, and what is said of those that are not there. The GPUs are faked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from inrcodec.coding import backend
from inrcodec.coding.backend import backend_for, fitting_backend, is_cuda, numpy_backend
from inrcodec.errors import DeviceError


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Two GPUs; the devices that backends were made for."""
    made: list[str] = []

    def fake(xp: object, device: torch.device, chunk: int) -> str:
        made.append(str(device))
        return f"a backend of {device}"

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(backend, "Backend", fake)
    backend.torch_backend.cache_clear()
    yield made
    backend.torch_backend.cache_clear()


def test_each_gpu_has_a_backend_of_its_own(gpus: list[str]) -> None:
    for device in ("cuda", "cuda:0", "cuda:1", "cuda:1"):
        assert backend_for(device) == f"a backend of {device}"
        assert fitting_backend(device) == f"a backend of {device}"
    assert gpus == ["cuda", "cuda:0", "cuda:1"]  # once for each


def test_a_gpu_that_is_not_there(gpus: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for device in ("cuda:2", "cuda:99", "cuda:256", "cuda:257"):
        with pytest.raises(DeviceError, match=f"no device {device}, only cuda:0 to cuda:1"):
            backend_for(device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match=r"no device cuda:1, only cuda:0$"):
        fitting_backend("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("cuda", "cuda:0", "cuda:99"):
        with pytest.raises(DeviceError, match="no CUDA device is available"):
            backend_for(device)
    assert not gpus


@pytest.mark.parametrize("name", [
    "", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:1000", "cuda:00", "cuda:0 ", "cuda:1\n",
    "cuda:²",
])  # fmt: skip
def test_what_is_no_name_of_a_device(name: str) -> None:
    assert not is_cuda(name)
    with pytest.raises(DeviceError, match=r"unknown device .*: cpu, cuda, or cuda:N"):
        backend_for(name)


def test_the_cpu_needs_none() -> None:
    assert not is_cuda("cpu")
    assert backend_for("cpu") is fitting_backend("cpu") is numpy_backend()
