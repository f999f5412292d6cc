/* jpeg/finder/search.py: coefficients of a block that decode to samples between bounds. Compiled once
   for each instruction set. */
#include <stdint.h>
#include <string.h>

#include "export.h"
#include "jpeg_idct.h"

enum { UNIT = 32, MOST = 2047, NEVER = INT32_MAX };

/* What the samples y lie outside the bounds, squared and summed; all in 1 / UNIT. */
static int32_t outside(const int16_t *restrict samples, const int16_t *restrict move, int16_t sign,
                       const int16_t *restrict low, const int16_t *restrict high)
{
    int32_t sum = 0;
    for (int p = 0; p < 64; p++) {
        const int16_t y = (int16_t)(samples[p] + sign * move[p]);
        const int16_t up = y > low[p] ? y : low[p], down = y < high[p] ? y : high[p];
        int16_t far = (int16_t)(up - down);
        far = far > MOST ? MOST : far;
        sum += far * far;
    }
    return sum;
}

/* The number of samples outside the bounds once decoded; bounds of those move in by a unit, as the
   decoder rounds on its way. */
static int wrong(const int16_t *own, const uint16_t *table, const uint8_t *least,
                 const uint8_t *most, int16_t *low, int16_t *high)
{
    uint8_t made[64];
    int found = 0;
    inr_block_samples(own, table, made, 8);
    for (int p = 0; p < 64; p++) {
        low[p] = (int16_t)(low[p] + (made[p] < least[p]));
        high[p] = (int16_t)(high[p] - (made[p] > most[p]));
        found += made[p] < least[p] || made[p] > most[p];
    }
    return found;
}

/* The samples (64,) of their sums, in 1 / UNIT, cut so that no move overflows. */
static void samples_of(const int64_t *sums, int16_t *samples)
{
    for (int p = 0; p < 64; p++) {
        const int64_t s = (sums[p] + (1 << 14)) >> 15;
        samples[p] = (int16_t)(s < -20000 ? -20000 : s > 20000 ? 20000 : s);
    }
}

/* Tabu search (Glover 1989) of n blocks. coefficients (n, 64), in and out: what to begin with, and the
   best found; least, most (n, 64): bounds of the samples; reach (64,): how far each coefficient may move;
   basis (64, 64): the step of each coefficient times its basis, times UNIT 2^15. left (n,): how many
   samples are outside the bounds. */
INR_EXPORT void INR_NAME(inr_search_blocks)(int16_t *coefficients, const uint8_t *least, const uint8_t *most,
                                            const uint16_t *table, const int32_t *basis, const uint8_t *reach,
                                  int64_t blocks, int64_t steps, int64_t tenure, int64_t nearly,
                                  uint8_t *left)
{
    int16_t moves[64][64];
    int movable[64], count = 0;
    for (int k = 0; k < 64; k++) {
        if (reach[k])
            movable[count++] = k;
        for (int p = 0; p < 64; p++)
            moves[k][p] = (int16_t)((basis[64 * k + p] + (1 << 14)) >> 15);
    }
    for (int64_t block = 0; block < blocks; block++) {
        int16_t *best = coefficients + 64 * block;
        const uint8_t *from = least + 64 * block, *to = most + 64 * block;
        int16_t own[64], start[64], samples[64], low[64], high[64];
        int64_t until[64] = {0}, sums[64] = {0};
        memcpy(own, best, sizeof own);
        memcpy(start, best, sizeof start);
        for (int p = 0; p < 64; p++) {
            low[p] = (int16_t)(from[p] ? (from[p] - 128) * UNIT - UNIT / 2 : -30000);
            high[p] = (int16_t)(to[p] < 255 ? (to[p] - 128) * UNIT + UNIT / 2 : 30000);
        }
        int few = wrong(own, table, from, to, low, high);
        if (!few) {
            left[block] = 0;
            continue;
        }
        for (int k = 0; k < 64; k++)
            if (own[k])
                for (int p = 0; p < 64; p++)
                    sums[p] += (int64_t)own[k] * basis[64 * k + p];
        for (int64_t step = 1; few && step <= steps; step++) {
            samples_of(sums, samples);
            int32_t least_cost = NEVER;
            int chosen = -1, way = 0;
            for (int i = 0; i < count; i++) {
                const int k = movable[i];
                if (until[k] > step)
                    continue;
                for (int sign = -1; sign <= 1; sign += 2) {
                    const int far = own[k] + sign - start[k];
                    if (far > reach[k] || -far > reach[k])
                        continue;
                    const int32_t cost = outside(samples, moves[k], (int16_t)sign, low, high);
                    if (cost < least_cost) {
                        least_cost = cost;
                        chosen = k;
                        way = sign;
                    }
                }
            }
            if (chosen < 0)
                break;
            own[chosen] = (int16_t)(own[chosen] + way);
            for (int p = 0; p < 64; p++)
                sums[p] += (int64_t)way * basis[64 * chosen + p];
            until[chosen] = step + tenure;
            if (least_cost > nearly)
                continue;
            const int now = wrong(own, table, from, to, low, high);
            if (now < few) {
                few = now;
                memcpy(best, own, sizeof own);
            }
        }
        left[block] = (uint8_t)few;
    }
}
