/* coding/stored.py: undoing the row filters that need each byte before the next. */
#include "export.h"

#include <stdint.h>
#include <stdlib.h>

/* rows: (height, stride) filtered bytes, undone in place; kinds: the filter of each row, 0 to 4;
   step: bytes from a sample to its left neighbour. */
INR_EXPORT void inr_unfilter_rows(uint8_t *rows, const uint8_t *kinds, int64_t height,
                                  int64_t stride, int64_t step)
{
    for (int64_t y = 0; y < height; y++) {
        uint8_t *row = rows + y * stride;
        const uint8_t *above = y ? row - stride : NULL;
        for (int64_t x = 0; x < stride; x++) {
            int a = x >= step ? row[x - step] : 0;
            int b = above ? above[x] : 0;
            int c = above && x >= step ? above[x - step] : 0;
            int guess = 0;
            if (kinds[y] == 1) {
                guess = a;
            } else if (kinds[y] == 2) {
                guess = b;
            } else if (kinds[y] == 3) {
                guess = (a + b) >> 1;
            } else if (kinds[y] == 4) {
                int to_a = abs(b - c), to_b = abs(a - c), to_c = abs(a + b - 2 * c);
                guess = to_a <= to_b && to_a <= to_c ? a : to_b <= to_c ? b : c;
            }
            row[x] = (uint8_t)(row[x] + guess);
        }
    }
}
