/* Vectors of 32-bit integers and floats, LANES at a time: one way to write a loop for all instruction
   sets. Where there are no gathers a vector is one number, and the compiler does what it can. */
#ifndef INR_CONTEXT_VECTOR_H
#define INR_CONTEXT_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#include <immintrin.h>
#define LANES 16
typedef __m512i whole;
typedef __m512 real;
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define REAL_LOAD(p) _mm512_loadu_ps(p)
#define REAL_STORE(p, v) _mm512_storeu_ps(p, v)
#define ALL(n) _mm512_set1_epi32(n)
#define REAL_ALL(n) _mm512_set1_ps(n)
#define ADD _mm512_add_epi32
#define SUB _mm512_sub_epi32
#define MUL _mm512_mullo_epi32
#define LEAST _mm512_min_epi32
#define MOST _mm512_max_epi32
#define AND _mm512_and_si512
#define WITHOUT(v, w) _mm512_andnot_si512(w, v)
#define LEFT(v, n) _mm512_slli_epi32(v, (unsigned)(n))
#define RIGHT(v, n) _mm512_srli_epi32(v, (unsigned)(n))
#define SIGNED_RIGHT(v, n) _mm512_srai_epi32(v, (unsigned)(n))
#define RIGHT_EACH _mm512_srlv_epi32
#define GATHER(table, v) _mm512_i32gather_epi32(v, table, 4)
#define REAL_OF _mm512_cvtepi32_ps
#define CUT _mm512_cvttps_epi32
#define BITS _mm512_castps_si512
#define OF_BITS _mm512_castsi512_ps
#define REAL_MUL _mm512_mul_ps
#define REAL_LEAST _mm512_min_ps
#define REAL_MOST _mm512_max_ps
#elif defined(__AVX2__)
#include <immintrin.h>
#define LANES 8
typedef __m256i whole;
typedef __m256 real;
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define REAL_LOAD(p) _mm256_loadu_ps(p)
#define REAL_STORE(p, v) _mm256_storeu_ps(p, v)
#define ALL(n) _mm256_set1_epi32(n)
#define REAL_ALL(n) _mm256_set1_ps(n)
#define ADD _mm256_add_epi32
#define SUB _mm256_sub_epi32
#define MUL _mm256_mullo_epi32
#define LEAST _mm256_min_epi32
#define MOST _mm256_max_epi32
#define AND _mm256_and_si256
#define WITHOUT(v, w) _mm256_andnot_si256(w, v)
#define LEFT(v, n) _mm256_slli_epi32(v, (int)(n))
#define RIGHT(v, n) _mm256_srli_epi32(v, (int)(n))
#define SIGNED_RIGHT(v, n) _mm256_srai_epi32(v, (int)(n))
#define RIGHT_EACH _mm256_srlv_epi32
#define GATHER(table, v) _mm256_i32gather_epi32((const int *)(table), v, 4)
#define REAL_OF _mm256_cvtepi32_ps
#define CUT _mm256_cvttps_epi32
#define BITS _mm256_castps_si256
#define OF_BITS _mm256_castsi256_ps
#define REAL_MUL _mm256_mul_ps
#define REAL_LEAST _mm256_min_ps
#define REAL_MOST _mm256_max_ps
#else
#define LANES 1
typedef int32_t whole;
typedef float real;
static inline int32_t inr_bits(float v)
{
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
static inline float inr_of_bits(int32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}
#define LOAD(p) (*(p))
#define STORE(p, v) (*(p) = (v))
#define REAL_LOAD(p) (*(p))
#define REAL_STORE(p, v) (*(p) = (v))
#define ALL(n) (n)
#define REAL_ALL(n) (n)
/* wrapping, as vectors do in lanes that nobody looks at */
#define ADD(v, w) ((int32_t)((uint32_t)(v) + (uint32_t)(w)))
#define SUB(v, w) ((int32_t)((uint32_t)(v) - (uint32_t)(w)))
#define MUL(v, w) ((int32_t)((uint32_t)(v) * (uint32_t)(w)))
#define LEAST(v, w) ((v) < (w) ? (v) : (w))
#define MOST(v, w) ((v) > (w) ? (v) : (w))
#define AND(v, w) ((v) & (w))
#define WITHOUT(v, w) ((v) & ~(w))
#define LEFT(v, n) ((int32_t)((uint32_t)(v) << (n)))
#define RIGHT(v, n) ((int32_t)((uint32_t)(v) >> (n)))
#define SIGNED_RIGHT(v, n) ((v) >> (n))
#define RIGHT_EACH(v, n) ((int32_t)((uint32_t)(v) >> (n)))
#define GATHER(table, v) ((int32_t)(table)[v])
#define REAL_OF(v) ((float)(v))
#define CUT(v) ((int32_t)(v))
#define BITS inr_bits
#define OF_BITS inr_of_bits
#define REAL_MUL(v, w) ((v) * (w))
#define REAL_LEAST(v, w) ((v) < (w) ? (v) : (w))
#define REAL_MOST(v, w) ((v) > (w) ? (v) : (w))
#endif

static inline whole inr_clip_all(whole v, int32_t low, int32_t high)
{
    return LEAST(MOST(v, ALL(low)), ALL(high));
}

/* 1024 log2(n), n from 1 on, by its eleven highest bits. Below them one more is left and one cleared,
   so that the float cannot round up into them. */
static inline whole inr_log2(whole n, const int32_t *log2)
{
    const whole bits = RIGHT(BITS(REAL_OF(WITHOUT(n, RIGHT(n, 12)))), 13);
    const whole fraction = AND(bits, ALL(1023));
    return ADD(SUB(SUB(bits, fraction), ALL(127 * 1024)), GATHER(log2, fraction));
}

/* 2^19 / (1 + 2^-z), z in units of 2^-16 from -2^20 to 2^20 - 1. */
static inline whole inr_logistic(whole z, const uint32_t *table)
{
    const whole cell = GATHER(table, ADD(SIGNED_RIGHT(z, 10), ALL(1024)));
    const whole rest = MUL(AND(cell, ALL(4095)), AND(z, ALL(1023)));
    return ADD(RIGHT(cell, 12), RIGHT(rest, 10));
}

#endif
