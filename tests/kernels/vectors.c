/* Runs the kernels on numbers that it makes up itself and prints a hash of what each gives: the same
   on every machine. test_vectors.py builds it for several and compares. */
#define INR_ISA plain /* for the names in context.h that are not called here */
#include "context.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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
int64_t inr_pack_lzw(const uint8_t *, int64_t, uint8_t *, int64_t, int64_t, int64_t, int64_t);
int64_t inr_pack_bits(const uint8_t *, int64_t, uint8_t *, int64_t, int64_t);
int64_t inr_deflate(const uint8_t *, int64_t, uint8_t *, int64_t, uint32_t *, const uint32_t *,
                    int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
int inr_has_isa(const char *);

/* Each instruction set's own. */
#define BAND_FUNCTIONS(isa)                                                                          \
    int inr_code_band_##isa(const inr_band *);                                                       \
    int inr_band_inputs_##isa(const inr_band *, int32_t *, int16_t *);
#if defined(__x86_64__)
BAND_FUNCTIONS(plain)
BAND_FUNCTIONS(avx2)
BAND_FUNCTIONS(avx512)
#elif defined(__aarch64__)
BAND_FUNCTIONS(neon)
#else
BAND_FUNCTIONS(plain)
#endif
#define BAND_OF(isa) {#isa, inr_code_band_##isa, inr_band_inputs_##isa}
static const struct {
    const char *name;
    int (*code)(const inr_band *);
    int (*inputs)(const inr_band *, int32_t *, int16_t *);
} isas[] = {
#if defined(__x86_64__)
    BAND_OF(plain), BAND_OF(avx2), BAND_OF(avx512),
#elif defined(__aarch64__)
    BAND_OF(neon),
#else
    BAND_OF(plain),
#endif
};

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

static uint64_t hash_of(const void *data, uint64_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (uint64_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(1099511628211);
    return hash;
}

static void tell(const char *name, const void *data, uint64_t size)
{
    printf("%s %" PRIu64 " bytes %016" PRIx64 "\n", name, size, hash_of(data, size));
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

/* A band of a grid of ROWS x COLS points. */
#define ROWS 31
#define COLS 75
#define STRIDE (COLS + 2 * PAD + BLOCK)
#define PHASE ((ROWS + 2 * PAD) * STRIDE)
#define KNOWN 3000
#define PREFIXES 13 /* bits */
#define WIDEST 23

typedef struct {
    int32_t weights[4][WIDEST * MAX_INPUTS / 2], biases[4][WIDEST], shifts[4][WIDEST];
    inr_network network;
} fixed;

static inr_tables tables;
static fixed trunk, plane;
static uint16_t lattices[1 + MAX_SEEN][4 * PHASE], truth[ROWS * COLS];
static uint64_t keys[1 + MAX_REFERENCES][KNOWN];
static int32_t counts[1 + MAX_REFERENCES][(1 << 16) + 1];
static uint16_t values[1 + MAX_REFERENCES][KNOWN];
static int16_t told_inputs[ROWS * COLS * MAX_INPUTS];
static int32_t told_base[ROWS * COLS];
static uint16_t told_probabilities[16 * ROWS * COLS];
static uint8_t told_bits[16 * ROWS * COLS];

/* Tables that only have the shape of the codec's. */
static void make_tables(void)
{
    for (int i = 0; i < 1024; i++) {
        tables.power[i] = (1 << 23) - i * 4096;
        tables.log2[i] = i;
    }
    uint32_t below = 0;
    for (int i = 0; i < 2049; i++) {
        const int x = i - 1023, size = x < 0 ? -x : x;
        const int32_t next_value = (1 << 18) + (1 << 18) / (size + 128) * x;
        below = i ? below : (uint32_t)((1 << 18) - (1 << 18) / 1152 * 1024);
        tables.logistic[i] = below << 12 | (i < 2048 ? (uint32_t)next_value - below : 0);
        below = (uint32_t)next_value;
    }
}

static inr_layer fixed_layer(fixed *f, int at, int64_t outputs, int64_t inputs, int shift)
{
    const int64_t pairs = (inputs + 1) / 2;
    for (int64_t o = 0; o < outputs; o++) {
        for (int64_t i = 0; i < pairs; i++) {
            const int32_t a = (int32_t)next(401) - 200, b = (int32_t)next(401) - 200;
            f->weights[at][o * pairs + i] = inr_pair(a, 2 * i + 1 < inputs ? b : 0);
        }
        f->biases[at][o] = (int32_t)next(200001) - 100000;
        f->shifts[at][o] = shift + (int32_t)next(3);
    }
    const inr_layer made = {f->weights[at], f->biases[at], f->shifts[at], outputs, pairs};
    return made;
}

static void fixed_network(fixed *f, int64_t inputs, int64_t width, int64_t outputs, int64_t bypassed)
{
    f->network.first = fixed_layer(f, 0, width, inputs, 9);
    f->network.second = fixed_layer(f, 1, width, width, 8);
    f->network.last = fixed_layer(f, 2, outputs, width, 8);
    f->network.bypass = fixed_layer(f, 3, 1, inputs, 8);
    f->biases[3][0] = 0;
    f->network.inputs = inputs;
    f->network.bypassed = bypassed;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The colours of a source in one of the three forms. */
static inr_colours fixed_colours(int64_t kind, int source, int planes, int bits)
{
    for (int i = 0; i < KNOWN; i++) {
        const uint64_t own = next(1u << planes), prefix = next(next(3) ? 6 : 1u << bits);
        keys[source][i] = own | (bits ? prefix & ((1u << bits) - 1) : 0) << planes;
    }
    qsort(keys[source], KNOWN, sizeof keys[source][0], compare);
    /* of INR_TABLE a count for each key, else for each prefix */
    const int down = kind == INR_TABLE ? 0 : planes;
    const int64_t ends = INT64_C(1) << (kind == INR_TABLE ? planes + bits : bits);
    for (int64_t k = 0, i = 0; k <= ends && kind != INR_KEYS; k++) {
        while (i < KNOWN && (keys[source][i] >> down) < (uint64_t)k)
            i++;
        counts[source][k] = (int32_t)i;
    }
    for (int i = 0; i < KNOWN; i++)
        values[source][i] = (uint16_t)(keys[source][i] & ((UINT64_C(1) << planes) - 1));
    const inr_colours made = {kind, KNOWN, counts[source], values[source], keys[source]};
    return made;
}

/* Codes a band and decodes it again, on each instruction set; the first one's results are told. */
static void code_bands(int references, int frames, int step_a, int planes, int exponent, const int64_t *kinds)
{
    const int bits[MAX_REFERENCES] = {7, PREFIXES - 7};
    inr_colours colours[1 + MAX_REFERENCES];
    for (int n = 0, prefix = 0; n <= references; n++) {
        colours[n] = fixed_colours(kinds[n], n, planes, prefix);
        prefix += n < references ? bits[n] : 0;
        const uint32_t most = 1u << (n ? bits[n - 1] : planes);
        for (int i = 0; i < 4 * PHASE; i++)
            lattices[n][i] = (uint16_t)(next(8) ? most / 2 + next(most) / 8 : next(most));
    }
    const uint32_t top = 1u << planes;
    for (int n = 0; n < frames; n++)
        for (int i = 0; i < 4 * PHASE; i++)
            lattices[1 + references + n][i] = (uint16_t)(next(8) ? top / 2 + next(top) / 8 : next(1u << 16));
    for (int i = 0; i < ROWS * COLS; i++)
        truth[i] = (uint16_t)(next(8) ? top / 2 + next(top) / 8 : next(top));
    const int64_t row = 1, col = step_a ? 1 : 0, phase = 2 * row + col;
    const int inputs = (references ? 42 + 25 * references : 40) + 14 * frames;
    fixed_network(&trunk, inputs, WIDEST, 9, 3);
    fixed_network(&plane, 4 + 2 * references, 9, 1, 1);
    inr_band b = {
        .row = row, .col = col, .cols = COLS, .first = 2, .last = ROWS - 3, .level = 1,
        .height = 4 * ROWS, .width = 4 * COLS, .planes = planes, .exponent = exponent,
        .own_base = planes == 12, .references = references, .frames = frames, .reference_bits = {bits[0], bits[1]},
        .own = lattices[0], .seen = {lattices[1], lattices[2], lattices[3], lattices[4]}, .phase_stride = PHASE,
        .row_stride = STRIDE, .trunk = &trunk.network, .plane = &plane.network, .colours = colours,
        .tables = &tables, .probabilities = told_probabilities, .bits = told_bits,
    };
    uint64_t first[4] = {0};
    for (size_t n = 0; n < sizeof isas / sizeof isas[0]; n++) {
        inr_encoder e;
        inr_decoder d;
        uint64_t found[4];
        if (!inr_has_isa(isas[n].name))
            continue;
        memset(lattices[0] + phase * PHASE, 0, PHASE * sizeof lattices[0][0]);
        isas[n].inputs(&b, told_base, told_inputs);
        const uint64_t points = (uint64_t)((b.last - b.first) * COLS);
        found[0] = hash_of(told_inputs, points * (uint64_t)inputs * sizeof told_inputs[0]) ^
                   hash_of(told_base, points * sizeof told_base[0]);
        inr_start_encoder(&e, out, ROOM);
        b.truth = truth;
        b.encoder = &e;
        b.decoder = NULL;
        int failed = isas[n].code(&b);
        inr_finish_encoder(&e);
        found[1] = hash_of(out, e.written);
        const uint64_t coded = points * (uint64_t)planes;
        found[2] = hash_of(told_probabilities, coded * sizeof told_probabilities[0]) ^
                   hash_of(told_bits, coded);
        found[3] = hash_of(lattices[0], sizeof lattices[0]);
        memset(lattices[0] + phase * PHASE, 0, PHASE * sizeof lattices[0][0]);
        inr_start_decoder(&d, out, e.written);
        b.truth = NULL;
        b.encoder = NULL;
        b.decoder = &d;
        failed |= isas[n].code(&b);
        if (failed || e.overflow || found[3] != hash_of(lattices[0], sizeof lattices[0]))
            printf("code_band: %s does not decode what it codes\n", isas[n].name);
        if (!first[1]) {
            memcpy(first, found, sizeof first);
            printf("code_band %d references, %d frames, %" PRIu64 " bytes: %016" PRIx64 " %016" PRIx64
                   " %016" PRIx64 " %016" PRIx64 "\n",
                   references, frames, e.written, found[0], found[1], found[2], found[3]);
        } else if (memcmp(first, found, sizeof first)) {
            printf("code_band: %s differs\n", isas[n].name);
        }
    }
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

    for (int i = 0; i < 9; i++) {
        static uint32_t scratch[1 << 17];
        for (int j = 0; j < COUNT; j++)
            bits[j] = j % 700 < 300 && j >= 4000 ? bits[j - 4000 + i] : (uint8_t)next(3 << (i % 7));
        tell("pack_lzw", out,
             (uint64_t)inr_pack_lzw(bits, COUNT, out, ROOM, 4093 + i % 4, i & 1, i % 4));
        tell("pack_bits", out, (uint64_t)inr_pack_bits(bits, COUNT, out, i & 1, 200 + i));
        for (int strategy = 0; strategy < 5; strategy++)
            tell("deflate", out,
                 (uint64_t)inr_deflate(bits, COUNT, out, ROOM, scratch, 0, 0, i + 1, 15 - i % 7,
                                       i + 1, strategy, 4096));
    }

    make_tables();
    for (int exponent = 0; exponent <= 8; exponent += 4)
        for (int step_a = 0; step_a <= 1; step_a++) {
            code_bands(0, 0, step_a, 8, exponent, (const int64_t[]){INR_TABLE});
            code_bands(0, 2, step_a, 8, exponent, (const int64_t[]){INR_TABLE});
            code_bands(1, 0, step_a, 8, exponent, (const int64_t[]){INR_TABLE, INR_TABLE});
            code_bands(1, 0, step_a, 12, exponent, (const int64_t[]){INR_TABLE, INR_RUNS});
            code_bands(2, 1, step_a, 9, exponent, (const int64_t[]){INR_TABLE, INR_TABLE, INR_RUNS});
            code_bands(2, 2, step_a, 16, exponent, (const int64_t[]){INR_RUNS, INR_RUNS, INR_KEYS});
        }
    return 0;
}
