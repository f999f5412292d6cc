/* files/tiff.py: TIFF's LZW. */
#include "export.h"

#include <stdint.h>

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
