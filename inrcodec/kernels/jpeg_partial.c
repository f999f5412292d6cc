/* jpeg/finder/partial.py: the likeliest ways to round coefficients, of which all are bound to each other. */
#include <stdint.h>
#include <string.h>

#include "export.h"

enum { LIST = 24 };

/* One way to round: what it costs, the coefficients so far, and the means of the others. */
typedef struct {
    double cost;
    double means[64];
    int16_t found[64];
} inr_way;

/* The order in which coefficients are rounded; of each its variance given those before it, and what its
   error moves the means of the others by. covariance (64, 64) is used up. */
static void order_of(double *covariance, const double *steps, double sure, int *order, double *variance,
                     double gains[64][64])
{
    int rounded[64] = {0};
    for (int n = 0; n < 64; n++) {
        int k = -1;
        double least = 0;
        for (int i = 0; i < 64; i++) {
            const double spread = covariance[65 * i] / (steps[i] * steps[i]);
            if (!rounded[i] && (k < 0 || spread < least)) {
                k = i;
                least = spread;
            }
        }
        rounded[k] = 1;
        order[n] = k;
        const double floor = sure * steps[k] * (sure * steps[k]), own = covariance[65 * k];
        variance[n] = own > floor ? own : floor;
        double row[64];
        memcpy(row, covariance + 64 * k, sizeof row);
        for (int i = 0; i < 64; i++)
            gains[n][i] = row[i] / variance[n];
        for (int i = 0; i < 64; i++)
            for (int j = 0; j < 64; j++)
                covariance[64 * i + j] -= row[i] * gains[n][j];
    }
}

/* means: (blocks, 64); found: (blocks, LIST, 64), the likeliest first. */
INR_EXPORT void inr_round_likely(double *covariance, const double *means, const double *steps, double sure,
                                 int64_t blocks, int16_t *found)
{
    static const inr_way nothing;
    int order[64];
    double variance[64], gains[64][64];
    order_of(covariance, steps, sure, order, variance, gains);
    for (int64_t block = 0; block < blocks; block++) {
        inr_way both[2][LIST];
        int now = 0, ways = 1;
        both[0][0] = nothing;
        memcpy(both[0][0].means, means + 64 * block, sizeof both[0][0].means);
        for (int n = 0; n < 64; n++) {
            const int k = order[n];
            double cost[2 * LIST], value[2 * LIST];
            int from[2 * LIST], kept = 0;
            for (int w = 0; w < 2 * ways; w++) {
                const inr_way *way = &both[now][w / 2];
                const double mean = way->means[k], here = mean / steps[k];
                double rounded = (double)(int64_t)(here + (here < 0 ? -0.5 : 0.5));
                if (w % 2)
                    rounded += here > rounded ? 1 : -1;
                const double off = rounded * steps[k] - mean;
                const double all = way->cost + off * off / variance[n];
                int at = kept < LIST ? kept++ : LIST;
                if (at == LIST && all >= cost[LIST - 1])
                    continue;
                for (at = at < LIST ? at : LIST - 1; at > 0 && cost[at - 1] > all; at--) {
                    cost[at] = cost[at - 1];
                    value[at] = value[at - 1];
                    from[at] = from[at - 1];
                }
                cost[at] = all;
                value[at] = rounded;
                from[at] = w / 2;
            }
            for (int w = 0; w < kept; w++) {
                inr_way *next = &both[1 - now][w];
                const inr_way *way = &both[now][from[w]];
                const double off = value[w] * steps[k] - way->means[k];
                memcpy(next->found, way->found, sizeof next->found);
                for (int i = 0; i < 64; i++)
                    next->means[i] = way->means[i] + off * gains[n][i];
                const double v = value[w];
                next->found[k] = (int16_t)(v < -32767 ? -32767 : v > 32767 ? 32767 : v);
                next->cost = cost[w];
            }
            now = 1 - now;
            ways = kept;
        }
        for (int w = 0; w < LIST; w++)
            memcpy(found + (block * LIST + w) * 64, both[now][w].found, sizeof nothing.found);
    }
}
