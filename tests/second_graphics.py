"""Graphics images, chapter 13 of format_spec.md, for the second decoder: from the page alone.

Here are fields, pixels as expected and the picture (13.1, 13.3, 13.5, 13.8); 13.2 is in
second_graphics_mixing.py, what is known of pixels and weights at first (13.3, 13.4, 13.9) in
second_graphics_pixels.py, 13.6
in second_graphics_colours.py, 13.7 in second_graphics_samples.py and what boxes have (13.8) in
second_graphics_boxes.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from second_coding import RangeDecoder
from second_container import Array, Fields, Sections, check_keys, check_numbers
from second_graphics_boxes import Known, decode_boxes, read_boxes
from second_graphics_colours import LikelyColours
from second_graphics_mixing import SQUASH, Adaptive, Weights, hashed, steps
from second_graphics_pixels import LEVELS, Colour, Level, Matches, Pixel, Places, first_weights
from second_graphics_samples import Samples
from second_parts import Part
from second_steps import Planes, check_whole

BLOCK = 32  # pixels


class Expected:
    """Decisions of 13.5."""

    def __init__(self, stream: RangeDecoder, level: Level) -> None:
        self.stream = stream
        first = [4190303, 4100000, 4100000]
        self.adaptive = Adaptive([(np.full(4096, p), 2) for p in first for _ in range(5)])
        self.sets = [Weights(first_weights("13.5", level)) for _ in range(36)]

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
    """What of a picture is decoded, and what was learned from it; known: pixels of boxes."""

    def __init__(
        self,
        stream: RangeDecoder,
        size: tuple[int, int],
        channels: int,
        bits: int,
        level: Level,
        known: Known,
    ) -> None:
        (self.height, self.width), self.level, self.known = size, level, known
        count = self.height * self.width
        self.places, self.matches = Places(self.height, self.width), Matches(self.width, count)
        self.colours: list[Colour] = [(0,) * channels]
        self.numbers = {self.colours[0]: 0}
        self.rise, self.miss = [0] * self.width, [0] * (self.width + 1)  # 0 behind the last one
        self.flat_colour = self.flat_before = self.last_coded = 0
        self.expected = Expected(stream, level)
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
            if (row, j) in self.known:
                self.matches.stop(j)
                run = self.put(pixel, self.number(self.known[row, j]))
                corner, self.miss[j], j = self.miss[j], 0, j + 1
                continue
            self.matches.look(pixel)
            maybe = self.level.blocks and pixel.even and j >= 2 and ahead[j - 2] >= BLOCK + 5
            maybe = maybe and ahead_2[j - 1] >= BLOCK + 3 and self.matches.agree(pixel, BLOCK)
            maybe = maybe and not any((row, j + x) in self.known for x in range(BLOCK))
            if maybe and self.expected.block(pixel):
                self.matches.skip(pixel, BLOCK)
                self.places.a[pixel.place : pixel.place + BLOCK] = [pixel.near.w] * BLOCK
                self.rise[j : j + BLOCK] = [min(n + 1, 255) for n in self.rise[j : j + BLOCK]]
                self.miss[j : j + BLOCK] = [0] * BLOCK
                run, corner, j = min(run + BLOCK, 255), 0, j + BLOCK
                continue
            colour, miss = self.decode_pixel(pixel)
            self.matches.learn(pixel, colour)
            run = self.put(pixel, colour)
            corner, self.miss[j], j = self.miss[j], miss, j + 1
        self.places.end_row(row)

    def put(self, pixel: Pixel, colour: int) -> int:
        """A pixel's colour is known; run behind it."""
        j, near = pixel.column, pixel.near
        self.places.a[pixel.place] = colour
        self.rise[j] = min(self.rise[j] + 1, 255) if colour == near.n else 0
        return min(pixel.run + 1, 255) if colour == near.w else 0

    def number(self, colour: Colour) -> int:
        """Of a colour, which may be new."""
        number = self.numbers.setdefault(colour, len(self.numbers))
        if number == len(self.colours):
            self.colours.append(colour)
        return number

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
            colour, miss = self.number(found), 2
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


def graphics_image(
    sections: Sections, fields: Fields, planes: Planes, decode: Callable[[Part], Array]
) -> Array:
    """The samples (height, width, channels); decode: gives those of a part."""
    check_whole(planes)
    check_keys(fields, "lb", "kr", "fields of a graphics image")
    check_numbers([fields["l"]], 1, 1, 6)
    check_numbers([fields["b"]], 1, 1, planes.bits)
    told = read_told(fields, planes)
    coded = [c for c in range(planes.channels) if c not in told]
    assert coded, "no channel that is coded"
    height, width = planes.height, planes.width
    assert (height + 3) * (width + 16) <= 2**27, "pixels and what is around them"
    level, bits, payload = LEVELS[fields["l"]], fields["b"], sections["D"][0]
    boxes = read_boxes(fields, planes)
    pixels = height * width - sum(box.height * box.width for box in boxes)
    least = -(-pixels // BLOCK) if level.blocks else pixels
    assert least <= 363409 * (len(payload) + 16), "more bits than the data can hold"
    known = decode_boxes(sections.get("B", []), boxes, planes, len(coded), bits, decode)
    picture = Picture(RangeDecoder(payload), (height, width), len(coded), bits, level, known)
    image = np.zeros((height, width, planes.channels), np.int64)
    image[:, :, coded] = picture.decode()
    for channel, value in told.items():
        image[:, :, channel] = value
    return image
