/* Which of the instruction sets that context*.c are compiled for this machine has. */
#include "export.h"

#include <string.h>

/* What the library was made from: build.py looks for it in the file. */
INR_EXPORT const char inr_build[] = "inrcodec kernels " INR_BUILD;

#if defined(__x86_64__)
#include <cpuid.h>

/* The registers that the operating system saves: bits of XCR0. */
static unsigned saved_registers(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

static int has_fma(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_FMA);
}

static int has(const char *isa)
{
    const unsigned avx2 = bit_AVX2 | bit_BMI | bit_BMI2;
    const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL | bit_AVX512CD;
    unsigned a, b = 0, c = 0, d;
    if (strcmp(isa, "plain") == 0)
        return 1;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    if ((b & avx2) != avx2 || !has_fma() || (saved_registers() & 0x06) != 0x06)
        return 0;
    if (strcmp(isa, "avx2") == 0)
        return 1;
    return strcmp(isa, "avx512") == 0 && (b & avx512) == avx512 && (c & bit_AVX512VNNI) != 0 &&
           (saved_registers() & 0xE6) == 0xE6;
}
#elif defined(__aarch64__)
static int has(const char *isa)
{
    return strcmp(isa, "neon") == 0;
}
#else
static int has(const char *isa)
{
    return strcmp(isa, "plain") == 0;
}
#endif

/* 1 where this machine runs the functions of an instruction set, else 0. */
INR_EXPORT int inr_has_isa(const char *isa)
{
    return has(isa);
}
