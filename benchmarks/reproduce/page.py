"""The page of all published tables: which script measures which, and what was found."""

from __future__ import annotations

import io
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Any

TITLE = re.compile(r"^## (.*)\n", re.MULTILINE)
SIZES = re.compile(r"Measured: (.*?);.*\nPublished: (.*)\.")  # under it


@dataclass(frozen=True)
class Script:
    """A script of this package, as `name` calls it: its module, and its first arguments if any.

    tables: the titles that it prints. images: how many of 8 and of 16 bits it takes on a CPU, for
    its tables to be done in ten minutes on two cores; None if it brings its own signals.
    """

    name: str
    tables: tuple[str, ...]
    images: tuple[int, int] | None = None

    def run(self, arguments: Sequence[str]) -> Outcome:
        """What it prints, and why it ended early if it did. What it says meanwhile is on stderr."""
        module, *first = self.name.split()
        printed, problem = io.StringIO(), None
        said = _Said()
        try:
            with redirect_stdout(printed), redirect_stderr(said):
                import_module(f".{module}", __package__).main([*first, *arguments])
        except SystemExit as ended:  # of a command line that is not right here
            why = ended.code if isinstance(ended.code, str) else said.last
            problem = why if ended.code else None
        except Exception as error:  # the other scripts go on, whatever it is
            traceback.print_exc()
            problem = f"{type(error).__name__}: {error}"
        return Outcome(printed.getvalue(), problem)


