//! Whole blocks as vectors, for the kernels that treat real and imaginary parts alike.
//!
//! With four lanes a block is two vectors, its real and its imaginary part; with eight it is one. A real rotation acts on both
//! parts in the same way, so its kernel loops over [`Rows::PARTS`] and is otherwise the same code.

use super::Block;
use super::lanes::{Lanes, Portable};

/// A block, or one part of it, in a register.
pub(super) trait Rows: Copy {
    /// Vectors per block.
    const PARTS: usize;
    fn zero() -> Self;
    fn load(block: &Block, part: usize) -> Self;
    fn store(self, block: &mut Block, part: usize);
    /// As [`Rows::store`], past the cache where that is possible; other threads see it after [`Rows::fence`].
    #[inline(always)]
    fn store_past(self, block: &mut Block, part: usize) {
        self.store(block, part);
    }
    #[inline(always)]
    fn fence() {}
    fn splat(value: f64) -> Self;
    /// A block of one complex number.
    fn complex(re: f64, im: f64) -> [Self; 2];
    /// One value per lane, the same ones for both parts.
    fn quad(values: &[f64; 4]) -> Self;
    fn mul(self, other: Self) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    /// `self * factor + addend`.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `addend - self * factor`.
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self;
    fn flip1(self) -> Self;
    fn flip2(self) -> Self;
    /// The sum of the lanes, in a fixed order.
    fn sum(self) -> f64;
    /// The complex product of a block in registers (the first `PARTS` entries) with a block in memory.
    fn times(block: [Self; 2], factor: &Block) -> [Self; 2];
    /// As [`Rows::times`], with the conjugate of the factor.
    fn times_conj(block: [Self; 2], factor: &Block) -> [Self; 2];
    /// As [`Rows::times`], with one factor for all lanes.
    fn times_scalar(block: [Self; 2], factor: (f64, f64)) -> [Self; 2];
    /// `Im(conj(a) b)` lane by lane, or two vectors that add up to it.
    fn cross(a: [Self; 2], b: [Self; 2]) -> Self;
    /// The sums over the parts of a block, lane by lane.
    fn part_lanes(self) -> [f64; 4];
    /// What sums of [`Rows::cross`] stand for, lane by lane.
    fn cross_lanes(self) -> [f64; 4];
    /// Writes the sum over the parts and lanes of each of four vectors; those that are `crossed` are sums of [`Rows::cross`].
    fn totals(vectors: [Self; 4], crossed: [bool; 4], to: &mut [f64; 4]);
    /// The same for four sums of [`Rows::cross`] and four others.
    fn both_totals(crossed: [Self; 4], others: [Self; 4], to: [&mut [f64; 4]; 2]);
    /// The complex product of a block in memory with per-lane factors.
    fn product(block: &Block, re: &[f64; 4], im: &[f64; 4], out: &mut Block);
    /// Writes amplitudes of the first two blocks, or with `FOUR` of all of them, to the lanes of another one; see [`Picked`].
    #[inline(always)]
    fn pick<const FOUR: bool>(from: [&Block; 4], picked: &Picked, to: &mut Block) {
        for (lane, &at) in picked.0.iter().enumerate().take(4) {
            let from = from[at as usize >> 3 & if FOUR { 3 } else { 1 }];
            to.re[lane] = from.re[at as usize & 3];
            to.im[lane] = from.im[at as usize & 3];
        }
    }
}

/// Which numbers of four blocks go to the places of another one: the number of the block times 8 plus the place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Picked([u64; 8]);

impl Picked {
    /// With the block and the lane for every lane.
    pub(super) fn new(lanes: [(usize, usize); 4]) -> Self {
        let at = |place: usize| {
            let (block, lane) = lanes[place % 4];
            (8 * block + lane % 4 + place / 4 * 4) as u64
        };
        Self(std::array::from_fn(at))
    }
}

