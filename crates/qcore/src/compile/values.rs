//! What a binding of a plan holds: tangents, phases and scales, and how they are computed.

use num_complex::Complex64;
use std::ops::Range;

use super::recipes::{Extra, Followers, Recipes};
use super::schedule::{Element, Euler, Factor};
use crate::Level;
use crate::kernel::{self, EulerAngles, Pass, Quad, Values};

/// The numbers of a binding; each is an array with `stride` members per entry, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) stride: usize,
    /// Whether it holds the values of a plan.
    pub(crate) planned: bool,
    pub(crate) angles: Vec<f64>,
    /// What sine and cosine are taken of: half the angle, or the angle of a phase.
    pub(crate) arguments: Vec<f64>,
    pub(crate) sin: Vec<f64>,
    pub(crate) cos: Vec<f64>,
    pub(crate) tan: Vec<f64>,
    /// As many zeros as there are tangents, to read those as complex values.
    zeros: Vec<f64>,
    re: Vec<f64>,
    im: Vec<f64>,
    scales: Vec<f64>,
    /// The elements of the products of one-qubit gates: the real and the imaginary part of each of the four, of all products.
    matrices: Vec<f64>,
    /// What the products add to the global phase: real parts, imaginary parts.
    alphas: [Vec<f64>; 2],
    phase: Quad,
}

impl Bound {
    /// Numbers for `members` members (1 or 4) of programs with these recipes, with all angles 0.
    pub(crate) fn new(rotations: usize, recipes: Option<&Recipes>, members: usize) -> Self {
        let (turns, values, scales, products) = recipes.map_or((0, 0, 0, 0), |recipes| {
            (recipes.turns.len(), recipes.extras.len(), recipes.scales.len(), recipes.products.len())
        });
        let array = |len: usize, value: f64| vec![value; len * members];
        let mut bound = Self {
            stride: members,
            planned: recipes.is_some(),
            angles: array(rotations, 0.0),
            arguments: array(rotations, 0.0),
            sin: array(rotations, 0.0),
            cos: array(rotations + turns, 1.0),
            tan: array(rotations + turns, 0.0),
            zeros: array(rotations + turns, 0.0),
            re: array(rotations + values, 1.0),
            im: array(rotations + values, 0.0),
            scales: array(scales, 1.0),
            matrices: array(8 * products, 0.0),
            alphas: [array(products, 1.0), array(products, 0.0)],
            phase: Quad::ONE,
        };
        if let Some(recipes) = recipes {
            for (k, &(tan, cos)) in recipes.turns.iter().enumerate() {
                let at = (rotations + k) * members;
                bound.tan[at..at + members].fill(tan);
                bound.cos[at..at + members].fill(cos);
            }
            for (k, extra) in recipes.extras.iter().enumerate() {
                if let Extra::Constant(value) = extra {
                    let at = (rotations + k) * members;
                    bound.re[at..at + members].fill(value.re);
                    bound.im[at..at + members].fill(value.im);
                }
            }
            bound.follow(recipes, Level::PORTABLE);
        }
        bound
    }

