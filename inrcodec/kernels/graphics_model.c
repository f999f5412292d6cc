/* What is known of a picture while it is coded, and the numbers of its colours. */
#if defined(__linux__)
#define _DEFAULT_SOURCE /* for madvise */
#endif
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "graphics.h"

#define EVEN (UINT32_C(2097152) << 10)

/* Of no matter for the format: by secret numbers, so that no picture can be made of colours that
   all have one place. */
static uint32_t hash_of(const inr_model *m, const uint16_t *samples)
{
    uint64_t all = 0;
    for (int64_t c = 0; c < m->channels; c++)
        all = all << 16 | samples[c];
    uint64_t h = (all ^ m->job->secret[0]) * (m->job->secret[1] | 1);
    h = (h ^ h >> 32) * (m->job->secret[2] | 1);
    return (uint32_t)(h >> 32);
}

/* The number of a colour, a new one if it is new; NOTHING without memory. */
uint32_t INR_NAME(inr_colour_number)(inr_model *m, const uint16_t *samples)
{
    const size_t bytes = (size_t)m->channels * sizeof *samples;
    uint32_t at = hash_of(m, samples) & m->finder_mask;
    for (; m->finder[at]; at = (at + 1) & m->finder_mask)
        if (memcmp(m->values[m->finder[at] - 1], samples, bytes) == 0)
            return m->finder[at] - 1;
    if (2 * m->colours > m->finder_mask) {
        const size_t room = 2 * ((size_t)m->finder_mask + 1);
        uint32_t *finder = calloc(room, sizeof *finder);
        void *values = realloc(m->values, room * sizeof *m->values);
        if (values)
            m->values = values;
        if (!finder || !values) {
            free(finder);
            return NOTHING;
        }
        free(m->finder);
        m->finder = finder;
        m->finder_mask = (uint32_t)room - 1;
        for (uint32_t i = 0; i < m->colours; i++) {
            at = hash_of(m, m->values[i]) & m->finder_mask;
            while (finder[at])
                at = (at + 1) & m->finder_mask;
            finder[at] = i + 1;
        }
        at = hash_of(m, samples) & m->finder_mask;
        while (finder[at])
            at = (at + 1) & m->finder_mask;
    }
    memset(m->values[m->colours], 0, sizeof *m->values);
    memcpy(m->values[m->colours], samples, bytes);
    m->finder[at] = ++m->colours;
    return m->colours - 1;
}

static uint32_t power_of_two(int64_t least, int lowest, int highest)
{
    int e = lowest;
    while (e < highest && (INT64_C(1) << e) < least)
        e++;
    return UINT32_C(1) << e;
}

/* One piece of memory for all that is of one size from the start, of zeros: each table from a
   cache line on, and in large pages, as most of them are looked at here and there. */
typedef struct {
    char *memory; /* NULL: sizes are added up alone */
    size_t used;
} arena;

#define LINE 64
#define PAGE ((size_t)1 << 21)

static void *take(arena *a, size_t many, size_t bytes)
{
    char *there = a->memory ? a->memory + a->used : NULL;
    a->used += (many * bytes + LINE - 1) / LINE * LINE;
    return there;
}

static int64_t whole_lanes(int64_t inputs)
{
    return (inputs + LANES - 1) / LANES * LANES;
}

static void lay_out_mixer(arena *a, inr_mixer *mixer, int64_t inputs, const int64_t *sets,
                          int64_t last)
{
    mixer->sets = sets;
    mixer->inputs = inputs;
    mixer->lanes = whole_lanes(inputs);
    for (int i = 0; i < SETS; i++) {
        mixer->weights[i] =
            take(a, (size_t)(sets[i] * mixer->lanes), sizeof *mixer->weights[i]);
        mixer->seen[i] = take(a, (size_t)sets[i], sizeof *mixer->seen[i]);
    }
    mixer->last = take(a, (size_t)(last * LANES), sizeof *mixer->last);
    mixer->last_seen = take(a, (size_t)last, sizeof *mixer->last_seen);
}

static const int64_t PIXEL_SETS[SETS] = {512, 1024, 256}, SAMPLE_SETS[SETS] = {64, 1024, 4096};
static const int64_t MAPS[4] = {1024, 16384, 1024, 1024};
#define PIXEL_LAST 8
#define SAMPLE_LAST 64

