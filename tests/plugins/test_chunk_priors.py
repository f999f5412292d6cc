"""Chunks that start from a prior of one's own: by its digest, or with it in the configuration."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numcodecs import get_codec
from pictures import scene

import inrcodec.numcodecs
import inrcodec.zarr
from inrcodec import Prior
from inrcodec.chunks import Chunks
from inrcodec.context.networks import Tensor
from inrcodec.context.prior import QUICK, shapes_of
from inrcodec.errors import LinrError, PriorNotFoundError

IMAGE = scene(40, 48, 1, np.uint16)


@pytest.fixture(scope="module")
def prior() -> Prior:
    """The shipped one with small changes at random to the networks of grey."""
    rng, changes = np.random.default_rng(0), {}
    for number in range(3):
        changes[number] = {
            name: Tensor(rng.integers(-1, 2, size) * (rng.random(size) < 0.1), 6)
            for name, size in shapes_of(QUICK)[number].changes(3).items()
        }
    return Prior.of(QUICK, 3, changes)


@pytest.fixture
def folder(prior: Prior, tmp_path: Path) -> Path:
    (tmp_path / "priors").mkdir()
    (tmp_path / "priors" / "a.prior").write_bytes(prior.data)
    return tmp_path / "priors"


def codec(kind: type[Chunks], **options: Any) -> Any:
    return kind(effort=1, history=False, **options)


def again(made: Any) -> Any:
    """A codec that has only the configuration of another."""
    if isinstance(made, inrcodec.zarr.Linr):
        return inrcodec.zarr.Linr.from_dict(json.loads(json.dumps(made.to_dict())))
    return get_codec(json.loads(json.dumps(made.get_config())))


BOTH = pytest.mark.parametrize("kind", [inrcodec.numcodecs.Linr, inrcodec.zarr.Linr])


@BOTH
def test_by_digest(
    kind: type[Chunks], prior: Prior, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = codec(kind, prior=prior)
    for other in (
        codec(kind, prior=folder / "a.prior"),
        codec(kind, prior=str(folder / "a.prior")),
    ):
        assert other == made
        assert other.encode_chunk(IMAGE) == made.encode_chunk(IMAGE)
    assert made.configuration() == {"effort": 1, "history": False, "prior": prior.digest}
    data, reader = made.encode_chunk(IMAGE), again(made)
    assert np.array_equal(made.decode_chunk(data), IMAGE)
    assert reader == made != codec(kind)
    assert hash(reader) == hash(made)
    assert pickle.loads(pickle.dumps(made)).encode_chunk(IMAGE) == data
    for call in (lambda: reader.decode_chunk(data), lambda: reader.encode_chunk(IMAGE)):
        with pytest.raises(PriorNotFoundError, match=prior.digest):
            call()
    monkeypatch.setenv("INRCODEC_PRIORS", str(folder))
    assert np.array_equal(reader.decode_chunk(data), IMAGE)
    assert reader.encode_chunk(IMAGE) == data
    assert codec(kind, prior=prior.digest, embed_prior=True) == codec(
        kind, prior=prior, embed_prior=True
    )


@BOTH
def test_in_the_configuration(kind: type[Chunks], prior: Prior) -> None:
    made = codec(kind, prior=prior, embed_prior=True)
    reader = again(made)
    assert reader == made != codec(kind, prior=prior)
    assert reader.configuration() == made.configuration()
    data = reader.encode_chunk(IMAGE)
    assert data == made.encode_chunk(IMAGE)
    with pytest.raises(PriorNotFoundError):
        inrcodec.decode(data)
    assert np.array_equal(reader.decode_chunk(data), IMAGE)
    assert np.array_equal(pickle.loads(pickle.dumps(reader)).decode_chunk(data), IMAGE)


@BOTH
def test_what_is_no_prior(kind: type[Chunks], prior: Prior, folder: Path) -> None:
    path = str(folder / "a.prior")
    text, other = base64.b64encode(prior.data).decode(), "0" * 32
    damaged = base64.b64encode(prior.data[:-1]).decode()
    for configuration, error, named in (
        # a configuration opens no files
        ({"prior": path}, ValueError, "32 hexadecimal digits"),
        ({"prior": 5}, ValueError, "prior is 5"),
        ({"prior_data": text}, ValueError, "not None"),
        ({"prior": other, "prior_data": text}, ValueError, f"not {other}"),
        ({"prior": prior.digest, "prior_data": "!"}, ValueError, "base64"),
        ({"prior": prior.digest, "prior_data": 5}, ValueError, "base64"),
        ({"prior": prior.digest, "prior_data": damaged}, LinrError, "checksum|ends"),
        ({"prior": prior.digest, "embed_prior": True}, ValueError, "no embed_prior"),
    ):
        with pytest.raises(error, match=named):
            kind.from_configuration(configuration)
    with pytest.raises(ValueError, match="embed_prior"):
        codec(kind, embed_prior=True)
    with pytest.raises(PriorNotFoundError):
        codec(kind, prior=other, embed_prior=True)
    with pytest.raises(FileNotFoundError):
        codec(kind, prior=folder / "none.prior")


@pytest.mark.parametrize("shards", [None, (40, 96)])
def test_arrays_that_hold_their_prior(
    tmp_path: Path, prior: Prior, shards: tuple[int, int] | None
) -> None:
    """Who opens them needs nothing else, in any process."""
    data = np.hstack([IMAGE, IMAGE])
    zarr.create_array(
        tmp_path / "a", data=data, chunks=IMAGE.shape, shards=shards, compressors=None,
        serializer=codec(inrcodec.zarr.Linr, prior=prior, embed_prior=True),
    )  # fmt: skip
    assert np.array_equal(zarr.open_array(tmp_path / "a")[:], data)
    if shards is None:
        metadata = json.loads((tmp_path / "a" / "zarr.json").read_text())
        del metadata["codecs"][0]["configuration"]["prior_data"]
        (tmp_path / "a" / "zarr.json").write_text(json.dumps(metadata))
        array = zarr.open_array(tmp_path / "a")
        with pytest.raises(PriorNotFoundError, match=prior.digest):
            array[:]


def test_worker_processes(tmp_path: Path, prior: Prior, folder: Path) -> None:
    """By the environment, which they have, too."""
    zarr.create_array(
        tmp_path / "a", data=IMAGE, chunks=IMAGE.shape, compressors=None,
        serializer=codec(inrcodec.zarr.Linr, prior=prior),
    )  # fmt: skip
    script = "import sys, zarr; print(int(zarr.open_array(sys.argv[1])[:].sum()))"
    command = [sys.executable, "-c", script, str(tmp_path / "a")]
    for environment, works in (({}, False), ({"INRCODEC_PRIORS": str(folder)}, True)):
        found = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True
        )
        assert (found.returncode == 0) == works
        if works:
            assert int(found.stdout) == IMAGE.sum(dtype=np.int64)
        else:
            assert "PriorNotFoundError" in found.stderr
