/* What the library shows of itself, and how a function that is compiled for several instruction
   sets gets its names. */
#ifndef INR_EXPORT_H
#define INR_EXPORT_H

#if defined(_WIN32)
#define INR_EXPORT __declspec(dllexport)
#else
#define INR_EXPORT __attribute__((visibility("default")))
#endif

/* In context*.c, which build.py compiles with -DINR_ISA=avx2 and so on:
   INR_NAME(inr_isa_name) is inr_isa_name_avx2 there. */
#ifdef INR_ISA
#define INR_PASTE2(f, isa) f##_##isa
#define INR_PASTE(f, isa) INR_PASTE2(f, isa)
#define INR_NAME(f) INR_PASTE(f, INR_ISA)
#endif

#endif
