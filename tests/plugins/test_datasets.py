"""Folders of .linr files in PyTorch and Hugging Face datasets, through Pillow: the examples of the
documentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("datasets")
pytest.importorskip("PIL")

import datasets
import torch
from PIL import Image

import inrcodec.pillow
from tests.pictures import scene

PIXELS = {f"{seed}": scene(40, 24, 3, np.uint8, seed) for seed in range(6)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("album")
    for name, image in PIXELS.items():
        Image.fromarray(image).save(folder / f"{name}.linr", model="stored", history=False)
    return folder


# PyTorch


class Album(torch.utils.data.Dataset):
    """The pictures in a folder, by name; .linr files among others."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            return torch.from_numpy(np.array(image)).permute(2, 0, 1)


class Previews(Album):
    """The same at a quarter of the size, of which no more is decoded."""

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            image.draft("RGB", (image.width // 4, image.height // 4))
            return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def one_thread(worker: int) -> None:
    inrcodec.pillow.THREADS = 1  # the workers are as many as there are cores


def test_pytorch_dataset_with_workers(folder: Path) -> None:
    loader = torch.utils.data.DataLoader(
        Album(folder), batch_size=2, num_workers=2, worker_init_fn=one_thread
    )
    batches = list(loader)
    assert [tuple(batch.shape) for batch in batches] == [(2, 3, 40, 24)] * 3
    images = torch.cat(batches).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(images, list(PIXELS.values()))


def test_pytorch_previews(folder: Path) -> None:
    for preview, image in zip(Previews(folder), PIXELS.values(), strict=True):
        assert np.array_equal(preview.permute(1, 2, 0).numpy(), image[::4, ::4])


# Hugging Face


@pytest.fixture
def album(folder: Path) -> datasets.Dataset:
    paths = sorted(map(str, folder.iterdir()))
    return datasets.Dataset.from_dict({"image": paths}).cast_column("image", datasets.Image())


def mean(row: dict) -> dict:
    return {"mean": float(np.asarray(row["image"]).mean())}


def test_hugging_face_images(album: datasets.Dataset) -> None:
    assert album[0]["image"].format == "LINR"
    for row, image in zip(album, PIXELS.values(), strict=True):
        assert np.array_equal(np.asarray(row["image"]), image)
    assert np.array_equal(album.with_format("numpy")[1]["image"], PIXELS["1"])


def test_hugging_face_map_with_workers(album: datasets.Dataset) -> None:
    means = album.map(mean, num_proc=2)["mean"]
    assert list(means) == pytest.approx([image.mean() for image in PIXELS.values()])


def test_hugging_face_keeps_the_files_bytes(album: datasets.Dataset, tmp_path: Path) -> None:
    with_bytes = album.cast_column("image", datasets.Image(decode=False)).map(
        lambda row: {"image": {"bytes": Path(row["image"]["path"]).read_bytes(), "path": None}}
    )
    with_bytes.to_parquet(tmp_path / "album.parquet")
    again = datasets.Dataset.from_parquet(
        str(tmp_path / "album.parquet"), cache_dir=str(tmp_path / "cache")
    ).cast_column("image", datasets.Image())
    for row, image in zip(again, PIXELS.values(), strict=True):
        assert np.array_equal(np.asarray(row["image"]), image)


def test_hugging_face_image_folders(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder

    monkeypatch.setattr(ImageFolder, "EXTENSIONS", [*ImageFolder.EXTENSIONS, ".linr"])
    found = datasets.load_dataset(
        "imagefolder", data_dir=str(folder), split="train", cache_dir=str(tmp_path)
    )
    assert np.array_equal(np.asarray(found[2]["image"]), PIXELS["2"])
