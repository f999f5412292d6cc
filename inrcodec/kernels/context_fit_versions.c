/* Shifts of the biases for each version of an image that a prior is trained on: the weights learn what
   all have in common, and how they differ (shift modulations; Dupont et al. 2022, "From data to functa",
   section 3). */
#include "context_fit.h"

#include <stddef.h>

void INR_NAME(inr_fit_shift)(const inr_fit *f, const int32_t *order, int64_t points, int64_t at,
                             int64_t width, float *rows)
{
    const inr_fit_versions *v = f->versions;
    if (!v)
        return;
    for (int64_t p = 0; p < points; p++, rows += width) {
        const float *shifts = v->shifts + (int64_t)v->of[order[p]] * FIT_SHIFTS + at;
        for (int64_t i = 0; i < width; i++)
            rows[i] += shifts[i];
    }
}

void INR_NAME(inr_fit_shift_slopes)(const inr_fit *f, const int32_t *order, int64_t points, int64_t at,
                                    int64_t width, const float *rows)
{
    const inr_fit_versions *v = f->versions;
    if (!v)
        return;
    for (int64_t p = 0; p < points; p++, rows += width) {
        const int64_t version = v->of[order[p]];
        float *slopes = v->slopes + version * FIT_SHIFTS + at;
        v->seen[version] = 1;
        for (int64_t i = 0; i < width; i++)
            slopes[i] += rows[i];
    }
}

void INR_NAME(inr_fit_learn_versions)(const inr_fit *f, inr_fit_adam adam)
{
    const inr_fit_versions *v = f->versions;
    if (!v)
        return;
    adam.by *= v->rate;
    for (int64_t n = 0; n < v->count; n++) {
        if (!v->seen[n])
            continue; /* moments stay as they are until the version is seen again */
        v->seen[n] = 0;
        float *shifts = v->shifts + n * FIT_SHIFTS, *slopes = v->slopes + n * FIT_SHIFTS;
        /* a version's share of a batch is one in `count`: so its own mean bits stand against its cost */
        for (int64_t i = 0; i < FIT_SHIFTS; i++)
            slopes[i] = slopes[i] * (float)v->count + 2 * v->penalty * shifts[i];
        INR_NAME(inr_fit_learn)(adam, shifts, v->first + n * FIT_SHIFTS, v->second + n * FIT_SHIFTS,
                                slopes, FIT_SHIFTS);
        for (int64_t i = 0; i < FIT_SHIFTS; i++)
            slopes[i] = 0;
    }
}