macro_rules! rows_from_lanes {
    ($lanes:ty) => {
        impl Rows for $lanes {
            const PARTS: usize = 2;

            #[inline(always)]
            fn zero() -> Self {
                <Self as Lanes>::splat(0.0)
            }

            #[inline(always)]
            fn load(block: &Block, part: usize) -> Self {
                <Self as Lanes>::load(if part == 0 { &block.re } else { &block.im })
            }

            #[inline(always)]
            fn store(self, block: &mut Block, part: usize) {
                <Self as Lanes>::store(self, if part == 0 { &mut block.re } else { &mut block.im });
            }

            #[inline(always)]
            fn splat(value: f64) -> Self {
                <Self as Lanes>::splat(value)
            }

            #[inline(always)]
            fn complex(re: f64, im: f64) -> [Self; 2] {
                [<Self as Lanes>::splat(re), <Self as Lanes>::splat(im)]
            }

            #[inline(always)]
            fn quad(values: &[f64; 4]) -> Self {
                <Self as Lanes>::load(values)
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                Lanes::mul(self, other)
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Lanes::add(self, other)
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                Lanes::sub(self, other)
            }

            #[inline(always)]
            fn cross(a: [Self; 2], b: [Self; 2]) -> Self {
                Lanes::neg_mul_add(a[1], b[0], Lanes::mul(a[0], b[1]))
            }

            #[inline(always)]
            fn part_lanes(self) -> [f64; 4] {
                let mut lanes = [0.0; 4];
                Lanes::store(self, &mut lanes);
                lanes
            }

            #[inline(always)]
            fn cross_lanes(self) -> [f64; 4] {
                let mut lanes = [0.0; 4];
                Lanes::store(self, &mut lanes);
                lanes
            }

            #[inline(always)]
            fn sum(self) -> f64 {
                Lanes::sum(self)
            }

            #[inline(always)]
            fn totals(vectors: [Self; 4], _: [bool; 4], to: &mut [f64; 4]) {
                Lanes::store(Lanes::totals(vectors), to);
            }

            #[inline(always)]
            fn both_totals(crossed: [Self; 4], others: [Self; 4], [of_crossed, of_others]: [&mut [f64; 4]; 2]) {
                Lanes::store(Lanes::totals(crossed), of_crossed);
                Lanes::store(Lanes::totals(others), of_others);
            }

            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                Lanes::mul_add(self, factor, addend)
            }

            #[inline(always)]
            fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
                Lanes::neg_mul_add(self, factor, addend)
            }

            #[inline(always)]
            fn flip1(self) -> Self {
                Lanes::flip1(self)
            }

            #[inline(always)]
            fn flip2(self) -> Self {
                Lanes::flip2(self)
            }

            #[inline(always)]
            fn times([re, im]: [Self; 2], factor: &Block) -> [Self; 2] {
                let (f_re, f_im) = (<Self as Lanes>::load(&factor.re), <Self as Lanes>::load(&factor.im));
                let (low, high) = (Lanes::mul(re, f_re), Lanes::mul(im, f_re));
                [Lanes::neg_mul_add(im, f_im, low), Lanes::mul_add(re, f_im, high)]
            }

            #[inline(always)]
            fn times_conj([re, im]: [Self; 2], factor: &Block) -> [Self; 2] {
                let (f_re, f_im) = (<Self as Lanes>::load(&factor.re), <Self as Lanes>::load(&factor.im));
                let (low, high) = (Lanes::mul(re, f_re), Lanes::mul(im, f_re));
                [Lanes::mul_add(im, f_im, low), Lanes::neg_mul_add(re, f_im, high)]
            }

            #[inline(always)]
            fn times_scalar([re, im]: [Self; 2], factor: (f64, f64)) -> [Self; 2] {
                let (f_re, f_im) = (<Self as Lanes>::splat(factor.0), <Self as Lanes>::splat(factor.1));
                let (low, high) = (Lanes::mul(re, f_re), Lanes::mul(im, f_re));
                [Lanes::neg_mul_add(im, f_im, low), Lanes::mul_add(re, f_im, high)]
            }

            #[inline(always)]
            fn product(block: &Block, re: &[f64; 4], im: &[f64; 4], out: &mut Block) {
                let (a, b) = (<Self as Lanes>::load(&block.re), <Self as Lanes>::load(&block.im));
                let (c, d) = (<Self as Lanes>::load(re), <Self as Lanes>::load(im));
                Lanes::store(Lanes::neg_mul_add(b, d, Lanes::mul(a, c)), &mut out.re);
                Lanes::store(Lanes::mul_add(a, d, Lanes::mul(b, c)), &mut out.im);
            }
        }
    };
}

