"""Priors of one's own: their files, what is learnt, who finds them, and what is coded from them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec import Prior, PriorNotFoundError
from inrcodec.coding.backend import torch_backend
from inrcodec.context import fit, learn
from inrcodec.context.fit import untrained
from inrcodec.context.own_prior import CHECKSUM_BYTES, HEAD, MAX_BYTES
from inrcodec.context.prior import all_networks, shapes_of
from inrcodec.errors import (
    ChecksumError,
    CorruptError,
    ImageError,
    LimitError,
    LinrError,
    NotLinrError,
    TruncatedError,
    UnsupportedVersionError,
)
from tests.pictures import jpeg_scene, scene

GOLDEN = Path(__file__).parents[1] / "golden"
ROOT = Path(__file__).parents[2]
OWN = (GOLDEN / "own1.prior").read_bytes()
QUICK = {"effort": 1, "device": "cpu", "threads": 1, "model": "context"}


def sealed(body: bytes) -> bytes:
    """With the checksum of what is in front of it."""
    return body + zlib.crc32(body).to_bytes(CHECKSUM_BYTES, "little")


def noisy(seed: int) -> np.ndarray:
    """Pictures of one kind, which no shipped prior has seen: a coarse scale and odd steps."""
    rng = np.random.default_rng(seed)
    steps = scene(72, 80, 1, np.uint8, seed) // 8 * 7
    return (steps + 5 * rng.integers(0, 3, steps.shape)).astype(np.uint8)


@pytest.fixture(scope="module")
def trained() -> Prior:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learn, "SAMPLES", 1 << 15)
        return inrcodec.train([noisy(seed) for seed in range(6)], device="cpu", threads=2)


def test_what_was_learnt_is_worth_more_than_the_shipped_prior_and_its_fit(trained: Prior) -> None:
    image = noisy(99)
    own, shipped = (inrcodec.encode(image, prior=p, **QUICK) for p in (trained, None))
    assert len(own) < 0.97 * len(shipped)
    facts = inrcodec.info(own, priors=[trained])
    assert (facts["prior"], facts["rank"], facts["weights_bytes"]) == (trained.digest, None, 0)
    assert (inrcodec.decode(own, priors=[trained]) == image).all()
    assert set(trained.networks) == {0, 1, 2}
    assert len(trained.data) < 20_000


def test_higher_efforts_fit_from_it(trained: Prior) -> None:
    image = scene(90, 100, 1, np.uint8)  # of another kind
    as_it_is = inrcodec.encode(image, prior=trained, **QUICK)
    fitted = inrcodec.encode(image, prior=trained, **{**QUICK, "effort": 2})
    assert len(fitted) < len(as_it_is)
    assert inrcodec.info(fitted, planes=False)["rank"] == 1
    assert (inrcodec.decode(fitted, priors=[trained]) == image).all()


def test_networks_that_were_not_trained_are_fitted_at_effort_1(trained: Prior) -> None:
    image = scene(120, 110, 3, np.uint8)
    data = inrcodec.encode(image, prior=trained, **QUICK)
    facts = inrcodec.info(data, planes=False)
    assert facts["prior"] == trained.digest
    assert facts["rank"] == 1
    assert (inrcodec.decode(data, priors=[trained]) == image).all()


def test_training_is_repeatable(trained: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "SAMPLES", 1 << 15)
    images = [noisy(seed) for seed in range(6)]
    told = list[inrcodec.Progress]()
    again = inrcodec.train(images, device="cpu", threads=1, progress=told.append)
    assert again.data == trained.data
    fractions = [each.fraction for each in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert {each.stage for each in told} == {"look", "fit"}


def test_images_that_networks_do_not_code_are_passed_over() -> None:
    flat = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ImageError, match="as all 2 were"):
        inrcodec.train([flat, flat], device="cpu")
    with pytest.raises(ImageError, match=r"learn from$"):
        inrcodec.train([])


def test_training_needs_no_torch_on_a_cpu() -> None:
    code = """
