/* The name of the instruction set that a file context*.c was compiled for. */
#include "export.h"

INR_EXPORT const char *INR_NAME(inr_isa_name)(void)
{
#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
    return "avx512";
#elif defined(__AVX2__)
    return "avx2";
#elif defined(__aarch64__) && defined(__ARM_NEON)
    return "neon";
#else
    return "plain";
#endif
}
