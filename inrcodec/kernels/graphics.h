/* graphics/: coding of a picture whose colours repeat, pixel by pixel in raster order. What each
   part does is said in graphics/plain.py, its definition. */
#ifndef INR_GRAPHICS_H
#define INR_GRAPHICS_H

#include "export.h"
#include "rangecoder.h"

#define PAD 8 /* columns beside each row, and MARGIN rows above */
#define MARGIN 3
#define MAX_CHANNELS 4
#define MAX_PIXEL 20  /* contexts of a pixel's colour */
#define MAX_HASHED 26 /* and of its samples' bits */
#define MAX_PREDICTED 32
#define MAX_VOTES 3
#define PATTERNS 8
#define MATCHES 2
#define LANES 16 /* inputs of a mixer are in whole lanes of these */
#define MAX_INPUTS 96
#define SETS 3
#define FARTHEST 321 /* from where on a prediction's difference counts as one */
#define MEMBERS 6    /* colours of a context */
#define STATES 90    /* of a colour in a context */
#define MOST 4095    /* of a logit, in 1/256 octave */
#define EXPECTED 5
#define EXPECTED_SETS 36
#define BLOCK 32
#define NOTHING UINT32_MAX
#if defined(__GNUC__)
#define FETCH(p) __builtin_prefetch(p, 1)
#else
#define FETCH(p) (void)(p)
#endif

typedef struct {
    int64_t height, width, channels, bits;                    /* bits: of each sample, 1 .. 16 */
    int64_t contexts, hashed, predicted, votes, sure, blocks; /* of the level */
    int64_t boxes;                       /* pixels that are known are in so many of them: */
    const int64_t *box;                  /* (boxes, 4): top, left, height, width, disjoint */
    uint64_t secret[3];                                       /* any numbers */
    uint16_t *samples;                                        /* (height, width, channels) */
    const int16_t *stretch;                                   /* (4096,) */
    const uint16_t *squash;                                   /* (8192,) */
    const uint32_t *states, *histories; /* fresh adaptive probabilities, STATES and 256 */
    const int32_t *pixel_weights, *sample_weights, *expected_weights; /* of inputs, at first */
    inr_encoder *encoder;               /* one of them is NULL */
    inr_decoder *decoder;
} inr_graphics;

typedef struct {
    uint32_t colour[MEMBERS];
    uint8_t count[MEMBERS]; /* the largest first; 0: none */
    uint16_t check;         /* 0: nothing is here */
} inr_bucket;

/* What a context knows of up to four bits of a sample, by the bits before them: 16 bits of a
   probability, less 1/2, and 4 of how many zeros and ones there were; first a check. */
typedef struct {
    uint32_t slot[16];
} inr_line;

/* Logistic mixing by three sets of weights, and of the three by a fourth. */
typedef struct {
    const int64_t *sets; /* how many, SETS times */
    int64_t inputs, lanes;
    int32_t *weights[SETS], *last;
    uint16_t *seen[SETS], *last_seen; /* how often each set was taught */
} inr_mixer;

typedef struct {
    int64_t set[SETS], last_set;
    int32_t z[LANES], p[SETS], mixed, p_mixed;
} inr_mixing;

