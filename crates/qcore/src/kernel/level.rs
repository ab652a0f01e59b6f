//! Which copy of the kernels runs.

use std::fmt;

/// An instruction-set level of the kernels.
///
/// A level can be obtained only if this processor has it, so holding one is the proof that its code may run. Levels agree to
/// 1e-13 in amplitudes, not to the last bit: the x86-64 levels fuse multiply and add, which the portable one cannot on every
/// target (bit equality would cost it 11 to 22 %). Results are the same bytes whenever the level is the same.
///
/// ```
/// use qcore::Level;
/// assert!(Level::available().contains(&Level::best()));
/// assert_eq!(Level::by_name("portable"), Some(Level::PORTABLE));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// Explicit lanes by `wide`, with the instruction set that the crate was compiled for (SSE2 in a plain x86-64 build).
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// The fastest level of this processor.
    #[must_use]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if Self::has_avx2() {
                return Self(if Self::has_avx512() { Kind::Avx512 } else { Kind::Avx2 });
            }
        }
        Self::PORTABLE
    }

    #[cfg(target_arch = "x86_64")]
    fn has_avx2() -> bool {
        std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma")
            && std::arch::is_x86_feature_detected!("popcnt")
    }

    #[cfg(target_arch = "x86_64")]
    fn has_avx512() -> bool {
        std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl")
    }

    /// All levels of this processor, the portable one first, the fastest one last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "other targets have the portable level only")]
        let mut levels = vec![Self::PORTABLE];
        #[cfg(target_arch = "x86_64")]
        {
            if Self::has_avx2() {
                levels.push(Self(Kind::Avx2));
                if Self::has_avx512() {
                    levels.push(Self(Kind::Avx512));
                }
            }
        }
        levels
    }

    /// The level called `portable`, `avx2` or `avx512`, if this processor has it.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|level| level.name() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    /// Whether code with AVX2 may run: 512-bit vectors are made only where AVX2 is present too.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) const fn is_avx2(self) -> bool {
        matches!(self.0, Kind::Avx2 | Kind::Avx512)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) const fn is_avx512(self) -> bool {
        matches!(self.0, Kind::Avx512)
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::best()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
