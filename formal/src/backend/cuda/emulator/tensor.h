// The instructions of tensor cores, for the kernels on a processor: a warp's lanes put what their registers hold into matrices, meet,
// and take their sums. Where elements belong is written from the PTX ISA ("Matrix Fragments for mma.m16n8k8") and not from the
// kernels.
#pragma once

#include "host.h"

namespace emulator {

inline unsigned bits_of(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline float float_of(unsigned bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

// cvt.rna.tf32.f32: the nearest with 10 bits behind the point, of two the one away from 0.
inline unsigned to_tf32(float x) {
    return std::isfinite(x) ? (bits_of(x) + 0x1000u) & ~0x1fffu : bits_of(x);
}

// What a tensor core sees of a register: it leaves out the bits beyond.
inline float from_tf32(unsigned bits) { return float_of(bits & ~0x1fffu); }

// cvt.rn.f16.f32: the nearest with 10 bits behind the point, of two the even one; infinity from halfway beyond the greatest, 65504.
inline unsigned to_f16(float x) {
    unsigned sign = bits_of(x) >> 16 & 0x8000u;
    float magnitude = std::fabs(x);
    if (std::isnan(x)) return 0x7fffu;
    if (magnitude >= 65520.0f) return sign | 0x7c00u;
    if (magnitude < 0x1p-14f) return sign | (unsigned)std::nearbyint(magnitude * 0x1p24f);
    int exponent;
    float fraction = std::frexp(magnitude, &exponent);
    // A fraction that is rounded up to 1 is carried into the exponent.
    return sign | (((unsigned)(exponent + 14) << 10) + (unsigned)std::nearbyint(fraction * 2048.0f) - 1024u);
}

inline float from_f16(unsigned half) {
    unsigned exponent = half >> 10 & 31u, fraction = half & 1023u;
    float magnitude = exponent == 0 ? fraction * 0x1p-24f : std::ldexp(1024.0f + fraction, (int)exponent - 25);
    if (exponent == 31) magnitude = fraction ? NAN : INFINITY;
    return half & 0x8000u ? -magnitude : magnitude;
}

// A is 16 x 8, B is 8 x 8. Warps multiply one after the other.
struct Factors {
    float a[16][8];
    float b[8][8];
};

thread_local Factors factors;

inline unsigned group_id() { return thread_index.x % 32 >> 2; }
inline unsigned thread_id_in_group() { return thread_index.x % 4; }

// C and D: c0 and c1 are neighbors in one row, c2 and c3 eight rows below.
inline void multiply_factors(float (&sums)[4]) {
    meet_in_warp();
    for (unsigned i = 0; i < 4; i++) {
        unsigned row = i < 2 ? group_id() : group_id() + 8, column = thread_id_in_group() * 2 + (i & 1);
        double sum = sums[i];
        for (unsigned k = 0; k < 8; k++) sum += (double)factors.a[row][k] * factors.b[k][column];
        sums[i] = (float)sum;
    }
    meet_in_warp();
}

// mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
inline void mma_tf32(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    for (unsigned i = 0; i < 4; i++) {
        unsigned row = i == 0 || i == 2 ? group_id() : group_id() + 8;
        unsigned column = i < 2 ? thread_id_in_group() : thread_id_in_group() + 4;
        factors.a[row][column] = from_tf32(a[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        factors.b[i == 0 ? thread_id_in_group() : thread_id_in_group() + 4][group_id()] = from_tf32(b[i]);
    }
    multiply_factors(sums);
}

// mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32: two elements a register, the first in the lower half.
inline void mma_f16(float (&sums)[4], const unsigned (&a)[2], const unsigned (&b)[1]) {
    auto element = [](const unsigned* registers, unsigned i) { return from_f16(registers[i / 2] >> 16 * (i % 2) & 0xffffu); };
    for (unsigned i = 0; i < 4; i++) {
        factors.a[i < 2 ? group_id() : group_id() + 8][thread_id_in_group() * 2 + (i & 1)] = element(a, i);
    }
    for (unsigned i = 0; i < 2; i++) factors.b[thread_id_in_group() * 2 + i][group_id()] = element(b, i);
    multiply_factors(sums);
}

}  // namespace emulator

// By the names of tensor.cuh.
inline unsigned pack(const float (&factors)[1]) { return emulator::to_tf32(factors[0]); }
inline unsigned pack(const float (&factors)[2]) { return emulator::to_f16(factors[0]) | emulator::to_f16(factors[1]) << 16; }
inline void multiply(float (&sums)[4], const unsigned (&a)[4], const unsigned (&b)[2]) { emulator::mma_tf32(sums, a, b); }
inline void multiply(float (&sums)[4], const unsigned (&a)[2], const unsigned (&b)[1]) { emulator::mma_f16(sums, a, b); }