static void lay_out(arena *a, inr_model *m, inr_match *matches)
{
    const inr_graphics *g = m->job;
    const size_t width = (size_t)g->width;
    lay_out_mixer(a, &m->pixel, g->contexts + PATTERNS + MATCHES + 2, PIXEL_SETS, PIXEL_LAST);
    lay_out_mixer(a, &m->sample, 2 * g->hashed + g->predicted + g->votes + 1, SAMPLE_SETS,
                  SAMPLE_LAST);
    for (int i = 0; i < PATTERNS; i++)
        m->patterns[i] = take(a, (size_t)m->pattern_mask + 1, sizeof *m->patterns[i]);
    for (int i = 0; i < 2; i++) {
        m->pixel_maps[i] = take(a, 33 * (size_t)MAPS[i], sizeof *m->pixel_maps[i]);
        m->sample_maps[i] = take(a, 33 * (size_t)MAPS[2 + i], sizeof *m->sample_maps[i]);
        m->ahead[i] = take(a, width, sizeof *m->ahead[i]);
    }
    for (int i = 0; i < MATCHES; i++) {
        matches[i].distances = take(a, width, sizeof *matches[i].distances);
        matches[i].places = take(a, (size_t)matches[i].mask + 1, sizeof *matches[i].places);
    }
    m->misses = take(a, width, 1);
    m->rises = take(a, width, 1);
    m->known = g->boxes ? take(a, width + BLOCK, 1) : NULL;
    m->lines = take(a, (size_t)m->line_mask + 1, sizeof *m->lines);
    m->buckets = take(a, (size_t)m->bucket_mask + 1, sizeof *m->buckets);
    m->pixels = take(a, (size_t)((g->height + MARGIN) * m->stride), sizeof *m->pixels);
}

static void fill_sets(int32_t *all, int64_t sets, int64_t inputs, const int32_t *weights)
{
    for (int64_t i = 0; i < sets; i++)
        memcpy(all + i * whole_lanes(inputs), weights, (size_t)inputs * sizeof *weights);
}

static void fill_mixer(const inr_mixer *mixer, int64_t last, const int32_t *weights)
{
    for (int64_t i = 0; i < last * LANES; i++)
        mixer->last[i] = 21845;
    for (int i = 0; i < SETS; i++)
        fill_sets(mixer->weights[i], mixer->sets[i], mixer->inputs, weights);
}

static void fill_map(const inr_model *m, uint16_t *map, int64_t contexts)
{
    for (int64_t i = 0; i < contexts * 33; i++) {
        const int64_t z = (i % 33 - 16) * 256;
        map[i] = m->squash[(z < -MOST ? -MOST : z > MOST ? MOST : z) + 4096];
    }
}

/* How far a prediction is from the middle of what a bit divides: 32 steps, each way. */
static uint32_t nearness(int32_t difference)
{
    const uint32_t below = difference < 0, d = (uint32_t)(below ? -difference - 1 : difference);
    uint32_t step = d < 12 ? d : 12 + ((d - 12) >> 1);
    if (d >= 16) {
        const uint32_t e = inr_octave(d);
        step = 4 * e - 2 + (d >> (e - 2) & 3);
    }
    return 2 * (step < 31 ? step : 31) + below;
}

/* What the bits of a line's slot say of the next one, and how fast it learns. */
static void fill_histories(inr_model *m)
{
    for (uint32_t i = 0; i < 256; i++) {
        const uint32_t zeros = i >> 4, ones = i & 15;
        const uint32_t more = zeros < 15 ? zeros + 1 : zeros,
                       fewer = zeros > 2 ? (zeros + 1) / 2 : zeros;
        const uint32_t grown = ones < 15 ? ones + 1 : ones, less = ones > 2 ? (ones + 1) / 2 : ones;
        m->next_history[0][i] = (uint8_t)(more << 4 | less);
        m->next_history[1][i] = (uint8_t)(fewer << 4 | grown);
        m->slot_rates[i] = INR_NAME(inr_rates)[zeros + ones];
        m->rates[i] = INR_NAME(inr_rates)[i];
    }
    for (int32_t d = -FARTHEST; d <= FARTHEST; d++)
        m->near_steps[d + FARTHEST] = (uint8_t)nearness(d);
}

static void fill(uint32_t *all, size_t many, uint32_t value)
{
    for (size_t i = 0; i < many; i++)
        all[i] = value;
}