class _Said(io.StringIO):
    """Hands on to stderr what is written, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self._stderr = sys.stderr

    def write(self, text: str) -> int:
        self._stderr.write(text)
        return super().write(text)

    @property
    def last(self) -> str:
        """The last line."""
        lines = self.getvalue().strip().splitlines()
        return lines[-1] if lines else "it ended without a word"


@dataclass(frozen=True)
class Outcome:
    """What came of a script: what it printed, and why it is not all if it is not."""

    printed: str
    problem: str | None

    @property
    def tables(self) -> dict[str, str]:
        """What is under each title."""
        _, *parts = TITLE.split(self.printed)
        return dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))


SYSTEMS: dict[str, tuple[Script, ...]] = {
    "LosslessINR: bit planes (Han et al., CVPR 2025)": (
        Script("steps", ("Steps to BER 0, 8 bits", "Steps to BER 0, 16 bits"), (1, 1)),
        Script("loss", ("Steps to BER 0 by loss",), (2, 0)),
        Script("ternary", ("Ternary networks, one a plane",), (1, 1)),
        Script("audio", ("Sound, steps to BER 0", "Sound, by values")),
    ),
    "FINER: variable-periodic activations (Liu et al., CVPR 2024)": (
        Script("psnr", ("PSNR in dB", "Values of 16 bits"), (2, 1)),
        Script(
            "ntk",
            ("Neural tangent kernel, 1 hidden layer", "Neural tangent kernel, 4 hidden layers"),
        ),
        Script(
            "neurons",
            ("Dominant frequencies of units", "Dominant frequencies of units, fitted"),
            (1, 0),
        ),
        Script("shapes", ("Signed distance functions",)),
    ),
    "Symmetric power transformation (Zhang et al., AAAI 2025)": (
        Script(
            "target_transforms",
            (
                "Transforms of the target, siren at 0.0001",
                "Transforms of the target, finer at 0.0005",
            ),
            (1, 0),
        ),
        Script("video", ("Video",)),
    ),
    "INR mixture networks (arXiv 2409.13117)": (
        Script("mixture kodak", ("Mixture networks: kodak",), (24, 0)),
        Script("mixture cifar", ("Mixture networks: cifar",), (12, 0)),
        Script("mixture imagenet", ("Mixture networks: imagenet",), (6, 0)),
        Script("mixture exact", ("Mixture networks: exact files",), (2, 0)),
    ),
}
SCRIPTS = {script.name: script for scripts in SYSTEMS.values() for script in scripts}

# By the title of a table, of the reduced sizes of a CPU: what of it agrees with what was published,
# what does not, and why.
FINDINGS: dict[str, str] = {
    "Steps to BER 0, 8 bits": (
        "Agrees in part: Gauss takes more steps than SIREN and FINER. FINER, published at half of"
        " SIREN's, takes as many, and the hash grid and DINER come first, as their tables have more"
        " numbers than so small a picture has bits. Stored integers of networks as narrow as these"
        " take several times the steps of float weights."
    ),
    "Steps to BER 0, 16 bits": (
        "Agrees in part: 16 bits take more steps than 8, and FINER's float weights fewer than"
        " SIREN's; the hash grid and DINER come first, as with 8 bits. FINER's stored integers have"
        " a BER of 0.002 left when the steps are over."
    ),
    "Steps to BER 0 by loss": (
        "Does not agree at this size. MSE takes no more steps than BCE (126 ± 7 and 136 ± 18),"
        " where 1.6 times as many were published; the difference is less than that between images."
        " Whether it comes with the published size needs a GPU to tell."
    ),
    "Ternary networks, one a plane": (
        "Agrees in that ternary networks come to BER 0, of 8 bits. Of 16 bits 0.012 % of the bits"
        " are left after a fortieth of the published steps; the file has them as corrections."
    ),
    "Sound, steps to BER 0": (
        "Agrees: both come to BER 0, FINER in half of SIREN's steps. At 2048 samples and 64 units"
        " neither did in 2000 steps (SIREN's BER was 0.000015, FINER's 0.1)."
    ),
    "Sound, by values": (
        "Nobody published figures. Symmetric power is not ahead of none: inverse, none and Box-Cox"
        " come close to exact samples, symmetric power 5 to 8 dB behind; 0-1 scaling and z-score"
        " are the last."
    ),
    "PSNR in dB": (
        "Agrees in the mean of two pictures: FINER is ahead of SIREN by 2.0 dB (published: 2.1), on"
        " one of them 0.3 dB behind; Gauss and WIRE are behind both."
        " Wider ranges of FINER's first biases do not help pictures as small as these."
    ),
    "Values of 16 bits": (
        "Agrees: FINER is ahead of SIREN, and that of the others, in PSNR and BER; SIREN by less."
    ),
    "Neural tangent kernel, 1 hidden layer": (
        "Agrees up to a bias range of 10, and not at 20, where the kernel is less diagonal again."
        " With 1024 units in the place of 256 it agrees at 20, too."
    ),
    "Neural tangent kernel, 4 hidden layers": (
        "Agrees: the wider the range of the first biases, the more diagonal the kernel and the"
        " slower its eigenvalues fall."
    ),
    "Dominant frequencies of units": (
        "Agrees: a wider range of the first biases gives units of higher frequencies."
    ),
    "Dominant frequencies of units, fitted": (
        "Agrees: a fit hardly moves the first layer's frequencies, so that the range of the first"
        " biases decides which there are."
    ),
    "Signed distance functions": (
        "Agrees in part: FINER is ahead of SIREN in both measures on the bunny, and behind in both"
        " on the torus, which is smooth."
    ),
    "Transforms of the target, siren at 0.0001": (
        "Agrees in part: symmetric power is ahead of z-score, inverse, Box-Cox and 0-1 scaling,"
        " which is the last of these; but a scale of 1.0 is 0.2 dB ahead of symmetric power, and"
        " one of 0.5 by 0.5 dB. It is one picture; the order differs between pictures."
    ),
    "Transforms of the target, finer at 0.0005": (
        "Symmetric power is ahead of a scale of 1.0 by 0.4 dB, as published of SIREN; scales of 0.5"
        " and 2.0 and z-score are ahead of it."
    ),
    "Video": (
        "Nobody published figures. Symmetric power is level with none, and both are ahead of the"
        " others. SIREN is ahead of FINER by about 1.5 dB."
    ),
    "Mixture networks: kodak": (
        "Agrees in that few sets serve several images, and more sets serve them better; the bpp"
        " cannot agree, as the pictures are 64 times smaller than on a GPU and the weights are not."
        " A network for each image, narrower so that all have no more weights, is better than two"
        " shared sets: sharing saves nothing here. What fits lossily is no way to exact files:"
        " weights and residuals together take about 20 bpp."
    ),
    "Mixture networks: cifar": (
        "Agrees in that more sets serve images better, and learned coefficients better than fixed"
        " ones. A network for each image of no more weights in all is better still."
    ),
    "Mixture networks: imagenet": (
        "Agrees in that more sets serve images better. Learned coefficients are not better than"
        " fixed ones, of three images a group, and a network for each is better than two sets."
    ),
    "Mixture networks: exact files": (
        "Nobody published such. One set with learned coefficients takes fewer bytes than a file for"
        " each image, two take more; all are many times larger than the pictures."
    ),
}

# What was published, and why no script measures it.
UNMEASURED = {
    "Compression of MNIST and FashionMNIST (LosslessINR: 2.58 and 6.11 bpp, PNG 3.52 and 5.78)": (
        "the sets are not at hand; `inrcodec encode --model coordinate --optimize size` takes any"
        " images"
    ),
    "Sound in float32 (LosslessINR, without figures at hand)": (
        "samples here are integers of up to 16 bits; Sound above has those"
    ),
    "Bit-depth expansion (LosslessINR, without figures at hand)": (
        "`inrcodec decode --bits N` does it; there is nothing to compare with"
    ),
    "Radiance fields (FINER)": "left out on purpose: this is a codec of images",
}


def page(
    outcomes: Mapping[str, Outcome], missing: Mapping[str, str], setting: Sequence[tuple[str, Any]],
    cuda: bool,
) -> str:  # fmt: skip
    """The page, of what came of scripts by their names.

    missing: why of a table there is nothing, where that is known. setting: what there is to say of
    the run, in pairs. cuda: whether it had a GPU, and thus the published sizes.
    """
    sections, summary = [], ["| table | |", "| --- | --- |"]
    for system, scripts in SYSTEMS.items():
        sections.append(f"## {system}\n")
        for script in scripts:
            for title, text in _tables(script, outcomes.get(script.name), missing):
                done = text.startswith("Measured:")
                finding = FINDINGS.get(title) if done and not cuda else None
                summary.append(f"| [{title}](#{_anchor(title)}) | {_state(done, text, finding)} |")
                sections.append(f"### {title}\n\n{text}\n")
                if finding is not None:
                    sections.append(f"**Finding.** {finding}\n")
                sizes = SIZES.match(text)
                if not cuda and sizes is not None and sizes[1] != sizes[2]:
                    sections.append("At the published size: not run, for want of a GPU.\n")
    sections.append("## Not measured\n")
    sections += [f"- {what}: {why}." for what, why in UNMEASURED.items()]
    about = [f"- {name}: {what}" for name, what in setting]
    head = (
        "# The published tables, and ours\n\nMade by `python -m benchmarks.reproduce IMAGE...`.\n"
    )
    return "\n".join([head, *about, "", *summary, "", *sections]).rstrip() + "\n"


def _tables(
    script: Script, outcome: Outcome | None, missing: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Title and text of each table of a script, of which there may be nothing but a reason."""
    found = outcome.tables if outcome is not None else {}
    why = "its script was not run" if outcome is None else outcome.problem
    for title in dict.fromkeys([*script.tables, *found]):
        reason = missing.get(title) or why or "its script did not come to it"
        yield title, found.get(title, f"Not run: {reason}.")


def _state(done: bool, text: str, finding: str | None) -> str:
    """What the summary says of a table."""
    if not done:
        return " ".join(text.split()).rstrip(".").replace("|", "\\|")
    return "measured" if finding is None else finding.partition(". ")[0].rstrip(".")


def _anchor(title: str) -> str:
    """What Markdown makes of a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
