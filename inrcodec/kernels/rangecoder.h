/* The binary range coder of coding/plain_rangecoder.py, bit for bit: 56-bit state, 16-bit
   probabilities of a 1 in 1 .. 65535. To be included by whatever codes bits within its own loop.

   Both states are plain structs, kept by the caller between calls (ctypes: kernels.EncoderState and
   DecoderState), so that one stream goes on over many calls, and several streams run side by side. */
#ifndef INR_RANGECODER_H
#define INR_RANGECODER_H

#include <stdint.h>

#define INR_TOP ((UINT64_C(1) << 56) - 1)
#define INR_BOTTOM (UINT64_C(1) << 48)
#define INR_NO_BYTE UINT64_C(256)
#define INR_ADAPTATION 4 /* an adaptive probability moves 1/16 of the way to each bit it sees */

typedef struct {
    uint64_t low, range;
    uint64_t pending; /* the byte that a carry may yet change, or INR_NO_BYTE */
    uint64_t held;    /* bytes of 0xFF behind it */
    uint8_t *out;
    uint64_t capacity, written; /* bytes; written never exceeds capacity */
    uint64_t overflow;          /* 1 once a byte found no room: the stream is lost */
} inr_encoder;

typedef struct {
    uint64_t code, range;
    const uint8_t *data; /* zeros follow its end */
    uint64_t size, position;
} inr_decoder;

static inline void inr_start_encoder(inr_encoder *e, uint8_t *out, uint64_t capacity)
{
    e->low = 0;
    e->range = INR_TOP;
    e->pending = INR_NO_BYTE;
    e->held = 0;
    e->out = out;
    e->capacity = capacity;
    e->written = 0;
    e->overflow = 0;
}

static inline void inr_put(inr_encoder *e, uint64_t byte)
{
    if (e->written < e->capacity)
        e->out[e->written++] = (uint8_t)byte;
    else
        e->overflow = 1;
}

/* Moves the top byte of low out, holding back a byte and 0xFFs that a carry may yet change. */
static inline void inr_shift(inr_encoder *e)
{
    uint64_t low = e->low;
    if (low < (UINT64_C(255) << 48) || low > INR_TOP) {
        uint64_t carry = low >> 56;
        if (e->pending != INR_NO_BYTE)
            inr_put(e, e->pending + carry);
        for (; e->held > 0; e->held--)
            inr_put(e, 0xFF + carry);
        e->pending = (low >> 48) & 0xFF;
    } else {
        e->held++;
    }
    e->low = (low << 8) & INR_TOP;
}

/* p: P(1) * 65536. Two shifts restore the range of any legal p, and no p loops for ever. */
static inline void inr_encode_bit(inr_encoder *e, int bit, uint32_t p)
{
    uint64_t bound = (e->range >> 16) * p;
    if (bit) {
        e->range = bound;
    } else {
        e->low += bound;
        e->range -= bound;
    }
    if (e->range < INR_BOTTOM) {
        e->range <<= 8;
        inr_shift(e);
        if (e->range < INR_BOTTOM) {
            e->range <<= 8;
            inr_shift(e);
        }
    }
}

/* Ends the stream on the number in [low, low + range) with the most trailing zeros. */
static inline void inr_finish_encoder(inr_encoder *e)
{
    uint64_t last = e->low + e->range - 1, keep = 57;
    do {
        keep--;
    } while ((last >> keep << keep) < e->low);
    e->low = last >> keep << keep;
    for (int i = 0; i < 8; i++)
        inr_shift(e);
}

static inline uint64_t inr_next_byte(inr_decoder *d)
{
    uint64_t at = d->position++;
    return at < d->size ? d->data[at] : 0;
}

static inline void inr_start_decoder(inr_decoder *d, const uint8_t *data, uint64_t size)
{
    d->code = 0;
    d->range = INR_TOP;
    d->data = data;
    d->size = size;
    d->position = 0;
    for (int i = 0; i < 7; i++)
        d->code = d->code << 8 | inr_next_byte(d);
}

static inline int inr_decode_bit(inr_decoder *d, uint32_t p)
{
    uint64_t bound = (d->range >> 16) * p;
    int bit = d->code < bound;
    if (bit) {
        d->range = bound;
    } else {
        d->code -= bound;
        d->range -= bound;
    }
    if (d->range < INR_BOTTOM) {
        d->range <<= 8;
        d->code = d->code << 8 | inr_next_byte(d);
        if (d->range < INR_BOTTOM) {
            d->range <<= 8;
            d->code = d->code << 8 | inr_next_byte(d);
        }
    }
    return bit;
}

/* What an adaptive probability becomes; from 32768 on it stays in 15 .. 65521. */
static inline uint16_t inr_adapt(uint16_t p, int bit)
{
    return (uint16_t)(bit ? p + ((65536 - p) >> INR_ADAPTATION) : p - (p >> INR_ADAPTATION));
}

static inline void inr_encode_adaptive(inr_encoder *e, int bit, uint16_t *p)
{
    inr_encode_bit(e, bit, *p);
    *p = inr_adapt(*p, bit);
}

static inline int inr_decode_adaptive(inr_decoder *d, uint16_t *p)
{
    int bit = inr_decode_bit(d, *p);
    *p = inr_adapt(*p, bit);
    return bit;
}

#endif
