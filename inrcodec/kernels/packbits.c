/* files/packing/packbits.py: PackBits as two encoders write it. */
#include "export.h"

#include <stdint.h>
#include <string.h>

#define LONGEST 128

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t run_length(const uint8_t *raw, int64_t size)
{
    int64_t n = 1;
    while (n < size && raw[n] == raw[0])
        n++;
    return n;
}

/* Where the first two equal bytes between start and end are, or -1. */
static int64_t next_pair(const uint8_t *raw, int64_t start, int64_t end)
{
    for (int64_t i = start; i + 1 < end; i++)
        if (raw[i] == raw[i + 1])
            return i;
    return -1;
}

static int64_t put_literal(const uint8_t *raw, int64_t size, uint8_t *target)
{
    target[0] = (uint8_t)(size - 1);
    memcpy(target + 1, raw, (size_t)size);
    return size + 1;
}

/* Every run of two is one, unless it stands between literals that it can join. */
static int64_t pack_joining(const uint8_t *raw, int64_t size, uint8_t *target)
{
    int64_t written = 0;
    int64_t literal = -1; /* where the literal that may grow begins, or -1 */
    int run_behind = 0;   /* there is one, and a run behind it */
    for (int64_t i = 0; i < size;) {
        uint8_t byte = raw[i];
        int64_t left = run_length(raw + i, size - i);
        i += left;
        while (left > 0) {
            if (run_behind) {
                run_behind = 0;
                if (left == 1 && target[written - 2] == 255 && target[literal] < 126) {
                    target[literal] = (uint8_t)(target[literal] + 2);
                    target[written - 2] = target[written - 1];
                    if (target[literal] == LONGEST - 1)
                        literal = -1;
                } else {
                    literal = -1;
                }
            }
            if (left > 1) {
                int64_t taken = least(left, LONGEST);
                target[written++] = (uint8_t)(257 - taken);
                target[written++] = byte;
                left -= taken;
                run_behind = literal >= 0;
                continue;
            }
            if (literal < 0) {
                literal = written;
                target[written++] = 0;
            } else if (++target[literal] == LONGEST - 1) {
                literal = -1;
            }
            target[written++] = byte;
            left = 0;
        }
    }
    return written;
}

/* A run of two is left in a literal where other runs do not follow at once. */
static int64_t pack_looking_ahead(const uint8_t *raw, int64_t size, uint8_t *target)
{
    int64_t most = size + (size + LONGEST - 1) / LONGEST, written = 0;
    for (int64_t i = 0; i < size;) {
        int64_t seen = least(i + LONGEST + 1, size), end = next_pair(raw, i, seen);
        if (end == i) {
            int64_t taken = least(run_length(raw + i, size - i), LONGEST);
            if (written >= most - 1)
                goto literals;
            target[written++] = (uint8_t)(257 - taken);
            target[written++] = raw[i];
            i += taken;
            continue;
        }
        if (end < 0) {
            end = size;
        } else if (run_length(raw + end, size - end) < 3) {
            int64_t next = next_pair(raw, end + 2, seen);
            if (next > end + 2)
                end = next;
        }
        int64_t taken = least(end - i, LONGEST);
        if (written + taken >= most - 1)
            goto literals;
        written += put_literal(raw + i, taken, target + written);
        i += taken;
    }
    return written;
literals: /* that much, nothing but literals take at most */
    written = 0;
    for (int64_t i = 0; i < size; i += LONGEST)
        written += put_literal(raw + i, least(size - i, LONGEST), target + written);
    return written;
}

/* The numbers are a variant's of files/packing/packbits.py, row 1 or more. The target has room for
   twice the size. Returns the number of bytes written. */
INR_EXPORT int64_t inr_pack_bits(const uint8_t *raw, int64_t size, uint8_t *target,
                                 int64_t encoder, int64_t row)
{
    int64_t written = 0;
    for (int64_t i = 0; i < size; i += row) {
        int64_t taken = least(row, size - i);
        if (encoder == 0)
            written += pack_joining(raw + i, taken, target + written);
        else
            written += pack_looking_ahead(raw + i, taken, target + written);
    }
    return written;
}
