/* context/evidence.py: the colours that are known before a step, counted. */
#include <stdint.h>

#include "export.h"

/* Adds the values of `rows` x `cols` samples, `stride` apart, to counts[prefix | value + 1]. prefix:
   of each sample, that channel's values shifted by `bits`, or NULL. */
INR_EXPORT void inr_count_colours(const uint16_t *own, const uint16_t *other, int64_t rows,
                                  int64_t cols, int64_t stride, int64_t bits, int32_t *counts)
{
    for (int64_t i = 0; i < rows; i++, own += stride) {
        if (other) {
            for (int64_t j = 0; j < cols; j++)
                counts[((int64_t)other[j] << bits) + own[j] + 1]++;
            other += stride;
        } else {
            for (int64_t j = 0; j < cols; j++)
                counts[own[j] + 1]++;
        }
    }
}

/* Sums of all entries up to each. */
INR_EXPORT void inr_add_up(int32_t *counts, int64_t number)
{
    int32_t total = 0;
    for (int64_t i = 0; i < number; i++)
        counts[i] = total += counts[i];
}

/* Sorts the values of a channel, and with them the prefixes that two others make, or one where far is
   NULL; by_value: where each value starts, used up. */
INR_EXPORT void inr_order_colours(const uint16_t *own, const uint16_t *near, const uint16_t *far,
                                  int64_t rows, int64_t cols, int64_t stride, int64_t near_bits,
                                  int32_t *by_value, uint32_t *prefixes, uint16_t *values)
{
    for (int64_t i = 0; i < rows; i++) {
        const int64_t row = i * stride;
        for (int64_t j = row; j < row + cols; j++) {
            const int32_t at = by_value[own[j]]++;
            prefixes[at] = (uint32_t)near[j] | (far ? (uint32_t)far[j] << near_bits : 0);
            values[at] = own[j];
        }
    }
}

/* Sorts values by their prefixes; starts: where each starts, used up. */
INR_EXPORT void inr_group_colours(const uint32_t *prefixes, const uint16_t *sorted, int64_t number,
                                  int32_t *starts, uint16_t *values)
{
    for (int64_t i = 0; i < number; i++)
        values[starts[prefixes[i]]++] = sorted[i];
}
