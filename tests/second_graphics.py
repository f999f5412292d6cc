"""Graphics images, chapter 13 of format_spec.md, for the second decoder: from the page alone.

Here are fields, pixels as expected and the picture (13.1, 13.3, 13.5); 13.2 is in
second_graphics_mixing.py, what is known of pixels (13.3, 13.4) in second_graphics_pixels.py, 13.6
in second_graphics_colours.py and 13.7 in second_graphics_samples.py.
"""

from __future__ import annotations

import numpy as np
from second_coding import RangeDecoder
from second_container import Array, Fields, check_keys, check_numbers
from second_graphics_colours import LikelyColours
from second_graphics_mixing import SQUASH, Adaptive, Weights, hashed, steps
from second_graphics_pixels import LEVELS, Colour, Level, Matches, Pixel, Places
from second_graphics_samples import Samples
from second_steps import Planes, check_whole

BLOCK = 32  # pixels


class Expected:
    """Decisions of 13.5."""

    def __init__(self, stream: RangeDecoder) -> None:
        self.stream = stream
        first = [4190303, 4100000, 4100000]
        self.adaptive = Adaptive([(np.full(4096, p), 2) for p in first for _ in range(5)])
        self.sets = [Weights(6, 19661) for _ in range(36)]

    def decide(self, kind: int, contexts: list[int], number: int) -> int:
        entries = [hashed(h, i) % 4096 for i, h in enumerate(contexts)]
        places = self.adaptive.find([5 * kind + i for i in range(5)], entries)
        x = np.append(self.adaptive.logits(places), 256)
        p = SQUASH[self.sets[number].dot(x)]
        bit = self.stream.bit(p)
        self.sets[number].learn(x, 65535 * bit - p, 2)
        self.adaptive.teach(places, bit, 1023)
        return bit

    def flat(self, pixel: Pixel) -> int:
        w, v, matches = pixel.near.w, pixel.ahead, pixel.matches
        wide = max(v - 3, 0) if v < 9 else 6 if v < 16 else 7
        contexts = [
            hashed(16 * steps(pixel.run) + steps(pixel.rise), wide),
            w,
            hashed(1, w, 2 * wide + (pixel.near.nnn == w)),
            hashed(2, (3 * steps(pixel.lengths[1]) + matches) * 8 + wide),
            hashed(3, w, pixel.column),
        ]
        return self.decide(0, contexts, 3 * wide + matches)

    def block(self, pixel: Pixel) -> int:
        w, rise = pixel.near.w, steps(pixel.rise)
        contexts = [
            hashed(1, 16 * rise + steps(pixel.run)),
            hashed(2, w),
            hashed(3, rise, steps(min(pixel.ahead - 32, 255))),
            hashed(4, pixel.matches, steps(pixel.lengths[1])),
            hashed(5, w, rise),
        ]
        return self.decide(1, contexts, 32 + pixel.matches)

    def sure(self, pixel: Pixel, e: int) -> int:
        w, n, ne, nw = pixel.near.w, pixel.near.n, pixel.near.ne, pixel.near.nw
        alike = [e == w, e == n, e == ne, e == nw, w == n, n == ne, w == nw]
        like = sum(same << i for i, same in enumerate(alike))
        length = steps(pixel.lengths[1])
        contexts = [
            16 * steps(pixel.lengths[0]) + length,
            hashed(1, e),
            hashed(2, e, w, n),
            hashed(3, like, length),
            hashed(4, like, pixel.missed),
        ]
        return self.decide(2, contexts, 16 + length)


