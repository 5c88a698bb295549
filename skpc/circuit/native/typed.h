/* The passes for one kind of processor in both types of floats; included by kernel.c. What is
 * defined here for a type ends with passes.h. */

#define DOUBLES (BYTES / 8)
typedef double JOIN(doubles_, LEVEL) __attribute__((vector_size(BYTES), aligned(sizeof(double)), may_alias));
#define DOUBLE_VECTOR JOIN(doubles_, LEVEL)

#define REAL float
#define TYPED(x) x##_float
#define NAME(x) JOIN(x##_float_, LEVEL)
#define MOST_FACTORS 3
#define SMALLEST 1e-30f
#define RECIPROCAL(x) reciprocal(x)
#define WORD int32_t
#define MANTISSA 23
#define BIAS 126
#define EXP(x) exp_float(x)
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
#define EXP(x) exp_double(x)
#include "passes.h"

#define NAME(x) JOIN(x##_, LEVEL)
#include "update.h"
#undef NAME

#undef DOUBLES
#undef DOUBLE_VECTOR
#undef LEVEL
#undef TARGET
#undef BYTES
#undef ROWS
#undef MOST_INPUTS