int INR_NAME(inr_open_model)(inr_model *m, inr_match *matches)
{
    static const uint16_t nothing[MAX_CHANNELS];
    const inr_graphics *g = m->job;
    const int64_t pixels = g->height * g->width;
    arena sizes = {NULL, 0}, all = {NULL, 0};
    m->stride = g->width + 2 * PAD;
    m->bucket_mask = power_of_two(2 * pixels, 10, 20) - 1;
    m->line_mask = power_of_two(pixels, 8, 18) - 1;
    m->pattern_mask = power_of_two(pixels, 10, 16) - 1;
    for (int i = 0; i < MATCHES; i++)
        matches[i].mask = power_of_two(pixels, 10, 20) - 1;
    lay_out(&sizes, m, matches);
    m->memory = calloc(sizes.used + PAGE, 1);
    m->finder_mask = 1023;
    m->finder = calloc(1024, sizeof *m->finder);
    m->values = calloc(1024, sizeof *m->values);
    if (!m->memory || !m->finder || !m->values)
        return 0;
    all.memory = (char *)m->memory + (PAGE - (uintptr_t)m->memory % PAGE);
#if defined(__linux__)
    (void)madvise(all.memory, sizes.used / PAGE * PAGE, MADV_HUGEPAGE);
#endif
    lay_out(&all, m, matches);
    fill_mixer(&m->pixel, PIXEL_LAST, g->pixel_weights);
    fill_mixer(&m->sample, SAMPLE_LAST, g->sample_weights);
    for (int i = 0; i < PATTERNS; i++)
        fill(m->patterns[i], (size_t)m->pattern_mask + 1, EVEN);
    for (int i = 0; i < 2; i++) {
        fill_map(m, m->pixel_maps[i], MAPS[i]);
        fill_map(m, m->sample_maps[i], MAPS[2 + i]);
        for (int64_t x = 0; x < g->width; x++)
            m->ahead[i][x] = (uint32_t)(g->width - x);
    }
    for (int i = 0; i < STATES; i++) {
        const int32_t score = inr_logit(m, g->states[i]) + 1800;
        m->scores[i] = (int16_t)(score > 0 ? score : 0);
    }
    for (int i = 0; i < MAX_PIXEL; i++)
        memcpy(m->states[i], g->states, sizeof m->states[i]);
    fill(m->match_states[0], MATCHES * 128, EVEN);
    fill(m->agreement, 81, EVEN);
    for (int c = 0; c < MAX_CHANNELS; c++)
        for (int i = 0; i < MAX_HASHED; i++)
            memcpy(m->histories[c][i], g->histories, sizeof m->histories[c][i]);
    fill(m->nearness[0][0][0], MAX_CHANNELS * MAX_PREDICTED * 16 * 64, EVEN);
    fill(m->vote_states[0][0][0], MAX_CHANNELS * MAX_VOTES * 16 * 16,
         (UINT32_C(2516581) << 10) | 4);
    fill(m->flat[0], 5 * 4096, (UINT32_C(4190303) << 10) | 2);
    fill(m->block[0], 5 * 4096, (UINT32_C(4100000) << 10) | 2);
    fill(m->sure[0], 5 * 4096, (UINT32_C(4100000) << 10) | 2);
    fill_sets(m->expected_weights[0], EXPECTED_SETS, EXPECTED + 1, g->expected_weights);
    fill_histories(m);
    /* number 0 is what lies above the picture */
    return INR_NAME(inr_colour_number)(m, nothing) == 0;
}

static void sum_sets(const int32_t *all, const uint16_t *seen, int64_t sets, int64_t inputs,
                     int64_t most, int64_t *sums)
{
    for (int64_t i = 0; i < sets; i++) {
        const int32_t *weights = all + i * whole_lanes(inputs);
        const int64_t times = seen[i] < most ? seen[i] : most;
        for (int64_t j = 0; j < inputs; j++)
            sums[j] += times * weights[j];
        sums[inputs] += times;
    }
}

static void sum_mixer(const inr_mixer *mixer, int64_t most, int64_t *sums)
{
    for (int i = 0; i < SETS; i++)
        sum_sets(mixer->weights[i], mixer->seen[i], mixer->sets[i], mixer->inputs, most, sums);
}

void INR_NAME(inr_sum_weights)(const inr_model *m, int64_t most, int64_t *pixel, int64_t *sample,
                               int64_t *expected)
{
    sum_mixer(&m->pixel, most, pixel);
    sum_mixer(&m->sample, most, sample);
    sum_sets(m->expected_weights[0], m->expected_seen, EXPECTED_SETS, EXPECTED + 1, most, expected);
}

void INR_NAME(inr_close_model)(inr_model *m)
{
    free(m->memory);
    free(m->finder);
    free(m->values);
}
