//! How the numbers of a binding follow from the angles of a program's rotations.

use num_complex::Complex64;
use smallvec::SmallVec;
use std::collections::HashMap;

use super::schedule::{Element, Factor, Factors, Schedule, Turn};

/// So many constants and fixed rotations are looked up in a list.
const FEW: usize = 8;

/// The turns of a layer.
pub(super) type Turns = SmallVec<[u32; 8]>;

/// A value that a rotation does not give directly.
#[derive(Clone, Debug)]
pub(super) enum Extra {
    Constant(Complex64),
    Chain(Factors),
    /// Written by a product of one-qubit gates.
    Product,
    /// A tangent times a phase.
    Start {
        tan: u32,
        phase: u32,
    },
}

/// How the values of a plan follow from the angles of its rotations.
///
/// Values and tangents are numbered: those of the rotations first, in their order, then the others.
#[derive(Clone, Debug)]
pub(crate) struct Recipes {
    pub(super) rotations: usize,
    /// The rotations `diag(1, e^{i theta})`, whose sine and cosine are those of the whole angle.
    pub(super) whole_angles: Vec<usize>,
    pub(super) extras: Vec<Extra>,
    /// Tangent and cosine of fixed rotations and, until they are known, of products.
    pub(super) turns: Vec<(f64, f64)>,
    /// The first fixed rotations, with the indices of their tangents.
    fixed: Vec<((f64, f64), u32)>,
    pub(super) products: Vec<(Vec<Element>, usize)>,
    pub(super) product_values: Vec<[u32; 2]>,
    product_turns: Vec<u32>,
    pub(super) scales: Vec<Turns>,
    pub(super) phase: Complex64,
    pub(super) global_turns: Vec<(usize, f64)>,
    constants: HashMap<[u64; 2], u32>,
    /// The first constants, which are the common ones.
    first_constants: Vec<([u64; 2], u32)>,
}

impl Recipes {
    pub(super) fn new(rotations: usize, whole_angles: Vec<usize>, schedule: &Schedule) -> Self {
        let mut recipes = Self {
            rotations,
            whole_angles,
            extras: Vec::new(),
            turns: vec![(0.0, 1.0)],
            fixed: Vec::new(),
            products: Vec::new(),
            product_values: Vec::new(),
            product_turns: Vec::new(),
            scales: Vec::new(),
            phase: schedule.phase,
            global_turns: schedule.global_turns.clone(),
            constants: HashMap::new(),
            first_constants: Vec::new(),
        };
        // All tangents, all values before and all values after rotations are consecutive: they are computed at once.
        for elements in &schedule.products {
            let turn = recipes.push_turn(0.0, 1.0);
            recipes.products.push((elements.clone(), turn as usize));
            recipes.product_turns.push(turn);
        }
        let befores: Vec<u32> = schedule.products.iter().map(|_| recipes.push(Extra::Product)).collect();
        for before in befores {
            let after = recipes.push(Extra::Product);
            recipes.product_values.push([before, after]);
        }
        recipes
    }

    /// Index of the tangent 0.
    pub(super) fn no_turn(&self) -> u32 {
        self.rotations as u32
    }

    pub(super) fn turn(&mut self, turn: Turn) -> u32 {
        match turn {
            Turn::Rotation(rotation) => rotation as u32,
            Turn::Fixed { tan, cos } => {
                // Layers of the same fixed gate are common.
                let known = self.fixed.iter().find(|(turn, _)| *turn == (tan, cos));
                if let Some(&(_, index)) = known {
                    return index;
                }
                let index = self.push_turn(tan, cos);
                if self.fixed.len() < FEW {
                    self.fixed.push(((tan, cos), index));
                }
                index
            }
            Turn::Product(product) => self.product_turns[product],
        }
    }

    fn push_turn(&mut self, tan: f64, cos: f64) -> u32 {
        self.turns.push((tan, cos));
        (self.rotations + self.turns.len() - 1) as u32
    }

    fn push(&mut self, extra: Extra) -> u32 {
        self.extras.push(extra);
        (self.rotations + self.extras.len() - 1) as u32
    }

    pub(super) fn constant(&mut self, value: Complex64) -> u32 {
        let key = [value.re.to_bits(), value.im.to_bits()];
        if let Some(&(_, index)) = self.first_constants.iter().find(|constant| constant.0 == key) {
            return index;
        }
        if let Some(&index) = self.constants.get(&key) {
            return index;
        }
        let index = self.push(Extra::Constant(value));
        if self.first_constants.len() < FEW {
            self.first_constants.push((key, index));
        } else {
            self.constants.insert(key, index);
        }
        index
    }

    /// Index of a product of factors.
    pub(super) fn value(&mut self, factors: &[Factor]) -> u32 {
        let mut constant = Complex64::new(1.0, 0.0);
        let mut chain = Factors::new();
        for factor in factors {
            match factor {
                Factor::Constant(c) => constant *= c,
                other => chain.push(*other),
            }
        }
        let trivial = constant == Complex64::new(1.0, 0.0);
        match (chain.as_slice(), trivial) {
            ([], _) => self.constant(constant),
            ([Factor::Phase(rotation)], true) => *rotation as u32,
            ([Factor::Before(product)], true) => self.product_values[*product][0],
            ([Factor::After(product)], true) => self.product_values[*product][1],
            _ => {
                if !trivial {
                    chain.push(Factor::Constant(constant));
                }
                self.push(Extra::Chain(chain))
            }
        }
    }

    /// Index of a tangent times a phase, for states that begin as a product.
    pub(super) fn start(&mut self, tan: u32, phase: u32) -> u32 {
        self.push(Extra::Start { tan, phase })
    }

    /// What depends on each rotation.
    pub(super) fn followers(&self) -> Vec<Followers> {
        let mut followers = vec![Followers::default(); self.rotations];
        for (product, (elements, _)) in self.products.iter().enumerate() {
            for rotation in elements.iter().filter_map(Element::rotation) {
                followers[rotation].products.push(product);
                followers[rotation].phase = true;
            }
        }
        self.global_turns.iter().for_each(|&(rotation, _)| followers[rotation].phase = true);
        self.whole_angles.iter().for_each(|&rotation| followers[rotation].whole_angle = true);
        for (extra, rotations) in self.rotations_of_extras().into_iter().enumerate() {
            rotations.into_iter().for_each(|rotation| followers[rotation].extras.push(extra));
        }
        for (scale, rotations) in self.rotations_of_scales().into_iter().enumerate() {
            rotations.into_iter().for_each(|rotation| followers[rotation].scales.push(scale));
        }
        followers
    }

    /// Index of the product of the cosines of these turns.
    pub(super) fn scale(&mut self, turns: Turns) -> usize {
        self.scales.push(turns);
        self.scales.len() - 1
    }
}

/// What depends on the angle of a rotation besides its own value and tangent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followers {
    pub(super) products: Vec<usize>,
    pub(super) extras: Vec<usize>,
    pub(super) scales: Vec<usize>,
    /// Whether the global phase does.
    pub(super) phase: bool,
    /// Whether its sine and cosine are those of the whole angle.
    pub(super) whole_angle: bool,
}
