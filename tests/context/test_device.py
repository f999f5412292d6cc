"""The path through CUDA without a GPU: tensors that claim to be there.

A claimed tensor has its values on the CPU and says that it is on cuda:0. Operations that mix
claimed tensors and others fail, as they do where there is a GPU, and so does what only tensors on
the CPU can do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import array_api_compat.torch
import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from inrcodec.coding.backend import CHUNK, Backend, Workers, numpy_backend, torch_backend
from inrcodec.context.fit import Material, Plan, fit_planes, fit_trunks
from inrcodec.context.layout import Layout, choose_layout
from inrcodec.context.prior import QUICK, prior_networks
from inrcodec.context.samples import Scene
from inrcodec.history.planes import Planes
from tests.context.forms import coded, decoded, prior_of, same, whole_planes
from tests.pictures import scene

CUDA = torch.device("cuda", 0)
ONE = torch.ones(2)
# Indices may be on the CPU: of these the first tensor has to agree with the claimed ones only.
INDEXING = ("aten.index.Tensor", "aten.index_put", "aten._index_put_impl")


@cache
def takes_indices(function: Any) -> bool:
    return str(function).startswith(INDEXING)


def tensors_in(values: Any) -> Iterator[torch.Tensor]:
    """Those in lists of arguments and of lists."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_in(value)