rows_from_lanes!(Portable);
#[cfg(target_arch = "x86_64")]
rows_from_lanes!(super::lanes::Avx2);

#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512;

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::super::lanes::{Avx2, Lanes};
    use super::{Block, Picked, Rows};
    use std::arch::x86_64::{
        __m256d, __m512d, _mm256_add_pd, _mm256_loadu_pd, _mm256_set1_pd, _mm256_storeu_pd, _mm256_sub_pd,
        _mm512_add_pd, _mm512_broadcast_f64x4, _mm512_castpd_si512, _mm512_castpd256_pd512, _mm512_castpd512_pd256,
        _mm512_castsi512_pd, _mm512_extractf64x4_pd, _mm512_fmadd_pd, _mm512_fnmadd_pd, _mm512_insertf64x4,
        _mm512_load_si512, _mm512_loadu_pd, _mm512_mask_blend_pd, _mm512_mul_pd, _mm512_permute_pd, _mm512_permutex_pd,
        _mm512_permutex2var_pd, _mm512_set1_epi64, _mm512_set1_pd, _mm512_setr_pd, _mm512_shuffle_f64x2,
        _mm512_storeu_pd, _mm512_sub_pd, _mm512_test_epi64_mask, _mm512_unpackhi_pd, _mm512_unpacklo_pd,
        _mm512_xor_si512,
    };

    /// The level for processors with 512-bit vectors: a whole block in one register.
    ///
    /// Kernels instantiate it only inside functions that enable `avx512f,avx512dq,avx512vl,avx2,fma`, and those are called
    /// only for a [`Level`](crate::Level) that run-time detection has made: that is what makes every intrinsic below sound.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512d);

    /// The complex product of blocks in registers.
    ///
    /// # Safety
    ///
    /// AVX-512F must be present.
    #[inline(always)]
    unsafe fn complex_product(v: __m512d, re: __m256d, im: __m256d) -> __m512d {
        // SAFETY: AVX-512F is present by this function's own contract.
        unsafe {
            let re = broadcast(re);
            let im = signed(broadcast(im), [-0.0, 0.0]);
            let swapped = _mm512_shuffle_f64x2::<0b0100_1110>(v, v);
            _mm512_fmadd_pd(swapped, im, _mm512_mul_pd(v, re))
        }
    }

    /// The complex product of blocks in registers, with the conjugate of the second.
    ///
    /// # Safety
    ///
    /// AVX-512F must be present.
    #[inline(always)]
    unsafe fn conjugate_product(v: __m512d, re: __m256d, im: __m256d) -> __m512d {
        // SAFETY: AVX-512F is present by this function's own contract.
        unsafe {
            let re = broadcast(re);
            let im = signed(broadcast(im), [0.0, -0.0]);
            let swapped = _mm512_shuffle_f64x2::<0b0100_1110>(v, v);
            _mm512_fmadd_pd(swapped, im, _mm512_mul_pd(v, re))
        }
    }

    /// # Safety
    ///
    /// AVX-512F must be present.
    #[inline(always)]
    unsafe fn broadcast(v: __m256d) -> __m512d {
        // SAFETY: AVX-512F is present by this function's own contract.
        unsafe { _mm512_broadcast_f64x4(v) }
    }

    /// With the signs of two zeros: of the real and of the imaginary parts.
    ///
    /// # Safety
    ///
    /// AVX-512F must be present.
    #[inline(always)]
    unsafe fn signed(v: __m512d, [re, im]: [f64; 2]) -> __m512d {
        // SAFETY: AVX-512F is present by this function's own contract.
        unsafe {
            let signs = _mm512_setr_pd(re, re, re, re, im, im, im, im);
            _mm512_castsi512_pd(_mm512_xor_si512(_mm512_castpd_si512(v), _mm512_castpd_si512(signs)))
        }
    }

    impl Rows for Avx512 {
        const PARTS: usize = 1;

        #[inline(always)]
        fn zero() -> Self {
            Self::splat(0.0)
        }

        #[inline(always)]
        fn load(block: &Block, _: usize) -> Self {
            // SAFETY: a block is 64 readable bytes without padding (`repr(C)`, eight doubles); AVX-512F is present.
            Self(unsafe { _mm512_loadu_pd(std::ptr::from_ref(block).cast()) })
        }

        #[inline(always)]
        fn store(self, block: &mut Block, _: usize) {
            // SAFETY: a block is 64 writable bytes, eight doubles; AVX-512F is present.
            unsafe { _mm512_storeu_pd(std::ptr::from_mut(block).cast(), self.0) }
        }

        #[inline(always)]
        fn pick<const FOUR: bool>(from: [&Block; 4], picked: &Picked, to: &mut Block) {
            // SAFETY: the places are 64 readable bytes, aligned to that; any index is one of sixteen numbers; AVX-512F is present.
            let v = unsafe {
                let at = _mm512_load_si512(std::ptr::from_ref(picked).cast());
                let [a, b, c, d] = from.map(|block| Self::load(block, 0).0);
                let first = _mm512_permutex2var_pd(a, at, b);
                if FOUR {
                    let second = _mm512_permutex2var_pd(c, at, d);
                    _mm512_mask_blend_pd(_mm512_test_epi64_mask(at, _mm512_set1_epi64(16)), first, second)
                } else {
                    first
                }
            };
            Self(v).store(to, 0);
        }

        #[inline(always)]
        fn store_past(self, block: &mut Block, _: usize) {
            // SAFETY: as in `store`, and a block is aligned to 64 bytes. Whoever calls it calls `fence` before anything else may read it.
            unsafe { std::arch::x86_64::_mm512_stream_pd(std::ptr::from_mut(block).cast(), self.0) }
        }

        #[inline(always)]
        fn fence() {
            // SAFETY: SSE belongs to every x86-64 processor.
            unsafe { std::arch::x86_64::_mm_sfence() }
        }

        #[inline(always)]
        fn splat(value: f64) -> Self {
            // SAFETY: AVX-512F is present (see the type).
            Self(unsafe { _mm512_set1_pd(value) })
        }

        #[inline(always)]
        fn complex(re: f64, im: f64) -> [Self; 2] {
            // SAFETY: AVX-512F is present (see the type), and AVX with it.
            let block =
                unsafe { _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(_mm256_set1_pd(re)), _mm256_set1_pd(im)) };
            [Self(block); 2]
        }

        #[inline(always)]
        fn quad(values: &[f64; 4]) -> Self {
            // SAFETY: 32 readable bytes; AVX-512F is present (see the type).
            Self(unsafe { broadcast(_mm256_loadu_pd(values.as_ptr())) })
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: AVX-512F is present (see the type).
            Self(unsafe { _mm512_mul_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: AVX-512F is present (see the type).
            Self(unsafe { _mm512_add_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: AVX-512F is present (see the type).
            Self(unsafe { _mm512_sub_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn cross(a: [Self; 2], b: [Self; 2]) -> Self {
            // Real times imaginary parts, and imaginary times real ones, which count negatively.
            // SAFETY: AVX-512F is present (see the type).
            Self(unsafe { _mm512_mul_pd(a[0].0, _mm512_shuffle_f64x2::<0b0100_1110>(b[0].0, b[0].0)) })
        }

        #[inline(always)]
        fn part_lanes(self) -> [f64; 4] {
            let mut block = Block::default();
            self.store(&mut block, 0);
            super::super::per_lane(|lane| block.re[lane] + block.im[lane])
        }

        #[inline(always)]
        fn cross_lanes(self) -> [f64; 4] {
            let mut block = Block::default();
            self.store(&mut block, 0);
            super::super::per_lane(|lane| block.re[lane] - block.im[lane])
        }

        #[inline(always)]
        fn sum(self) -> f64 {
            let mut block = Block::default();
            self.store(&mut block, 0);
            let [a, b, c, d] = block.re;
            let [e, f, g, h] = block.im;
            ((a + b) + (c + d)) + ((e + f) + (g + h))
        }

        #[inline(always)]
        fn totals(vectors: [Self; 4], crossed: [bool; 4], to: &mut [f64; 4]) {
            let half = |k: usize| {
                // SAFETY: AVX-512F is present (see the type), and AVX with it.
                Avx2(unsafe {
                    let (low, high) = (_mm512_castpd512_pd256(vectors[k].0), _mm512_extractf64x4_pd::<1>(vectors[k].0));
                    if crossed[k] { _mm256_sub_pd(low, high) } else { _mm256_add_pd(low, high) }
                })
            };
            Lanes::store(Lanes::totals([half(0), half(1), half(2), half(3)]), to);
        }

        #[inline(always)]
        fn both_totals(crossed: [Self; 4], others: [Self; 4], [of_crossed, of_others]: [&mut [f64; 4]; 2]) {
            let [Self(a), Self(b), Self(c), Self(d)] = crossed;
            let [Self(e), Self(f), Self(g), Self(h)] = others;
            // SAFETY: AVX-512F is present (see the type); 32 writable bytes twice.
            unsafe {
                // The halves of a and c, then those of b and d, and so on.
                let halves = |a, c| (_mm512_shuffle_f64x2::<0x44>(a, c), _mm512_shuffle_f64x2::<0xee>(a, c));
                let difference = |(low, high)| _mm512_sub_pd(low, high);
                let sum = |(low, high)| _mm512_add_pd(low, high);
                let pairs = |a, b| _mm512_add_pd(_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
                let left = pairs(difference(halves(a, c)), difference(halves(b, d)));
                let right = pairs(sum(halves(e, g)), sum(halves(f, h)));
                let all =
                    _mm512_add_pd(_mm512_shuffle_f64x2::<0x88>(left, right), _mm512_shuffle_f64x2::<0xdd>(left, right));
                _mm256_storeu_pd(of_crossed.as_mut_ptr(), _mm512_castpd512_pd256(all));
                _mm256_storeu_pd(of_others.as_mut_ptr(), _mm512_extractf64x4_pd::<1>(all));
            }
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            // SAFETY: AVX-512F is present (see the type).
            Self(unsafe { _mm512_fmadd_pd(self.0, factor.0, addend.0) })
        }

        #[inline(always)]
        fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
            // SAFETY: AVX-512F is present (see the type).
            Self(unsafe { _mm512_fnmadd_pd(self.0, factor.0, addend.0) })
        }

        #[inline(always)]
        fn flip1(self) -> Self {
            // SAFETY: AVX-512F is present (see the type).
            Self(unsafe { _mm512_permute_pd::<0b0101_0101>(self.0) })
        }

        #[inline(always)]
        fn flip2(self) -> Self {
            // SAFETY: AVX-512F is present (see the type).
            Self(unsafe { _mm512_permutex_pd::<0b0100_1110>(self.0) })
        }

        #[inline(always)]
        fn times([block, _]: [Self; 2], factor: &Block) -> [Self; 2] {
            // SAFETY: two times 32 readable bytes; AVX-512F is present (see the type).
            let product = unsafe {
                complex_product(block.0, _mm256_loadu_pd(factor.re.as_ptr()), _mm256_loadu_pd(factor.im.as_ptr()))
            };
            [Self(product), Self(product)]
        }

        #[inline(always)]
        fn times_conj([block, _]: [Self; 2], factor: &Block) -> [Self; 2] {
            // SAFETY: two times 32 readable bytes; AVX-512F is present (see the type).
            let product = unsafe {
                conjugate_product(block.0, _mm256_loadu_pd(factor.re.as_ptr()), _mm256_loadu_pd(factor.im.as_ptr()))
            };
            [Self(product), Self(product)]
        }

        #[inline(always)]
        fn times_scalar([block, _]: [Self; 2], factor: (f64, f64)) -> [Self; 2] {
            // SAFETY: AVX-512F is present (see the type).
            let product = unsafe {
                let im = signed(_mm512_set1_pd(factor.1), [-0.0, 0.0]);
                let swapped = _mm512_shuffle_f64x2::<0b0100_1110>(block.0, block.0);
                _mm512_fmadd_pd(swapped, im, _mm512_mul_pd(block.0, _mm512_set1_pd(factor.0)))
            };
            [Self(product), Self(product)]
        }

        #[inline(always)]
        fn product(block: &Block, re: &[f64; 4], im: &[f64; 4], out: &mut Block) {
            // SAFETY: two times 32 readable bytes; AVX-512F is present (see the type).
            let product = unsafe {
                let v = Self::load(block, 0).0;
                complex_product(v, _mm256_loadu_pd(re.as_ptr()), _mm256_loadu_pd(im.as_ptr()))
            };
            Self(product).store(out, 0);
        }
    }
}
