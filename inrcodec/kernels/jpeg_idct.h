/* One block of a JPEG, for any kernel. */
#ifndef INR_JPEG_IDCT_H
#define INR_JPEG_IDCT_H

#include <stdint.h>

/* coefficients, table: (64,) in zigzag order; samples: eight rows, `stride` bytes apart. */
void inr_block_samples(const int16_t *coefficients, const uint16_t *table, uint8_t *samples,
                       int64_t stride);

#endif
