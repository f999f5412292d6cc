/* Runs the kernels on numbers that it makes up itself and prints a hash of what each gives: the same
   on every machine. test_vectors.py builds it for several and compares. */
#include "rangecoder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT 20000
#define WIDTH 100
#define HEIGHT (COUNT / WIDTH)
#define ROOM (COUNT * 90)
#define MODEL 1024

void inr_encode_bits(inr_encoder *, const uint16_t *, uint8_t *, int64_t);
void inr_decode_bits(inr_decoder *, const uint16_t *, uint8_t *, int64_t);
int inr_encode_flags(inr_encoder *, const int64_t *, uint8_t *, int64_t, uint16_t *, int64_t);
int inr_decode_flags(inr_decoder *, const int64_t *, uint8_t *, int64_t, uint16_t *, int64_t);
int inr_encode_plane(inr_encoder *, const int64_t *, uint8_t *, int64_t, int64_t, uint16_t *,
                     int64_t);
int inr_decode_plane(inr_decoder *, const int64_t *, uint8_t *, int64_t, int64_t, uint16_t *,
                     int64_t);
void inr_encode_integers(inr_encoder *, const int32_t *, int64_t, uint16_t *);
void inr_decode_integers(inr_decoder *, int32_t *, int64_t, uint16_t *);
void inr_unfilter_rows(uint8_t *, const uint8_t *, int64_t, int64_t, int64_t);
int64_t inr_expand_lzw(const uint8_t *, int64_t, uint8_t *, int64_t);

static uint64_t seed = 1;
static uint8_t out[ROOM], bits[COUNT];
static uint16_t probabilities[COUNT], model[MODEL];
static int64_t contexts[COUNT];
static int32_t integers[COUNT];

static uint32_t next(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1;
    return (uint32_t)(seed >> 33) % below;
}

static void fresh(uint32_t around)
{
    for (int i = 0; i < COUNT; i++) {
        probabilities[i] = (uint16_t)(1 + next(65535));
        bits[i] = next(65536) < probabilities[i];
        contexts[i] = next(around);
        integers[i] = (int32_t)(next(1u << (1 + next(21)))) * (next(2) ? 1 : -1);
    }
    for (int i = 0; i < MODEL; i++)
        model[i] = 32768;
}

static void tell(const char *name, const void *data, uint64_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (uint64_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(1099511628211);
    printf("%s %" PRIu64 " bytes %016" PRIx64 "\n", name, size, hash);
}

static void finish(const char *name, inr_encoder *e)
{
    inr_finish_encoder(e);
    tell(name, out, e->written);
    if (e->overflow)
        puts("no room");
}

/* Fills out with codes of LZW, each of them there already, and a clear code now and then. */
static int64_t lzw_codes(int count)
{
    int width = 9;
    uint32_t following = 257;
    uint64_t at = 0;
    for (int i = 0; i < count; i++) {
        int clear = i % 5000 == 0;
        uint32_t code = clear ? 256 : next(i % 3 ? 256 : following);
        code = code == 257 || (code == 256 && !clear) ? 0 : code;
        for (int b = width - 1; b >= 0; b--, at++)
            out[at >> 3] = (uint8_t)(out[at >> 3] | (code >> b & 1) << (7 - (at & 7)));
        following = clear ? 257 : following < 4096 ? following + 1 : 4096;
        if (clear)
            width = 9;
        else if (following >= (1u << width) - 1 && width < 12)
            width++;
    }
    return (int64_t)(at >> 3);
}

int main(void)
{
    inr_encoder e;
    inr_decoder d;

    fresh(MODEL);
    inr_start_encoder(&e, out, ROOM);
    inr_encode_bits(&e, probabilities, bits, COUNT);
    finish("encode_bits", &e);
    inr_start_decoder(&d, out, e.written / 2);
    inr_decode_bits(&d, probabilities, bits, COUNT);
    tell("decode_bits", bits, COUNT);

    fresh(MODEL);
    inr_start_encoder(&e, out, ROOM);
    inr_encode_flags(&e, contexts, bits, COUNT, model, MODEL);
    finish("encode_flags", &e);
    inr_start_decoder(&d, out, e.written / 2);
    inr_decode_flags(&d, contexts, bits, COUNT, model, MODEL);
    tell("decode_flags", bits, COUNT);
    tell("its model", model, sizeof model);

    fresh(MODEL >> 6);
    inr_start_encoder(&e, out, ROOM);
    inr_encode_plane(&e, contexts, bits, HEIGHT, WIDTH, model, MODEL);
    finish("encode_plane", &e);
    inr_start_decoder(&d, out, e.written / 2);
    inr_decode_plane(&d, contexts, bits, HEIGHT, WIDTH, model, MODEL);
    tell("decode_plane", bits, COUNT);

    fresh(1);
    inr_start_encoder(&e, out, ROOM);
    inr_encode_integers(&e, integers, COUNT, model);
    finish("encode_integers", &e);
    inr_start_decoder(&d, out, e.written / 2);
    inr_decode_integers(&d, integers, COUNT, model);
    tell("decode_integers", integers, sizeof integers);

    for (int step = 1; step <= 8; step++) {
        uint8_t kinds[HEIGHT];
        for (int i = 0; i < HEIGHT; i++)
            kinds[i] = (uint8_t)next(5);
        for (int i = 0; i < COUNT; i++)
            bits[i] = (uint8_t)next(256);
        inr_unfilter_rows(bits, kinds, HEIGHT, WIDTH, step);
        tell("unfilter_rows", bits, COUNT);
    }

    for (int i = 0; i < 5; i++) {
        memset(out, 0, ROOM);
        int64_t size = lzw_codes(1000 << i);
        tell("expand_lzw", bits, (uint64_t)inr_expand_lzw(out, size, bits, COUNT));
    }
    return 0;
}
