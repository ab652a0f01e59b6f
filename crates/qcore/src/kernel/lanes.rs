//! Four lanes of doubles: `wide` on every target, AVX2 with FMA where the processor has them at run time.
//!
//! `wide` fixes its instruction set when it is compiled, so a plain x86-64 build of it is 128-bit code even inside a function
//! with `target_feature`. The kernels are therefore generic over [`Lanes`] and compiled once for each level.

/// Four doubles, with the few operations that the kernels need.
///
/// Everything is `inline(always)`: a kernel is one function after inlining, and takes the target features of the function
/// that it is inlined into.
pub(super) trait Lanes: Copy {
    fn load(from: &[f64; 4]) -> Self;
    fn store(self, to: &mut [f64; 4]);
    fn splat(value: f64) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`; fused where the level has it, so levels differ in the last bits.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `addend - self * factor`, as [`Lanes::mul_add`].
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self;
    /// Lane `l` of the result is lane `l ^ 1`.
    fn flip1(self) -> Self;
    /// Lane `l` of the result is lane `l ^ 2`.
    fn flip2(self) -> Self;

    /// Lane `l` of the result is lane `l ^ mask`.
    #[inline(always)]
    fn flip(self, mask: usize) -> Self {
        match mask {
            0 => self,
            1 => self.flip1(),
            2 => self.flip2(),
            _ => self.flip1().flip2(),
        }
    }

    /// Lane `l` of the result is the sum of the lanes of vector `l`.
    #[inline(always)]
    fn totals(vectors: [Self; 4]) -> Self {
        Self::load(&vectors.map(Self::sum))
    }

    /// The sum of the lanes, in a fixed order.
    #[inline(always)]
    fn sum(self) -> f64 {
        let mut lanes = [0.0; 4];
        self.store(&mut lanes);
        (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
    }
}

/// The portable level.
#[derive(Clone, Copy)]
pub(super) struct Portable(wide::f64x4);

impl Lanes for Portable {
    #[inline(always)]
    fn load(from: &[f64; 4]) -> Self {
        Self(wide::f64x4::new(*from))
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; 4]) {
        *to = self.0.to_array();
    }

    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self(wide::f64x4::splat(value))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.mul_add(factor.0, addend.0))
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.mul_neg_add(factor.0, addend.0))
    }

    #[inline(always)]
    fn flip1(self) -> Self {
        let [a, b, c, d] = self.0.to_array();
        Self(wide::f64x4::new([b, a, d, c]))
    }

    #[inline(always)]
    fn flip2(self) -> Self {
        let [a, b, c, d] = self.0.to_array();
        Self(wide::f64x4::new([c, d, a, b]))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::Lanes;
    use std::arch::x86_64::{
        __m256d, _mm256_add_pd, _mm256_fmadd_pd, _mm256_fnmadd_pd, _mm256_hadd_pd, _mm256_loadu_pd, _mm256_mul_pd,
        _mm256_permute_pd, _mm256_permute2f128_pd, _mm256_set1_pd, _mm256_storeu_pd, _mm256_sub_pd,
    };

    /// The level for processors with AVX2 and FMA.
    ///
    /// Kernels instantiate it only inside functions that enable `avx2,fma`, and those are called only for a
    /// [`Level`](crate::Level) that run-time detection has made: that is what makes every intrinsic below sound.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(pub(in super::super) __m256d);

    impl Lanes for Avx2 {
        #[inline(always)]
        fn load(from: &[f64; 4]) -> Self {
            // SAFETY: 32 readable bytes; AVX is present (see the type).
            Self(unsafe { _mm256_loadu_pd(from.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, to: &mut [f64; 4]) {
            // SAFETY: 32 writable bytes; AVX is present (see the type).
            unsafe { _mm256_storeu_pd(to.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn splat(value: f64) -> Self {
            // SAFETY: AVX is present (see the type).
            Self(unsafe { _mm256_set1_pd(value) })
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: AVX is present (see the type).
            Self(unsafe { _mm256_add_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: AVX is present (see the type).
            Self(unsafe { _mm256_sub_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: AVX is present (see the type).
            Self(unsafe { _mm256_mul_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            // SAFETY: FMA is present (see the type).
            Self(unsafe { _mm256_fmadd_pd(self.0, factor.0, addend.0) })
        }

        #[inline(always)]
        fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
            // SAFETY: FMA is present (see the type).
            Self(unsafe { _mm256_fnmadd_pd(self.0, factor.0, addend.0) })
        }

        #[inline(always)]
        fn flip1(self) -> Self {
            // SAFETY: AVX is present (see the type).
            Self(unsafe { _mm256_permute_pd::<0b0101>(self.0) })
        }

        #[inline(always)]
        fn flip2(self) -> Self {
            // SAFETY: AVX is present (see the type).
            Self(unsafe { _mm256_permute2f128_pd::<0x01>(self.0, self.0) })
        }

        #[inline(always)]
        fn totals([a, b, c, d]: [Self; 4]) -> Self {
            // SAFETY: AVX is present (see the type).
            Self(unsafe {
                let (ab, cd) = (_mm256_hadd_pd(a.0, b.0), _mm256_hadd_pd(c.0, d.0));
                let (low, high) = (_mm256_permute2f128_pd::<0x20>(ab, cd), _mm256_permute2f128_pd::<0x31>(ab, cd));
                _mm256_add_pd(low, high)
            })
        }
    }
}
