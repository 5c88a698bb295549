/* The passes for one kind of processor in both types of floats; included by kernel.c. What is
 * defined here for a type ends with passes.h. */

#define REAL float
#define TYPED(x) x##_float
#define NAME(x) JOIN(x##_float_, LEVEL)
#define MOST_FACTORS 3
#define SMALLEST 1e-30f
#define RECIPROCAL(x) reciprocal(x)
#define WORD int32_t
#define MANTISSA 23
#define BIAS 126
#include "passes.h"

#define REAL double
#define TYPED(x) x##_double
#define NAME(x) JOIN(x##_double_, LEVEL)
#define MOST_FACTORS 12
#define SMALLEST 1e-250
#define RECIPROCAL(x) (1 / (x))
#define WORD int64_t
#define MANTISSA 52
#define BIAS 1022
#include "passes.h"

#undef LEVEL
#undef TARGET
#undef BYTES
#undef ROWS
#undef MOST_INPUTS
