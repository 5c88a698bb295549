/* Exponentials and logarithms that compilers turn into vectors; included by kernel.c. They know no
 * NaN, no infinity and no subnormal number, and are right to one or two units of the last digit. */

#define LOG2_E 1.44269504088896340736
/* log 2 in two parts; the first has zeros at its end, so that small multiples of it are exact. */
#define LOG_2_HIGH 6.93147180369123816490e-01
#define LOG_2_LOW 1.90821492927058770002e-10

/* exp(x) for x up to 80, 0 where it would be below 1e-37: x = n log 2 + r, and a polynomial in r
 * (that of Cephes). The number 1.5 * 2^23, once added, leaves n in the last bits. */
INLINE float exp_float(float x)
{
    const float whole = 12582912.0f, in_range = x > -85.0f ? x : -85.0f;
    const float shifted = in_range * (float)LOG2_E + whole;
    const float n = shifted - whole;
    const float r = (in_range - n * 0.693359375f) + n * 2.12194440e-4f;
    float y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1;
    int32_t power, bits;
    memcpy(&power, &shifted, sizeof power);
    memcpy(&bits, &y, sizeof bits);
    bits += (int32_t)((uint32_t)power << 23);
    memcpy(&y, &bits, sizeof y);
    return x > -85.0f ? y : 0;
}

/* exp(x) for x up to 700, 0 where it would be below 1e-304; the polynomial is Taylor's. */
INLINE double exp_double(double x)
{
    const double whole = 6755399441055744.0, in_range = x > -700.0 ? x : -700.0;
    const double shifted = in_range * LOG2_E + whole;
    const double n = shifted - whole;
    const double r = (in_range - n * LOG_2_HIGH) - n * LOG_2_LOW;
    double y = 1.0 / 6227020800.0;
    y = y * r + 1.0 / 479001600.0;
    y = y * r + 1.0 / 39916800.0;
    y = y * r + 1.0 / 3628800.0;
    y = y * r + 1.0 / 362880.0;
    y = y * r + 1.0 / 40320.0;
    y = y * r + 1.0 / 5040.0;
    y = y * r + 1.0 / 720.0;
    y = y * r + 1.0 / 120.0;
    y = y * r + 1.0 / 24.0;
    y = y * r + 1.0 / 6.0;
    y = y * r + 0.5;
    y = y * r * r + r + 1;
    int64_t power, bits;
    memcpy(&power, &shifted, sizeof power);
    memcpy(&bits, &y, sizeof bits);
    bits += (int64_t)((uint64_t)power << 52);
    memcpy(&y, &bits, sizeof y);
    return x > -700.0 ? y : 0;
}

/* log(x) for x of at least 1e-300: x = 2^e m with m from sqrt(1/2) to sqrt(2), and with f = m - 1
 * and s = f / (2 + f) a polynomial in s^2 (that of fdlibm). */
INLINE double log_double(double x)
{
    uint64_t bits, e;
    double m, exponent;
    memcpy(&bits, &x, sizeof bits);
    e = (bits + (0x3FF0000000000000u - 0x3FE6A09E667F3BCDu)) >> 52;
    bits -= (e - 1023) << 52;
    memcpy(&m, &bits, sizeof m);
    /* An integer below 2^52 as the last bits of 2^52. */
    e |= 0x4330000000000000u;
    memcpy(&exponent, &e, sizeof exponent);
    exponent -= 4503599627370496.0 + 1023.0;
    const double f = m - 1, s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    double y = 1.479819860511658591e-01;
    y = y * z + 1.531383769920937332e-01;
    y = y * z + 1.818357216161805012e-01;
    y = y * z + 2.222219843214978396e-01;
    y = y * z + 2.857142874366239149e-01;
    y = y * z + 3.999999999940941908e-01;
    y = y * z + 6.666666666666735130e-01;
    return exponent * LOG_2_HIGH - ((half - (s * (half + z * y) + exponent * LOG_2_LOW)) - f);
}