class Picture:
    """What of a picture is decoded, and what was learned from it."""

    def __init__(
        self, stream: RangeDecoder, size: tuple[int, int], channels: int, bits: int, level: Level
    ) -> None:
        (self.height, self.width), self.level = size, level
        count = self.height * self.width
        self.places, self.matches = Places(self.height, self.width), Matches(self.width, count)
        self.colours: list[Colour] = [(0,) * channels]
        self.numbers = {self.colours[0]: 0}
        self.rise, self.miss = [0] * self.width, [0] * (self.width + 1)  # 0 behind the last one
        self.flat_colour = self.flat_before = self.last_coded = 0
        self.expected = Expected(stream)
        self.likely = LikelyColours(stream, level, count)
        self.samples = Samples(stream, level, channels, bits, count)

    def decode(self) -> Array:
        """(height, width, channels)."""
        for row in range(self.height):
            self.decode_row(row)
        rows = np.reshape(self.places.a, (self.height + 3, self.width + 16))
        return np.array(self.colours)[rows[3:, 8:-8]]

    def decode_row(self, row: int) -> None:
        self.places.start_row(row)
        self.matches.start_row()
        ahead, ahead_2 = self.places.ahead(row - 1), self.places.ahead(row - 2)
        run = corner = j = 0
        while j < self.width:
            before = self.miss[j - 1] if j else 0
            missed = 27 * before + 9 * self.miss[j] + 3 * corner + self.miss[j + 1]
            pixel = Pixel(
                self.places, self.places.start(row) + j, j, run, self.rise[j], missed, ahead[j]
            )
            self.matches.look(pixel)
            maybe = self.level.blocks and pixel.even and j >= 2 and ahead[j - 2] >= BLOCK + 5
            maybe = maybe and ahead_2[j - 1] >= BLOCK + 3 and self.matches.agree(pixel, BLOCK)
            if maybe and self.expected.block(pixel):
                self.matches.skip(pixel, BLOCK)
                self.places.a[pixel.place : pixel.place + BLOCK] = [pixel.near.w] * BLOCK
                self.rise[j : j + BLOCK] = [min(n + 1, 255) for n in self.rise[j : j + BLOCK]]
                self.miss[j : j + BLOCK] = [0] * BLOCK
                run, corner, j = min(run + BLOCK, 255), 0, j + BLOCK
                continue
            colour, miss = self.decode_pixel(pixel)
            self.matches.learn(pixel, colour)
            self.places.a[pixel.place] = colour
            run = min(run + 1, 255) if colour == pixel.near.w else 0
            self.rise[j] = min(self.rise[j] + 1, 255) if colour == pixel.near.n else 0
            corner, self.miss[j], j = self.miss[j], miss, j + 1
        self.places.end_row(row)

    def decode_pixel(self, pixel: Pixel) -> tuple[int, int]:
        """Colour and miss."""
        w, (first, second) = pixel.near.w, pixel.matched
        if pixel.even and {first, second} <= {w, None}:
            if self.expected.flat(pixel):
                if w != self.flat_colour:
                    self.flat_before, self.flat_colour = self.flat_colour, w
                return w, 0
            pixel.refused.append(w)
        elif second is not None and first == second and pixel.lengths[1] >= self.level.sure:
            if self.expected.sure(pixel, second):
                return second, 0
            pixel.refused.append(second)
        colour, turn, votes = self.likely.ask(pixel)
        miss = min(turn, 1)
        if colour is None:
            found = self.samples.decode(
                pixel, self.colours, self.last_coded, self.flat_before, votes
            )
            colour, miss = self.numbers.setdefault(found, len(self.numbers)), 2
            if colour == len(self.colours):
                self.colours.append(found)
            self.last_coded = colour
        self.likely.count(colour)
        return colour, miss


def read_told(fields: Fields, planes: Planes) -> dict[int, int]:
    """The values of channels that are not coded."""
    if "k" not in fields:
        return {}
    assert type(fields["k"]) is list, "channels that are not coded"
    channels, values = fields["k"][::2], fields["k"][1::2]
    assert channels, "channels that are not coded"
    check_numbers(channels, len(channels), 0, planes.channels - 1)
    assert channels == sorted(set(channels)), "channels that are not coded"
    check_numbers(values, len(channels), 0, 2**planes.bits - 1)
    return dict(zip(channels, values, strict=True))


def graphics_image(payload: bytes, fields: Fields, planes: Planes) -> Array:
    """The samples (height, width, channels)."""
    check_whole(planes)
    check_keys(fields, "lb", "k", "fields of a graphics image")
    check_numbers([fields["l"]], 1, 1, 3)
    check_numbers([fields["b"]], 1, 1, planes.bits)
    told = read_told(fields, planes)
    coded = [c for c in range(planes.channels) if c not in told]
    assert coded, "no channel that is coded"
    height, width = planes.height, planes.width
    assert (height + 3) * (width + 16) <= 2**27, "pixels and what is around them"
    level = LEVELS[fields["l"]]
    bits = -(-height * width // BLOCK) if level.blocks else height * width
    assert bits <= 363409 * (len(payload) + 16), "more bits than the data can hold"
    picture = Picture(RangeDecoder(payload), (height, width), len(coded), fields["b"], level)
    image = np.zeros((height, width, planes.channels), np.int64)
    image[:, :, coded] = picture.decode()
    for channel, value in told.items():
        image[:, :, channel] = value
    return image