typedef struct {
    const inr_graphics *job;
    const int16_t *stretch;
    const uint16_t *squash;
    int64_t stride, bits, channels;
    int32_t greatest;
    /* colours: their numbers by pixel, their samples by number, and where to find a number */
    uint32_t *pixels, *finder, colours;
    uint16_t (*values)[MAX_CHANNELS];
    uint32_t finder_mask;
    void *memory; /* of all tables that do not grow */
    uint8_t *rises; /* by column, how many pixels of one colour there are from the row above on */
    uint8_t *known; /* of a row's pixels, with BLOCK behind the last; NULL: none is */
    uint8_t *misses; /* of the pixels of two rows: 0 the likeliest colour, 1 another, 2 none */
    /* of a pixel's colour */
    inr_bucket *buckets;
    uint32_t bucket_mask, pattern_mask;
    int16_t scores[STATES];
    uint32_t states[MAX_PIXEL][STATES], match_states[MATCHES][128], agreement[81];
    uint32_t *patterns[PATTERNS];
    inr_mixer pixel;
    uint16_t *pixel_maps[2];
    /* of its samples */
    inr_line *lines;
    uint32_t line_mask;
    uint32_t histories[MAX_CHANNELS][MAX_HASHED][256];
    uint32_t nearness[MAX_CHANNELS][MAX_PREDICTED][16][64];
    uint32_t vote_states[MAX_CHANNELS][MAX_VOTES][16][16];
    uint8_t near_steps[2 * FARTHEST + 1], next_history[2][256];
    int32_t slot_rates[256];
    uint32_t rates[256]; /* inr_rates */
    inr_mixer sample;
    uint16_t *sample_maps[2];
    /* of flat areas */
    uint32_t flat[EXPECTED][4096], block[EXPECTED][4096], sure[EXPECTED][4096];
    int32_t expected_weights[EXPECTED_SETS][LANES];
    uint16_t expected_seen[EXPECTED_SETS];
    uint32_t *ahead[2]; /* pixels of one colour from a column on, in the rows above */
    uint32_t last_coded, flat_colour, flat_before;
} inr_model;

/* Where the picture was like this before: of each size of surroundings, the place that is followed.
 */
typedef struct {
    uint32_t *places, mask;      /* of surroundings, by their hash */
    uint32_t *distances;         /* by column: from the row above, 0: none */
    uint32_t place, length, key; /* 0: none is followed */
} inr_match;

/* What is known of a pixel before it is coded. */
typedef struct {
    int64_t at, x; /* in pixels, and its column */
    uint32_t w, ww, www, n, nn, nnn, nw, ne, nww, nee, nwww, neee, nnw, nne, nnww, nnee;
    uint32_t matched[MATCHES], length[MATCHES]; /* NOTHING without a match */
    int32_t run, rise;                          /* pixels of one colour to the west, to the north */
    int32_t missed;                             /* of the pixels around, what misses says */
    uint32_t refused[2], refusals;              /* colours that it is known not to have */
    uint32_t votes[MAX_VOTES], voters;          /* likely colours that were not asked for */
    uint32_t vote_scores[MAX_VOTES];
} inr_pixel;

static inline uint32_t inr_hash(uint32_t h, uint32_t v)
{
    h = (h ^ v) * UINT32_C(0x9E3779B1);
    return h ^ h >> 15;
}

/* floor(log2 v) of 1 or more. */
static inline uint32_t inr_octave(uint32_t v)
{
#if defined(__GNUC__)
    return 31u - (uint32_t)__builtin_clz(v);
#else
    uint32_t e = 0;
    while (v >>= 1)
        e++;
    return e;
#endif
}

/* Values below 4 as they are, then two steps an octave. */
static inline int32_t inr_steps(uint32_t v)
{
    const uint32_t e = inr_octave(v | 1);
    return (int32_t)(v < 4 ? v : 2 * e + (v >> (e - 1) & 1));
}

/* An adaptive probability: 22 bits of it, 10 of how often it was taught. */
static inline int32_t inr_logit(const inr_model *m, uint32_t adaptive)
{
    return m->stretch[adaptive >> 20];
}

extern const uint16_t INR_NAME(inr_rates)[1024];

static inline void inr_teach(uint32_t *adaptive, int bit, uint32_t most)
{
    const uint32_t v = *adaptive, n = v & 1023;
    int32_t p = (int32_t)(v >> 10);
    p += (int32_t)(((int64_t)((bit ? 4194303 : 0) - p) * INR_NAME(inr_rates)[n]) >> 16);
    *adaptive = (uint32_t)p << 10 | (n < most ? n + 1 : n);
}

