"""Fits to several images together, whose networks are shared."""

from __future__ import annotations

import time

import numpy as np
import pytest

from inrcodec.coding.backend import torch_backend
from inrcodec.context import shared as module
from inrcodec.context.encode import encode_context
from inrcodec.context.layout import choose_layout
from inrcodec.context.samples import Scene
from inrcodec.context.shared import SharedNetworks, fit_shared
from inrcodec.history.chain import Chain
from inrcodec.limits import DEFAULT
from inrcodec.options import FitOptions
from tests.context.forms import (
    same,
    whole_planes,
)
from tests.context.shared_scenes import coded, moving, options, reading, scenes_of
from tests.pictures import scene


def test_a_fit_to_frames_pays() -> None:
    frames = moving(9)
    scenes = scenes_of(frames)
    shared = fit_shared(scenes, options())
    sizes = []
    for scene_ in scenes:
        chain = Chain((), scene_.planes)
        alone = encode_context([chain], options(), lambda _, image: image.data + image.weights)
        image = coded(scene_.planes, shared, list(scene_.beside))
        assert same(image.decode(reading(shared, list(scene_.beside))), scene_.planes)
        sizes.append((len(image.data), len(alone)))
    together, alone_ = map(sum, zip(*sizes, strict=True))
    assert together + len(shared.pack()) < 0.8 * alone_


def test_a_fit_is_repeatable_whatever_the_threads() -> None:
    scenes = scenes_of(moving(5, 40, 3))
    one, other = (
        fit_shared(scenes, FitOptions(1, device="cpu", seed=seed, threads=threads)).pack()
        for seed, threads in ((3, 1), (3, 2))
    )
    assert one == other
    assert one != fit_shared(scenes, options(1, seed=4)).pack()


@pytest.mark.parametrize("form", ["fp16", "ternary"])
def test_other_forms_of_weights(form: str) -> None:
    scenes = scenes_of(moving(4, 24))
    shared = fit_shared(scenes, options(1, weights=form))
    shared = SharedNetworks.unpack(shared.pack(), DEFAULT)
    assert shared.models.form == form
    own = scenes[0]
    image = coded(own.planes, shared, list(own.beside))
    assert same(image.decode(reading(shared, list(own.beside))), own.planes)


def test_torch_fits_them_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = scenes_of(moving(5, 32))
    compiled = fit_shared(scenes, options(1))
    monkeypatch.setattr(module, "fitting_backend", lambda _: torch_backend("cpu"))
    by_torch = fit_shared(scenes, options(1))
    assert by_torch.weights != compiled.weights
    sizes = [
        sum(len(coded(s.planes, shared, list(s.beside)).data) for s in scenes)
        for shared in (compiled, by_torch)
    ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.03)


def test_without_time_or_means_the_prior_is_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = scenes_of(moving(4, 24))
    late = fit_shared(scenes, options(5, deadline=time.monotonic() - 1))
    monkeypatch.setattr(module, "can_fit", lambda: False)
    for shared in (late, fit_shared(scenes, options(1))):
        assert shared.weights == b""
        assert len(shared.pack()) <= 20
        assert SharedNetworks.unpack(shared.pack(), DEFAULT) == shared


def test_a_deadline_is_kept() -> None:
    scenes, started = scenes_of(moving(5, 60)), time.monotonic()
    told = list[tuple[float, float]]()
    shared = fit_shared(scenes, options(9, deadline=started + 1), lambda *each: told.append(each))
    assert time.monotonic() - started < 4
    assert shared.weights
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == pytest.approx(1)


def test_images_of_two_kinds_share_nothing() -> None:
    grey, colour = (whole_planes(scene(9, 9, c, np.uint8), 8) for c in (1, 3))
    with pytest.raises(ValueError, match="one kind"):
        fit_shared([Scene(choose_layout(p), p) for p in (grey, colour)], options(1))


def test_samples_of_many_images_are_no_more_than_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[int]()
    engine_for = module.fit_trunks.__globals__["engine_for"]

    def count(backend: object, parameters: object, samples: object) -> object:
        seen.append(len(samples.rows))  # type: ignore[attr-defined]
        return engine_for(backend, parameters, samples)

    monkeypatch.setitem(module.fit_trunks.__globals__, "engine_for", count)
    monkeypatch.setattr(module, "MAX_SAMPLES", 1000)
    fit_shared(scenes_of(moving(8, 40)), options(1))
    assert seen
    assert max(seen[:2]) < 1300
