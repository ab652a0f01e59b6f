//! Angles, and their sines and cosines, many at once.

use super::kernel_rows;

/// What angles are made of that are `constant + factor * parameter`, and what sines and cosines are taken of: `argument * angle`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AngleLine<'a> {
    pub(crate) constants: &'a [f64],
    pub(crate) factors: &'a [f64],
    pub(crate) arguments: &'a [f64],
}

kernel_rows! {
    /// Writes the angles of these parameters and the arguments of their sines and cosines; false if some are not finite.
    ///
    /// Multiplications and additions are not fused, so every level writes the same bits.
    angles(parameters: &[f64], line: AngleLine<'_>, angles: &mut [f64], arguments: &mut [f64]) -> bool = angles_generic
}

kernel_rows! {
    /// Writes the sine and cosine of every angle.
    ///
    /// Polynomials and the reduction by a three-part pi/2 are those of fdlibm (S. Moshier and W. J. Cody; Sun Microsystems,
    /// 1993), without its second word of the reduced argument: within 2 units in the last place. Multiplications and additions
    /// are not fused, so every level writes the same bits. Beyond 2^20 quarter turns the library's functions are called.
    sin_cos(angles: &[f64], sin: &mut [f64], cos: &mut [f64]) = sin_cos_generic
}

kernel_rows! {
    /// From sines and cosines: the tangents, and the squares of the phases `cos + i sin`.
    double_angles(sin: &[f64], cos: &[f64], tan: &mut [f64], re: &mut [f64], im: &mut [f64]) = double_angles_generic
}

kernel_rows! {
    /// As [`sin_cos`], then [`double_angles`].
    turns(angles: &[f64], sin: &mut [f64], cos: &mut [f64], tan: &mut [f64], re: &mut [f64], im: &mut [f64]) = turns_generic
}

/// pi/2 in three parts: 33 bits, 33 bits, and the rest.
const HALF_PI: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_7e-21];

/// Adding this rounds to an integer, which stands in the lowest bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0;

const LARGEST: f64 = 1_647_099.0;

const SIN: [f64; 6] = [
    -1.666_666_666_666_663_2e-1,
    8.333_333_333_322_49e-3,
    -1.984_126_982_985_795e-4,
    2.755_731_370_707_006_8e-6,
    -2.505_076_025_340_686_3e-8,
    1.589_690_995_211_55e-10,
];

const COS: [f64; 6] = [
    4.166_666_666_666_66e-2,
    -1.388_888_888_887_411e-3,
    2.480_158_728_947_673e-5,
    -2.755_731_435_139_066_3e-7,
    2.087_572_321_298_175e-9,
    -1.135_964_755_778_819_5e-11,
];

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "plain loops that each level compiles with its own features")]
fn sin_cos_generic<V>(angles: &[f64], sin: &mut [f64], cos: &mut [f64]) {
    assert!(angles.len() == sin.len() && angles.len() == cos.len(), "one sine and one cosine per angle");
    let mut large = false;
    for ((&x, sin), cos) in angles.iter().zip(&mut *sin).zip(&mut *cos) {
        (*sin, *cos) = small_sin_cos(x);
        large |= x.abs() > LARGEST;
    }
    if large {
        for ((&x, sin), cos) in angles.iter().zip(sin).zip(cos) {
            if x.abs() > LARGEST {
                (*sin, *cos) = x.sin_cos();
            }
        }
    }
}