/* The same for many, up to 255, where rates has those of uint32_t: in vectors if there are any. */
static inline void inr_teach_all(uint32_t *restrict all, int64_t many, const uint32_t *rates,
                                 int bit)
{
    const int32_t wanted = bit ? 4194303 : 0;
    for (int64_t i = 0; i < many; i++) {
        const uint32_t v = all[i], n = v & 255, rate = rates[n];
        const int32_t p = (int32_t)(v >> 10), d = wanted - p;
        const int32_t moved = (d >> 16) * (int32_t)rate + (int32_t)(((uint32_t)d & 65535) * rate >> 16);
        all[i] = (uint32_t)(p + moved) << 10 | (n + (n < 255));
    }
}

static inline int inr_graphics_bit(const inr_graphics *g, int bit, uint32_t p)
{
    if (g->decoder)
        return inr_decode_bit(g->decoder, p);
    inr_encode_bit(g->encoder, bit, p);
    return bit;
}

int32_t INR_NAME(inr_dot)(const int32_t *restrict weights, const int32_t *restrict inputs,
                          int64_t lanes);
void INR_NAME(inr_learn)(int32_t *restrict weights, const int32_t *restrict inputs, int64_t lanes,
                         int32_t error, int32_t rate, uint16_t *seen);
void INR_NAME(inr_mix)(const inr_model *m, const inr_mixer *mixer, const int32_t *inputs,
                       inr_mixing *mixing);
void INR_NAME(inr_mix_learn)(const inr_mixer *mixer, const int32_t *inputs, inr_mixing *mixing,
                             int bit, int32_t rate);

int INR_NAME(inr_open_model)(inr_model *m, inr_match *matches);
void INR_NAME(inr_close_model)(inr_model *m);
/* Adds up what those weights have become, of each input in all sets, as often as a set was taught,
   up to `most`; behind the inputs, how often that is. */
void INR_NAME(inr_sum_weights)(const inr_model *m, int64_t most, int64_t *pixel, int64_t *sample,
                               int64_t *expected);
/* The number of a colour, a new one if it is new; NOTHING without memory. */
uint32_t INR_NAME(inr_colour_number)(inr_model *m, const uint16_t *samples);

void INR_NAME(inr_match_keys)(const inr_model *m, const inr_pixel *p, inr_match *matches);
void INR_NAME(inr_look_for_match)(const inr_model *m, const inr_pixel *p, inr_match *a);
void INR_NAME(inr_match_follow)(const inr_model *m, const inr_pixel *p, inr_match *a,
                                uint32_t colour);
void INR_NAME(inr_match_leap)(const inr_pixel *p, inr_match *a);
void INR_NAME(inr_match_end)(const inr_pixel *p, inr_match *a);

int INR_NAME(inr_flat_goes_on)(inr_model *m, const inr_pixel *p, int wanted);
int INR_NAME(inr_block_goes_on)(inr_model *m, const inr_pixel *p, int wanted);
int INR_NAME(inr_match_goes_on)(inr_model *m, const inr_pixel *p, int wanted);

/* The colour of a pixel, or NOTHING if it is none of the likely ones; wanted: known to an encoder.
 */
uint32_t INR_NAME(inr_likely)(inr_model *m, inr_pixel *p, uint32_t wanted, inr_bucket **found);
void INR_NAME(inr_count)(const inr_model *m, inr_bucket **found, uint32_t colour);
/* Its samples, one bit after the other. */
void INR_NAME(inr_code_samples)(inr_model *m, const inr_pixel *p, uint16_t *samples);

/* An adaptive map of a logit in a context: p between two of 33 entries. */
static inline uint32_t inr_refined(const uint16_t *map, uint32_t context, int32_t z, uint32_t *at)
{
    const uint32_t s = (uint32_t)(z + 4096), low = s >> 8, part = s & 255;
    const uint16_t *entry = map + 33 * context + low;
    *at = 33 * context + low + (part >> 7);
    return (entry[0] * (256 - part) + entry[1] * part) >> 8;
}

static inline void inr_refine(uint16_t *map, uint32_t at, int bit, int slowness)
{
    map[at] = (uint16_t)(map[at] + (((bit ? 65535 : 0) - map[at]) >> slowness));
}

static inline uint32_t inr_legal(uint32_t p)
{
    return p < 1 ? 1 : p > 65535 ? 65535 : p;
}

#endif
