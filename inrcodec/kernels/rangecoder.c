/* The loops of coding/rangecoder.py. Functions with a model return 1, having touched nothing beyond
   it, where a context lies outside it, else 0. */
#include "rangecoder.h"
#include "export.h"

#define MAX_EXPONENT 20 /* coded integers are below 2^21 */
#define EVEN 32768

INR_EXPORT void inr_start_encoding(inr_encoder *e, uint8_t *out, uint64_t capacity)
{
    inr_start_encoder(e, out, capacity);
}

INR_EXPORT void inr_start_decoding(inr_decoder *d, const uint8_t *data, uint64_t size)
{
    inr_start_decoder(d, data, size);
}

INR_EXPORT void inr_finish_encoding(inr_encoder *e)
{
    inr_finish_encoder(e);
}

INR_EXPORT void inr_encode_bits(inr_encoder *e, const uint16_t *p, uint8_t *bits, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        inr_encode_bit(e, bits[i] != 0, p[i]);
}

INR_EXPORT void inr_decode_bits(inr_decoder *d, const uint16_t *p, uint8_t *bits, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        bits[i] = (uint8_t)inr_decode_bit(d, p[i]);
}

INR_EXPORT int inr_encode_flags(inr_encoder *e, const int64_t *contexts, uint8_t *bits,
                                int64_t count, uint16_t *model, int64_t model_size)
{
    for (int64_t i = 0; i < count; i++) {
        if (contexts[i] < 0 || contexts[i] >= model_size)
            return 1;
        inr_encode_adaptive(e, bits[i] != 0, model + contexts[i]);
    }
    return 0;
}

INR_EXPORT int inr_decode_flags(inr_decoder *d, const int64_t *contexts, uint8_t *bits,
                                int64_t count, uint16_t *model, int64_t model_size)
{
    for (int64_t i = 0; i < count; i++) {
        if (contexts[i] < 0 || contexts[i] >= model_size)
            return 1;
        bits[i] = (uint8_t)inr_decode_adaptive(d, model + contexts[i]);
    }
    return 0;
}

/* The six nearest bits that come before one in raster order; zeros lie outside the plane. */
static int64_t template(const uint8_t *bits, int64_t width, int64_t y, int64_t x)
{
    const uint8_t *row = bits + y * width + x;
    int64_t found = 0;
    if (x > 0)
        found |= row[-1];
    if (x > 1)
        found |= row[-2] << 1;
    if (y > 0) {
        if (x > 0)
            found |= row[-width - 1] << 2;
        found |= row[-width] << 3;
        if (x + 1 < width)
            found |= row[-width + 1] << 4;
    }
    if (y > 1)
        found |= row[-2 * width] << 5;
    return found;
}

/* The context of bit (y, x), or -1 where it lies outside the model. */
static int64_t plane_context(const int64_t *around, const uint8_t *bits, int64_t width, int64_t y,
                             int64_t x, int64_t model_size)
{
    const int64_t said = around[y * width + x];
    if (said < 0 || said >= model_size >> 6)
        return -1;
    return said << 6 | template(bits, width, y, x);
}

/* bits and around: of shape (height, width). */
INR_EXPORT int inr_encode_plane(inr_encoder *e, const int64_t *around, uint8_t *bits,
                                int64_t height, int64_t width, uint16_t *model, int64_t model_size)
{
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            const int64_t context = plane_context(around, bits, width, y, x, model_size);
            if (context < 0)
                return 1;
            inr_encode_adaptive(e, bits[y * width + x], model + context);
        }
    return 0;
}

INR_EXPORT int inr_decode_plane(inr_decoder *d, const int64_t *around, uint8_t *bits,
                                int64_t height, int64_t width, uint16_t *model, int64_t model_size)
{
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            const int64_t context = plane_context(around, bits, width, y, x, model_size);
            if (context < 0)
                return 1;
            bits[y * width + x] = (uint8_t)inr_decode_adaptive(d, model + context);
        }
    return 0;
}

/* |values| below 2^21; model: 2 + 2 * MAX_EXPONENT probabilities (integer_model()). */
INR_EXPORT void inr_encode_integers(inr_encoder *e, const int32_t *values, int64_t count,
                                    uint16_t *model)
{
    for (int64_t i = 0; i < count; i++) {
        int32_t v = values[i];
        inr_encode_adaptive(e, v != 0, model);
        if (v == 0)
            continue;
        inr_encode_bit(e, v < 0, EVEN);
        int32_t m = v < 0 ? -v : v;
        int exponent = 0;
        while (exponent < MAX_EXPONENT && m >> (exponent + 1)) {
            inr_encode_adaptive(e, 1, model + 1 + exponent);
            exponent++;
        }
        if (exponent < MAX_EXPONENT)
            inr_encode_adaptive(e, 0, model + 1 + exponent);
        for (int b = exponent - 1; b >= 0; b--) {
            int bit = m >> b & 1;
            if (b == exponent - 1)
                inr_encode_adaptive(e, bit, model + 1 + MAX_EXPONENT + exponent);
            else
                inr_encode_bit(e, bit, EVEN);
        }
    }
}

INR_EXPORT void inr_decode_integers(inr_decoder *d, int32_t *values, int64_t count,
                                    uint16_t *model)
{
    for (int64_t i = 0; i < count; i++) {
        values[i] = 0;
        if (!inr_decode_adaptive(d, model))
            continue;
        int negative = inr_decode_bit(d, EVEN), exponent = 0;
        while (exponent < MAX_EXPONENT && inr_decode_adaptive(d, model + 1 + exponent))
            exponent++;
        int32_t m = 1;
        for (int b = exponent - 1; b >= 0; b--) {
            if (b == exponent - 1)
                m = 2 * m + inr_decode_adaptive(d, model + 1 + MAX_EXPONENT + exponent);
            else
                m = 2 * m + inr_decode_bit(d, EVEN);
        }
        values[i] = negative ? -m : m;
    }
}
