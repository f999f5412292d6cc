/* jpeg/idct.py: libjpeg's accurate integer inverse DCT ("islow"). */
#include <stdint.h>

#include "export.h"
#include "jpeg_idct.h"

/* The natural place (8 v + u) of each place of the zigzag order: ITU-T T.81, figure A.6. */
static const uint8_t natural[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

enum { BITS = 13, EXTRA = 2 };

/* Eight values, `step` apart, in place; what comes out is scaled by sqrt(8) 2^13 and has `shift` bits
   taken off, rounded. Loeffler, Ligtenberg & Moschytz 1989, as jidctint.c has it. */
static void inverse(int64_t *v, int step, int shift)
{
    const int64_t z2 = v[2 * step], z3 = v[6 * step];
    const int64_t z1 = (z2 + z3) * 4433;
    const int64_t t2 = z1 - z3 * 15137, t3 = z1 + z2 * 6270;
    const int64_t t0 = (v[0] + v[4 * step]) * (1 << BITS), t1 = (v[0] - v[4 * step]) * (1 << BITS);
    const int64_t e0 = t0 + t3, e3 = t0 - t3, e1 = t1 + t2, e2 = t1 - t2;

    int64_t o0 = v[7 * step], o1 = v[5 * step], o2 = v[3 * step], o3 = v[step];
    const int64_t z5 = (o0 + o2 + o1 + o3) * 9633;
    const int64_t y1 = (o0 + o3) * -7373, y2 = (o1 + o2) * -20995;
    const int64_t y3 = (o0 + o2) * -16069 + z5, y4 = (o1 + o3) * -3196 + z5;
    o0 = o0 * 2446 + y1 + y3;
    o1 = o1 * 16819 + y2 + y4;
    o2 = o2 * 25172 + y2 + y3;
    o3 = o3 * 12299 + y1 + y4;

    const int64_t half = (int64_t)1 << (shift - 1);
    v[0] = (e0 + o3 + half) >> shift;
    v[7 * step] = (e0 - o3 + half) >> shift;
    v[step] = (e1 + o2 + half) >> shift;
    v[6 * step] = (e1 - o2 + half) >> shift;
    v[2 * step] = (e2 + o1 + half) >> shift;
    v[5 * step] = (e2 - o1 + half) >> shift;
    v[3 * step] = (e3 + o0 + half) >> shift;
    v[4 * step] = (e3 - o0 + half) >> shift;
}

void inr_block_samples(const int16_t *coefficients, const uint16_t *table, uint8_t *samples,
                       int64_t stride)
{
    int64_t v[64];
    for (int k = 0; k < 64; k++)
        v[natural[k]] = (int64_t)coefficients[k] * table[k];
    for (int u = 0; u < 8; u++)
        inverse(v + u, 8, BITS - EXTRA);
    for (int y = 0; y < 8; y++) {
        inverse(v + 8 * y, 1, BITS + EXTRA + 3);
        for (int x = 0; x < 8; x++) {
            /* 10 bits of it, of which the middle half is in range */
            const int64_t s = ((v[8 * y + x] + 512) & 1023) - 384;
            samples[y * stride + x] = (uint8_t)(s < 0 ? 0 : s > 255 ? 255 : s);
        }
    }
}

/* coefficients: (rows, cols, 64); samples: (8 rows, 8 cols). */
INR_EXPORT void inr_jpeg_samples(const int16_t *coefficients, const uint16_t *table, int64_t rows,
                                 int64_t cols, uint8_t *samples)
{
    for (int64_t row = 0; row < rows; row++)
        for (int64_t col = 0; col < cols; col++)
            inr_block_samples(coefficients + (row * cols + col) * 64, table,
                              samples + row * 64 * cols + col * 8, 8 * cols);
}
