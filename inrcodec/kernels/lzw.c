/* files/packing/lzw.py: TIFF's LZW. */
#include "export.h"

#include <stdint.h>
#include <string.h>

#define CLEAR 256
#define END 257
#define CODES 4096

/* Fills target and returns the number of bytes written, fewer than `room` if data are damaged. A
   code's string is the string before it plus one byte, which both stand in the output already: a
   start and a length describe it. */
INR_EXPORT int64_t inr_expand_lzw(const uint8_t *packed, int64_t size, uint8_t *target,
                                  int64_t room)
{
    int64_t starts[CODES] = {0}, sizes[CODES] = {0};
    int64_t position = 0, written = 0, last_start = 0, last_size = 0;
    uint32_t buffer = 0;
    int width = 9, held = 0, following = END + 1;
    while (written < room) {
        while (held < width) {
            if (position >= size)
                return written;
            buffer = (buffer << 8 | packed[position++]) & 0xFFFFFF;
            held += 8;
        }
        held -= width;
        int code = (int)(buffer >> held) & ((1 << width) - 1);
        if (code == END)
            return written;
        if (code == CLEAR) {
            width = 9;
            following = END + 1;
            last_size = 0;
            continue;
        }
        if (last_size && following < CODES) {
            starts[following] = last_start;
            sizes[following] = last_size + 1;
            following++;
        }
        if (code >= following)
            return written;
        int64_t length = code < CLEAR ? 1 : sizes[code];
        if (length > room - written)
            return written;
        if (code < CLEAR)
            target[written] = (uint8_t)code;
        else /* a byte at a time: the string may run into what it writes */
            for (int64_t i = 0; i < length; i++)
                target[written + i] = target[starts[code] + i];
        last_start = written;
        last_size = length;
        written += length;
        /* TIFF's codes grow one entry early. */
        if (following >= (1 << width) - 1 && width < 12)
            width++;
    }
    return written;
}

/* A table of strings by the code of what goes before and the byte behind it, open addressing. */
#define SLOTS 8192
#define CHECK_GAP 10000
#define COARSE_FROM (1 << 23)

typedef struct {
    uint8_t *target;
    int64_t room, written; /* written > room: there was no room */
    int64_t bits;          /* since the last clear code */
    uint32_t buffer;
    int held, width;
} writer;

static void put(writer *w, int code)
{
    w->buffer = w->buffer << w->width | (uint32_t)code; /* fewer than 8 bits are held before */
    w->held += w->width;
    w->bits += w->width;
    while (w->held >= 8) {
        w->held -= 8;
        if (w->written < w->room)
            w->target[w->written] = (uint8_t)(w->buffer >> w->held & 255);
        w->written++;
    }
}

/* The numbers are a variant's of files/packing/lzw.py. Returns the number of bytes written, 0 where
   `room` is too small. */
INR_EXPORT int64_t inr_pack_lzw(const uint8_t *raw, int64_t size, uint8_t *target, int64_t room,
                                int64_t full, int64_t checks, int64_t ending)
{
    int32_t keys[SLOTS];
    uint16_t codes[SLOTS];
    writer w = {.target = target, .room = room, .width = 9};
    int64_t taken = 0, ratio = 0, check = CHECK_GAP;
    int following = END + 1, last = -1;
    memset(keys, 0xFF, sizeof keys);
    put(&w, CLEAR);
    for (int64_t i = 0; i < size && w.written <= room; i++) {
        int byte = raw[i];
        taken++;
        if (last < 0) {
            last = byte;
            continue;
        }
        int32_t key = (int32_t)(last << 8 | byte);
        uint32_t slot = (uint32_t)key * 2654435761u >> 19;
        while (keys[slot] >= 0 && keys[slot] != key)
            slot = (slot + 1) % SLOTS;
        if (keys[slot] == key) {
            last = codes[slot];
            continue;
        }
        put(&w, last);
        keys[slot] = key;
        codes[slot] = (uint16_t)following;
        last = byte;
        following++;
        int clears = following == full;
        if (!clears && following == 1 << w.width) {
            w.width++;
        } else if (!clears && checks && taken >= check) {
            check = taken + CHECK_GAP;
            int64_t now = taken < COARSE_FROM ? taken * 256 / w.bits : taken / (w.bits >> 8);
            clears = now <= ratio;
            ratio = now;
        }
        if (clears) {
            taken = w.bits = ratio = 0;
            put(&w, CLEAR);
            memset(keys, 0xFF, sizeof keys);
            w.width = 9;
            following = END + 1;
        }
    }
    if (last >= 0) {
        put(&w, last);
        following++;
        if (ending == 2 && following == full) {
            put(&w, CLEAR);
            w.width = 9;
        } else if (ending && following == 1 << w.width && w.width < 12) {
            w.width++;
        }
    }
    put(&w, END);
    if (w.held || ending == 3) {
        if (w.written < room)
            target[w.written] = (uint8_t)(w.buffer << (8 - w.held) & 255);
        w.written++;
    }
    return w.written <= room ? w.written : 0;
}