    pub(crate) fn values(&self) -> Values<'_> {
        Values { re: &self.re, im: &self.im }
    }

    /// The tangents as values.
    pub(crate) fn tangents(&self) -> Values<'_> {
        Values { re: &self.tan, im: &self.zeros }
    }

    /// The products of the cosines of the layers, by index.
    pub(crate) fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// The global phase, per lane.
    pub(crate) fn phase(&self) -> Quad {
        self.phase
    }

    /// Whether it has room for the numbers of a single binding, each `stride` times.
    pub(crate) fn has_room_for(&self, single: &Self) -> bool {
        let fits = |own: &[f64], other: &[f64]| own.len() == self.stride * other.len();
        fits(&self.angles, &single.angles)
            && fits(&self.tan, &single.tan)
            && fits(&self.re, &single.re)
            && fits(&self.scales, &single.scales)
            && fits(&self.alphas[0], &single.alphas[0])
    }

    /// Takes the numbers of another binding of the same program, without allocation.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.angles.copy_from_slice(&other.angles);
        self.arguments.copy_from_slice(&other.arguments);
        self.sin.copy_from_slice(&other.sin);
        self.cos.copy_from_slice(&other.cos);
        self.tan.copy_from_slice(&other.tan);
        self.re.copy_from_slice(&other.re);
        self.im.copy_from_slice(&other.im);
        self.scales.copy_from_slice(&other.scales);
        self.alphas[0].copy_from_slice(&other.alphas[0]);
        self.alphas[1].copy_from_slice(&other.alphas[1]);
        self.phase = other.phase;
    }

    /// Gives all four members of a group the numbers of a single binding.
    pub(crate) fn spread_from(&mut self, single: &Self) {
        fn spread<T: Copy>(to: &mut [T], from: &[T]) {
            for (to, &from) in to.as_chunks_mut::<4>().0.iter_mut().zip(from) {
                *to = [from; 4];
            }
        }
        spread(&mut self.angles, &single.angles);
        spread(&mut self.arguments, &single.arguments);
        spread(&mut self.sin, &single.sin);
        spread(&mut self.cos, &single.cos);
        spread(&mut self.tan, &single.tan);
        spread(&mut self.re, &single.re);
        spread(&mut self.im, &single.im);
        spread(&mut self.scales, &single.scales);
        spread(&mut self.alphas[0], &single.alphas[0]);
        spread(&mut self.alphas[1], &single.alphas[1]);
        self.phase = single.phase;
    }

    /// The product of the cosines of a layer, per lane.
    pub(crate) fn scale(&self, index: Option<usize>) -> Quad {
        let Some(index) = index else { return Quad::ONE };
        let re = if self.stride == 1 { [self.scales[index]; 4] } else { self.scales.as_chunks::<4>().0[index] };
        Quad { re, im: [0.0; 4] }
    }

    /// The global phase times the scale of the first layer, per lane.
    pub(crate) fn start(&self, index: Option<usize>) -> Quad {
        let mut start = self.phase;
        let scale = self.scale(index);
        for l in 0..4 {
            start.re[l] *= scale.re[l];
            start.im[l] *= scale.re[l];
        }
        start
    }

    /// The square of the product of the cosines of a pass.
    pub(crate) fn squared_cosines(&self, pass: &Pass) -> f64 {
        let lanes: &[u32] = if pass.lanes { &pass.lane_tans } else { &[] };
        let turns = pass.row_tans[..pass.rows].iter().chain(lanes);
        let product: f64 = turns.map(|&turn| self.cos[turn as usize]).product();
        product * product
    }

    /// Whether no layer's cosines are so small that the products of two amplitudes without them could overflow.
    pub(crate) fn squares_in_range(&self) -> bool {
        self.scales.iter().all(|scale| scale.abs() > 1e-140)
    }

    /// Whether no layer's cosines are so small that the amplitudes without them could overflow.
    pub(crate) fn in_range(&self) -> bool {
        self.scales.iter().all(|scale| scale.abs() > 1e-280)
    }

    fn value(&self, index: u32, member: usize) -> Complex64 {
        let at = index as usize * self.stride + member;
        Complex64::new(self.re[at], self.im[at])
    }

    fn set_value(&mut self, index: u32, member: usize, value: Complex64) {
        let at = index as usize * self.stride + member;
        (self.re[at], self.im[at]) = (value.re, value.im);
    }

    /// The half angle's unit number of a rotation.
    fn half(&self, rotation: usize, member: usize) -> Complex64 {
        let at = rotation * self.stride + member;
        Complex64::new(self.cos[at], self.sin[at])
    }

    /// Computes sines and cosines of the arguments, and everything that follows from them.
    pub(crate) fn turn(&mut self, recipes: &Recipes, level: Level) {
        let n = self.sin.len();
        let Self { arguments, sin, cos, tan, re, im, .. } = self;
        kernel::turns(level, arguments, sin, &mut cos[..n], &mut tan[..n], &mut re[..n], &mut im[..n]);
        self.follow_others(recipes, level);
    }

    /// Computes everything that follows from sines and cosines of the rotations.
    pub(crate) fn follow(&mut self, recipes: &Recipes, level: Level) {
        let n = self.sin.len();
        kernel::double_angles(
            level,
            &self.sin,
            &self.cos[..n],
            &mut self.tan[..n],
            &mut self.re[..n],
            &mut self.im[..n],
        );
        self.follow_others(recipes, level);
    }

    /// Computes what the rotations do not give directly.
    fn follow_others(&mut self, recipes: &Recipes, level: Level) {
        let stride = self.stride;
        for &rotation in &recipes.whole_angles {
            for at in rotation * stride..(rotation + 1) * stride {
                (self.re[at], self.im[at]) = (self.cos[at], self.sin[at]);
            }
        }
        self.follow_products(recipes, level);
        for member in 0..stride {
            self.follow_phase(recipes, member);
        }
        for extra in 0..recipes.extras.len() {
            self.follow_extra(recipes, extra, 0..stride);
        }
        for scale in 0..recipes.scales.len() {
            self.follow_scale(recipes, scale, 0..stride);
        }
    }

    /// As [`Bound::follow`] from the arguments of some rotations, which it takes sine and cosine of, for the values and scales that follow from
    /// them alone. Products of gates and the global phase stay as they are.
    pub(crate) fn follow_some(
        &mut self,
        recipes: &Recipes,
        level: Level,
        rotations: &[Range<usize>],
        extras: &[usize],
        scales: &[usize],
    ) {
        for range in rotations {
            let at = self.stride * range.start..self.stride * range.end;
            let (sin, cos) = (&mut self.sin[at.clone()], &mut self.cos[at.clone()]);
            kernel::sin_cos(level, &self.arguments[at.clone()], sin, cos);
            let (tan, re, im) = (&mut self.tan[at.clone()], &mut self.re[at.clone()], &mut self.im[at]);
            kernel::double_angles(level, sin, cos, tan, re, im);
        }
        for &rotation in recipes.whole_angles.iter().filter(|&rotation| rotations.iter().any(|r| r.contains(rotation)))
        {
            for at in rotation * self.stride..(rotation + 1) * self.stride {
                (self.re[at], self.im[at]) = (self.cos[at], self.sin[at]);
            }
        }
        extras.iter().for_each(|&extra| self.follow_extra(recipes, extra, 0..self.stride));
        scales.iter().for_each(|&scale| self.follow_scale(recipes, scale, 0..self.stride));
    }

    /// As [`Bound::follow`] for one member, from the sines and cosines of some rotations; what does not depend on them stays as it is.
    pub(crate) fn follow_member(
        &mut self,
        recipes: &Recipes,
        followers: &[Followers],
        rotations: impl Iterator<Item = usize> + Clone,
        member: usize,
    ) {
        for rotation in rotations.clone() {
            let at = rotation * self.stride + member;
            let half = Complex64::new(self.cos[at], self.sin[at]);
            let whole = if followers[rotation].whole_angle { half } else { half * half };
            self.tan[at] = half.im / half.re;
            (self.re[at], self.im[at]) = (whole.re, whole.im);
        }
        let members = member..member + 1;
        // Values are made of those of products, scales of the turns of products.
        for rotation in rotations.clone() {
            followers[rotation].products.iter().for_each(|&product| self.follow_product(recipes, product, member));
        }
        for rotation in rotations {
            let Followers { extras, scales, phase, .. } = &followers[rotation];
            extras.iter().for_each(|&extra| self.follow_extra(recipes, extra, members.clone()));
            scales.iter().for_each(|&scale| self.follow_scale(recipes, scale, members.clone()));
            if *phase {
                self.follow_phase(recipes, member);
            }
        }
    }

    /// All products at once.
    fn follow_products(&mut self, recipes: &Recipes, level: Level) {
        let (stride, count) = (self.stride, recipes.products.len() * self.stride);
        let Some(&[before, after]) = recipes.product_values.first() else { return };
        for (product, (elements, _)) in recipes.products.iter().enumerate() {
            for member in 0..stride {
                let matrix = self.multiply(elements, member);
                for (k, element) in matrix.iter().enumerate() {
                    self.matrices[2 * k * count + product * stride + member] = element.re;
                    self.matrices[(2 * k + 1) * count + product * stride + member] = element.im;
                }
            }
        }
        let (turn, before, after) = (recipes.products[0].1 * stride, before as usize * stride, after as usize * stride);
        let Self { matrices, alphas: [alpha_re, alpha_im], re, im, cos, tan, .. } = self;
        // The values before rotations are followed by those after them.
        let (before_re, after_re) = re[before..].split_at_mut(after - before);
        let (before_im, after_im) = im[before..].split_at_mut(after - before);
        let out = EulerAngles {
            alpha: [alpha_re, alpha_im],
            before: [&mut before_re[..count], &mut before_im[..count]],
            after: [&mut after_re[..count], &mut after_im[..count]],
            cos: &mut cos[turn..turn + count],
            tan: &mut tan[turn..turn + count],
        };
        kernel::euler_angles(level, matrices, out);
    }

    fn follow_product(&mut self, recipes: &Recipes, product: usize, member: usize) {
        let (elements, turn) = &recipes.products[product];
        let [before, after] = recipes.product_values[product];
        let euler = Euler::new(&self.multiply(elements, member));
        self.set_value(before, member, euler.before);
        self.set_value(after, member, euler.after);
        self.tan[turn * self.stride + member] = euler.tan;
        self.cos[turn * self.stride + member] = euler.cos;
        let at = product * self.stride + member;
        (self.alphas[0][at], self.alphas[1][at]) = (euler.alpha.re, euler.alpha.im);
    }

    fn follow_phase(&mut self, recipes: &Recipes, member: usize) {
        // Four chains of additions, so that their latencies overlap.
        let mut sums = [0.0; 4];
        for turns in recipes.global_turns.chunks(4) {
            for (sum, &(rotation, weight)) in sums.iter_mut().zip(turns) {
                *sum += weight * self.angles[rotation * self.stride + member];
            }
        }
        let turned = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        let mut phase = recipes.phase * if turned == 0.0 { 1.0.into() } else { Complex64::cis(turned) };
        for (&re, &im) in self.alphas[0].iter().zip(&self.alphas[1]).skip(member).step_by(self.stride) {
            phase *= Complex64::new(re, im);
        }
        if self.stride == 1 {
            self.phase = Quad { re: [phase.re; 4], im: [phase.im; 4] };
        } else {
            (self.phase.re[member], self.phase.im[member]) = (phase.re, phase.im);
        }
    }

    fn follow_extra(&mut self, recipes: &Recipes, extra: usize, members: Range<usize>) {
        let index = (recipes.rotations + extra) as u32;
        for member in members {
            let value = match &recipes.extras[extra] {
                Extra::Constant(_) | Extra::Product => return,
                Extra::Chain(factors) => {
                    let product = factors.iter().map(|&factor| self.factor(recipes, factor, member));
                    product.fold(Complex64::new(1.0, 0.0), |a, b| a * b)
                }
                Extra::Start { tan, phase } => {
                    self.value(*phase, member) * self.tan[*tan as usize * self.stride + member]
                }
            };
            self.set_value(index, member, value);
        }
    }

    fn follow_scale(&mut self, recipes: &Recipes, scale: usize, members: Range<usize>) {
        let stride = self.stride;
        for member in members {
            self.scales[scale * stride + member] =
                recipes.scales[scale].iter().map(|&turn| self.cos[turn as usize * stride + member]).product();
        }
    }

    /// The vector `v` for which an element of a product is generated by `v . sigma / 2`, seen from between the real rotation and
    /// the diagonal operator that the product has become.
    pub(crate) fn frame(&self, recipes: &Recipes, product: usize, element: usize, member: usize) -> [f64; 3] {
        let elements = &recipes.products[product].0;
        let [a, b, c, d] = self.multiply(&elements[element + 1..], member);
        let after = self.value(recipes.product_values[product][1], member);
        // U = D^-1 A with D = diag(1, after), and the generator is U sigma U^-1.
        let (c, d) = (c * after.conj(), d * after.conj());
        let (axis, weight) = elements[element].axis();
        // U sigma U^-1 = [[p, q], [conj q, -p]].
        let (p, q) = match axis {
            0 => (2.0 * (a * b.conj()).re, a * d.conj() + b * c.conj()),
            1 => (2.0 * (a * b.conj()).im, Complex64::new(0.0, 1.0) * (b * c.conj() - a * d.conj())),
            _ => (a.norm_sqr() - b.norm_sqr(), a * c.conj() - b * d.conj()),
        };
        [weight * q.re, -weight * q.im, weight * p]
    }

    fn factor(&self, recipes: &Recipes, factor: Factor, member: usize) -> Complex64 {
        match factor {
            Factor::Phase(rotation) => self.value(rotation as u32, member),
            Factor::PhaseConjSquare(rotation) => {
                let value = self.value(rotation as u32, member).conj();
                value * value
            }
            Factor::HalfConj(rotation) => self.half(rotation, member).conj(),
            Factor::Constant(value) => value,
            Factor::Before(product) => self.value(recipes.product_values[product][0], member),
            Factor::After(product) => self.value(recipes.product_values[product][1], member),
        }
    }

    fn multiply(&self, elements: &[Element], member: usize) -> [Complex64; 4] {
        let (zero, one) = (Complex64::new(0.0, 0.0), Complex64::new(1.0, 0.0));
        let (first, rest) = match elements {
            [Element::Fixed(first), rest @ ..] => (*first, rest),
            [Element::RotateY(rotation), rest @ ..] => {
                let Complex64 { re: cos, im: sin } = self.half(*rotation, member);
                ([cos.into(), (-sin).into(), sin.into(), cos.into()], rest)
            }
            _ => ([one, zero, zero, one], elements),
        };
        rest.iter().fold(first, |[a, b, c, d], element| match *element {
            Element::RotateX(rotation) => {
                let half = self.half(rotation, member);
                let turned = |z: Complex64| Complex64::new(z.im * half.im, -z.re * half.im);
                [a * half.re + turned(c), b * half.re + turned(d), turned(a) + c * half.re, turned(b) + d * half.re]
            }
            Element::RotateY(rotation) => {
                let Complex64 { re: cos, im: sin } = self.half(rotation, member);
                [a * cos - c * sin, b * cos - d * sin, a * sin + c * cos, b * sin + d * cos]
            }
            Element::Diagonal(factor) => {
                let z = match factor {
                    Factor::Phase(rotation) => self.value(rotation as u32, member),
                    Factor::HalfConj(rotation) => self.half(rotation, member).conj(),
                    Factor::Constant(value) => value,
                    _ => unreachable!("a product of gates begins with gates"),
                };
                [a, b, c * z, d * z]
            }
            Element::Fixed([e, f, g, h]) => [e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d],
        })
    }
}