import sys
sys.modules["torch"] = None
import inrcodec
from inrcodec.context import fit, learn
from tests.pictures import scene
import numpy as np
learn.SAMPLES, learn.LEAST_STEPS = 1 << 12, 10
prior = inrcodec.train([scene(60, 60, 3, np.uint16, n) for n in range(2)])
assert set(prior.networks) == set(range(9))
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_torch_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on CUDA, where there is one."""
    monkeypatch.setattr(learn, "SAMPLES", 1 << 15)
    monkeypatch.setattr(learn, "LEAST_STEPS", 200)
    monkeypatch.setattr(fit, "LEARNING_RATE_FROM_WIDE", 0.06)
    images, image = [noisy(seed) for seed in range(2)], noisy(9)
    compiled = inrcodec.train(images, device="cpu")
    monkeypatch.setattr(learn, "fitting_backend", lambda _: torch_backend("cpu"))
    by_torch = inrcodec.train(images)
    assert by_torch.data != compiled.data
    none = {n: untrained(shapes_of(learn.BASE)[n], 1) for n in compiled.networks}
    priors = compiled, by_torch, Prior.of(learn.BASE, 1, none)
    sizes = [len(inrcodec.encode(image, prior=prior, **QUICK)) for prior in priors]
    # so short a fit ends elsewhere on each machine and instruction set, which rounds otherwise
    assert sizes[1] == pytest.approx(sizes[0], rel=0.12)
    assert sizes[1] < sizes[2]


def test_a_decoder_says_which_prior_is_missing(
    trained: Prior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = inrcodec.encode(noisy(7), prior=trained, **QUICK)
    for decode in (inrcodec.decode, inrcodec.info, inrcodec.bit_map, inrcodec.decode_picture):
        with pytest.raises(PriorNotFoundError, match=trained.digest) as caught:
            decode(data)
        assert caught.value.digest == trained.digest
        assert pickle.loads(pickle.dumps(caught.value)).digest == trained.digest
    assert inrcodec.info(data, planes=False)["prior"] == trained.digest
    other, own = tmp_path / "other.prior", tmp_path / "own.prior"
    other.write_bytes(OWN)
    os.mkfifo(tmp_path / "pipe.prior")
    (tmp_path / "folder.prior").mkdir()
    own.write_bytes(trained.data)
    missing = tmp_path / "missing.prior"
    for known in ([own], [tmp_path], [missing, other, tmp_path]):
        monkeypatch.setenv("INRCODEC_PRIORS", ":".join(map(str, known)))
        assert (inrcodec.decode(data) == noisy(7)).all()
    monkeypatch.setenv("INRCODEC_PRIORS", f"{missing}:{other}")
    with pytest.raises(PriorNotFoundError):
        inrcodec.decode(data)


def test_a_file_of_a_prior_is_taken_for_it(trained: Prior, tmp_path: Path) -> None:
    path = tmp_path / "own.prior"
    path.write_bytes(trained.data)
    image = noisy(3)
    assert Prior.read(path) == Prior.read(str(path)) == trained
    made = {inrcodec.encode(image, prior=p, **QUICK) for p in (path, str(path), trained)}
    assert len(made) == 1
    again = pickle.loads(pickle.dumps(trained))
    assert (inrcodec.decode(made.pop(), priors=[again]) == image).all()


@pytest.mark.parametrize(
    "options", [{"weights": "fp16"}, {"model": "stored"}, {"model": "coordinate"}]
)
def test_options_that_a_prior_contradicts(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a prior is for"):
        inrcodec.encode(noisy(0), prior=Prior.read(OWN), **options)


def test_pictures_that_start_from_no_prior_are_as_without() -> None:
    for image in (jpeg_scene(64, 64), np.zeros((50, 50), np.uint8)):
        data = inrcodec.encode(image, effort=1, prior=Prior.read(OWN))
        assert (inrcodec.decode(data) == image).all()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotLinrError),
        (OWN[:7], NotLinrError),
        (b"\x89LNR" + OWN[4:], NotLinrError),
        (OWN[: HEAD + CHECKSUM_BYTES - 1], TruncatedError),
        (OWN[:-1], ChecksumError),
        (OWN[:8] + b"\2" + OWN[9:], UnsupportedVersionError),
        (sealed(OWN[:9] + b"\3" + OWN[10:-4]), UnsupportedVersionError),
        (sealed(OWN[:10] + b"\0" + OWN[11:-4]), CorruptError),
        (sealed(OWN[:10] + b"\x41" + OWN[11:-4]), CorruptError),
        (sealed(OWN[:11] + bytes(4) + OWN[15:-4]), CorruptError),
        (sealed(OWN[:11] + b"\0\0\0\x08" + OWN[15:-4]), CorruptError),
        (OWN + bytes(MAX_BYTES), LimitError),
    ],
)
def test_what_is_no_prior_is_refused(data: bytes, error: type[LinrError]) -> None:
    with pytest.raises(error):
        Prior.read(data)
    with pytest.raises(error):
        inrcodec.encode(noisy(0), prior=data)


@settings(deadline=None, max_examples=60)
@given(st.integers(HEAD, len(OWN) - 5), st.binary(min_size=1, max_size=40))
def test_damage_behind_a_good_checksum_is_refused_or_another_prior(at: int, put: bytes) -> None:
    body = (OWN[:at] + put + OWN[at + len(put) :])[: len(OWN) - CHECKSUM_BYTES]
    try:
        prior = Prior.read(sealed(body))
    except LinrError:
        return
    assert (prior.digest == Prior.read(OWN).digest) == (body == OWN[:-CHECKSUM_BYTES])
    shipped = all_networks(prior.base)
    for number, tensors in prior.networks.items():
        assert {n: t.values.shape for n, t in tensors.items()} == {
            n: t.values.shape for n, t in shipped[number].items()
        }