def with_tensors(change: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """An argument, or a list of such, with other tensors."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)([with_tensors(change, part) for part in value])
    return value


def kept_of(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.kept if isinstance(tensor, Claimed) else tensor


class Claimed(torch.Tensor):
    """A tensor that claims to be on cuda:0; kept: its values. To torch's own C++ it is on the CPU,
    so that it needs no CUDA."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)

    @staticmethod
    def __new__(cls, kept: torch.Tensor) -> Claimed:
        return torch.Tensor._make_wrapper_subclass(
            cls, kept.size(), strides=kept.stride(), storage_offset=kept.storage_offset(),
            dtype=kept.dtype,
        )  # fmt: skip

    def __init__(self, kept: torch.Tensor) -> None:
        self.kept = kept

    def cpu(self) -> torch.Tensor:
        return self.kept.clone()

    def tolist(self) -> Any:
        return self.kept.tolist()

    def numpy(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    __array__ = numpy

    def __repr__(self) -> str:
        return f"Claimed({self.kept})"

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        found = list(tensors_in((*args, *kwargs.values())))
        if takes_indices(function):
            found = found[:1] + [t for t in found[1:] if isinstance(t, Claimed)]
        # one number may stand beside a tensor on a GPU, but not one that is there beside others
        there = {isinstance(tensor, Claimed) for tensor in found if tensor.dim()}
        if len(there) > 1 or there == {False}:
            both = ", ".join(f"{list(t.shape)} {t.device}" for t in found)
            raise RuntimeError(f"{function}: tensors on cuda:0 and on the CPU: {both}")
        owners = {id(t.kept): t for t in found if isinstance(t, Claimed)}
        args = with_tensors(kept_of, args)
        kwargs = {key: with_tensors(kept_of, value) for key, value in kwargs.items()}

        def claim(value: torch.Tensor) -> torch.Tensor:
            # in place: what was given
            return owners[id(value)] if id(value) in owners else Claimed(value)

        return with_tensors(claim, function(*args, **kwargs))


class Machine(TorchFunctionMode):
    """A machine that claims to have a GPU: what is made or moved there is claimed."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs, moved = dict(kwargs or {}), function is torch.Tensor.to
        wanted, asked = None, kwargs.get("device")
        if moved:
            wanted = args[0].device
            args = list(args)
            for n, value in enumerate(args[1:], 1):
                if isinstance(value, torch.Tensor):  # its type, its device
                    args[n], asked = value.dtype, value.device
                elif isinstance(value, (str, torch.device)):
                    args[n], asked = torch.device("cpu"), value
        if asked is not None:
            wanted = torch.device(asked)
            if "device" in kwargs:
                kwargs["device"] = torch.device("cpu")
        if wanted is None or (not moved and wanted.type == "cpu"):
            return function(*args, **kwargs)
        generator = kwargs.get("generator")
        if generator is not None and generator.device != wanted:
            raise RuntimeError(f"a generator of {generator.device} on {wanted}")
        if moved:
            source = args[0]
            if isinstance(source, Claimed) == (wanted.type == "cuda"):
                return function(*args, **kwargs)
            assert not (source.requires_grad and torch.is_grad_enabled()), "a move of a gradient"
            args[0] = source.kept if isinstance(source, Claimed) else source
        result = function(*args, **kwargs)
        return Claimed(result.detach()) if wanted.type == "cuda" else result


def claimed_backend() -> Backend:
    """torch_backend("cuda"), within a Machine."""
    return Backend(array_api_compat.torch, CUDA, CHUNK)


MIXES: dict[str, Callable[[torch.Tensor, torch.Tensor], Any]] = {
    "add": lambda there, here: there + here,
    "from the left": lambda there, here: here * there,
    "in place": lambda there, here: here.add_(there),
    "cat": lambda there, here: torch.cat([there, here]),
    "where": lambda there, here: torch.where(there > 0, here, here),
    "matmul": lambda there, here: here @ there,
    "take": lambda there, here: torch.take(here, there.long()),
    "index by the other": lambda there, here: here[there > 0],
    "a number there": lambda there, here: here + there.sum(),
    "numpy": lambda there, here: there.numpy(),
    "asarray": lambda there, here: np.asarray(there),
    "generator": lambda there, here: torch.rand(3, device=CUDA, generator=torch.Generator()),
}


@pytest.mark.parametrize("name", MIXES)
def test_a_mix_is_noticed(name: str) -> None:
    with Machine():
        there, here = torch.ones(3, device=CUDA), torch.ones(3)
        with pytest.raises((RuntimeError, TypeError), match="cuda"):
            MIXES[name](there, here)


def test_what_does_not_mix_is_claimed() -> None:
    values = np.arange(3.0)
    with Machine():
        there = torch.asarray(values, device=CUDA)
        for tensor in (
            there + there, torch.zeros_like(there), there[1:], there.to(torch.float32),
            torch.arange(3, device=CUDA), torch.ones(3).to(there), torch.ones(3).to("cuda"),
            there + torch.tensor(2.0), there[torch.tensor([True, False, True])], there.sum(),
        ):  # fmt: skip
            assert isinstance(tensor, Claimed)
            assert tensor.device == CUDA
        for tensor in (there.cpu(), there.to("cpu"), torch.ones(3), torch.ones(3, device="cpu")):
            assert type(tensor) is torch.Tensor
            assert tensor.device.type == "cpu"
        there[1:] += 5
        there[0] = 9
        assert there.cpu().numpy().tolist() == [9, 6, 7]
        assert float(there.sum()) == 22
        weights = torch.ones(3).to(CUDA).requires_grad_()
        (weights * there).pow(2).sum().backward()
        assert isinstance(weights.grad, Claimed)
        assert weights.grad.tolist() == [162, 72, 98]


def test_a_gradient_that_mixes_is_noticed() -> None:
    class Forgets(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            return torch.full((3,), 2.0) * gradients[0]

    with Machine():
        weights = torch.ones(3).to(CUDA).requires_grad_()
        with pytest.raises(RuntimeError, match="cuda:0 and on the CPU"):
            (Forgets.apply(weights) ** 2).sum().backward()


@pytest.fixture(scope="module")
def picture() -> tuple[Planes, Layout]:
    planes = whole_planes(scene(9, 14, 4, np.uint8), 8)
    return planes, choose_layout(planes)


def test_inference() -> None:
    planes = whole_planes(scene(3, 5, 3, np.uint8) >> 6, 2)
    layout = choose_layout(planes)
    data = coded(numpy_backend(), layout, prior_of(layout), planes)
    with Machine():
        backend = claimed_backend()
        assert isinstance(backend.whole(np.arange(3)), Claimed)
        networks = prior_of(layout, backend)
        assert coded(backend, layout, networks, planes) == data
        assert same(decoded(backend, layout, networks, data), planes)
        left = prior_of(layout, Backend(array_api_compat.torch, torch.device("cpu"), CHUNK))
        with pytest.raises(RuntimeError, match="cuda:0 and on the CPU"):
            coded(backend, layout, left, planes)


@pytest.mark.parametrize(("form", "prior"), [("int", True), ("int", False), ("ternary", False)])
def test_a_fit(picture: tuple[Planes, Layout], form: str, prior: bool) -> None:
    """The fit through claimed tensors gives what it gives without."""
    planes, layout = picture
    start = prior_networks(layout, QUICK) if prior else None
    widths, rank = ((32, 16), 2) if prior else ((6, 5), 0)
    plan = Plan(2, 4, *widths, 8, form, 0, start, rank)
    material = Material.alone(Scene(layout, planes))

    def fitted(backend: Backend) -> list[Any]:
        with Workers(backend, 2) as workers:
            trunks = fit_trunks(backend, workers, material, plan, lambda *_: None)
            rest = fit_planes(
                backend,
                workers,
                material,
                trunks,
                plan,
                lambda *_: None,
            )
        return [*(tensors for pair in trunks for tensors in pair), *rest]

    here = fitted(torch_backend("cpu"))
    with Machine():
        there = fitted(claimed_backend())
    assert any(np.any(t.values) for tensors in here for t in tensors.values())
    for one, other in zip(here, there, strict=True):
        assert list(one) == list(other)
        for name in one:
            assert one[name].shift == other[name].shift
            assert np.array_equal(one[name].values, other[name].values)


def test_a_fit_that_mixes_is_noticed(
    picture: tuple[Planes, Layout], monkeypatch: pytest.MonkeyPatch
) -> None:
    from inrcodec.context import float_networks

    planes, layout = picture
    monkeypatch.setattr(
        float_networks, "trunk_loss", lambda _: lambda outputs, low, high: outputs.sum() * ONE
    )
    plan = Plan(1, 4, 6, 5, 10, "int", 0)
    material = Material.alone(Scene(layout, planes))
    with Machine():
        backend = claimed_backend()
        with (
            Workers(backend, 1) as workers,
            pytest.raises(RuntimeError, match="cuda:0 and on the CPU"),
        ):
            fit_trunks(backend, workers, material, plan, lambda *_: None)