/// Sine and cosine of an angle of at most `LARGEST`; numbers without meaning beyond.
#[inline(always)]
fn small_sin_cos(x: f64) -> (f64, f64) {
    let shifted = x * std::f64::consts::FRAC_2_PI + ROUND;
    let quarter = shifted.to_bits();
    let k = shifted - ROUND;
    let r = ((x - k * HALF_PI[0]) - k * HALF_PI[1]) - k * HALF_PI[2];
    let z = r * r;
    let p = SIN[0] + z * (SIN[1] + z * (SIN[2] + z * (SIN[3] + z * (SIN[4] + z * SIN[5]))));
    let s = r + r * z * p;
    let q = COS[0] + z * (COS[1] + z * (COS[2] + z * (COS[3] + z * (COS[4] + z * COS[5]))));
    // 1 - z/2 loses the tail of z/2, which is put back.
    let half = 0.5 * z;
    let w = 1.0 - half;
    let c = w + (((1.0 - w) - half) + z * z * q);
    let odd = 0_u64.wrapping_sub(quarter & 1);
    let (s, c) = (s.to_bits(), c.to_bits());
    let (s, c) = ((s & !odd) | (c & odd), (c & !odd) | (s & odd));
    (f64::from_bits(s ^ ((quarter & 2) << 62)), f64::from_bits(c ^ ((quarter.wrapping_add(1) & 2) << 62)))
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "as above")]
fn angles_generic<V>(parameters: &[f64], line: AngleLine<'_>, angles: &mut [f64], arguments: &mut [f64]) -> bool {
    let count = parameters.len();
    let (constants, factors, halves) = (&line.constants[..count], &line.factors[..count], &line.arguments[..count]);
    let (angles, arguments) = (&mut angles[..count], &mut arguments[..count]);
    let mut finite = true;
    for k in 0..count {
        let angle = constants[k] + factors[k] * parameters[k];
        finite &= angle.is_finite();
        angles[k] = angle;
        arguments[k] = halves[k] * angle;
    }
    finite
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "as above")]
fn turns_generic<V>(angles: &[f64], sin: &mut [f64], cos: &mut [f64], tan: &mut [f64], re: &mut [f64], im: &mut [f64]) {
    let count = angles.len();
    let (sin, cos) = (&mut sin[..count], &mut cos[..count]);
    let (tan, re, im) = (&mut tan[..count], &mut re[..count], &mut im[..count]);
    let mut large = false;
    for k in 0..count {
        let x = angles[k];
        let (s, c) = small_sin_cos(x);
        (sin[k], cos[k]) = (s, c);
        (tan[k], re[k], im[k]) = double_angle(s, c);
        large |= x.abs() > LARGEST;
    }
    if large {
        for k in (0..count).filter(|&k| angles[k].abs() > LARGEST) {
            (sin[k], cos[k]) = angles[k].sin_cos();
            (tan[k], re[k], im[k]) = double_angle(sin[k], cos[k]);
        }
    }
}

/// The tangent, and the square of `c + i s`.
#[inline(always)]
fn double_angle(s: f64, c: f64) -> (f64, f64, f64) {
    (s / c, c * c - s * s, 2.0 * s * c)
}

#[inline(always)]
#[allow(clippy::extra_unused_type_parameters, reason = "as above")]
fn double_angles_generic<V>(sin: &[f64], cos: &[f64], tan: &mut [f64], re: &mut [f64], im: &mut [f64]) {
    let outputs = tan.iter_mut().zip(re).zip(im);
    for ((&s, &c), ((tan, re), im)) in sin.iter().zip(cos).zip(outputs) {
        (*tan, *re, *im) = double_angle(s, c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn sines_and_cosines_within_two_units_in_the_last_place() {
        let mut angles: Vec<f64> = (0..200_000).map(|k| (f64::from(k) - 1e5) * 1.000_37e-3).collect();
        let edges = [0.0, -0.0, 1e-300, 1e-9, 1e5, -1.6e6, 1e7, 1e22, f64::MAX];
        angles.extend(edges);
        angles.extend((-2000..2000).map(|k| f64::from(k) * std::f64::consts::FRAC_PI_4));
        let ulp = |x: f64| f64::from_bits(x.abs().to_bits() + 1) - x.abs();
        let mut bits = Vec::new();
        for level in Level::available() {
            let (mut sin, mut cos) = (vec![0.0; angles.len()], vec![0.0; angles.len()]);
            sin_cos(level, &angles, &mut sin, &mut cos);
            for (k, &x) in angles.iter().enumerate() {
                let (s, c) = x.sin_cos();
                assert!((sin[k] - s).abs() <= 2.0 * ulp(s), "sin({x:e}) = {s:e}, got {:e}", sin[k]);
                assert!((cos[k] - c).abs() <= 2.0 * ulp(c), "cos({x:e}) = {c:e}, got {:e}", cos[k]);
            }
            bits.push((sin, cos));
        }
        assert!(bits.windows(2).all(|pair| pair[0] == pair[1]), "every level writes the same bits");
    }
}
