//! Exact gradients: what adjoint differentiation needs to know of an expectation, and its working memory.

use std::sync::{Arc, OnceLock};

use qcore::{
    BatchDerivatives, BatchSelection, Binding, Cone, Derivatives, Level, Param, PauliSum, Program, Reverse,
    TangentDerivatives,
};

use crate::{Error, Estimate, Expectation};

/// The rotations to differentiate, and how derivatives by their angles become components of the gradient.
#[derive(Debug)]
pub(crate) struct AdjointPlan {
    /// The part of the circuit that the observables see, with them, if that is not all of it.
    cone: Option<(Cone, Vec<PauliSum>)>,
    derivatives: Derivatives,
    chain: Vec<Link>,
    /// The links of angles that are affine in the parameters, and the others by number.
    lines: Vec<Line>,
    curves: Vec<usize>,
    /// Whether it pays to go step by step: few derivatives on a narrow register, where a plan costs more than it saves.
    stepwise: bool,
    /// The same derivatives for many rows; made when they are asked for.
    batch: OnceLock<Option<BatchDerivatives>>,
    /// For many rows, what each component of the gradient alone needs; made when it is asked for.
    components: Vec<OnceLock<Option<Component>>>,
    /// The same derivatives along directions; made when they are asked for.
    tangents: OnceLock<Option<TangentDerivatives>>,
}

/// Registers of at most so many qubits, with at most so many rotations to differentiate, go step by step.
const STEPWISE: (usize, usize) = (8, 2);

/// `gradient[position] += by_angle[derivative] * d angle / d parameter`.
#[derive(Clone, Copy, Debug)]
struct Link {
    derivative: usize,
    position: usize,
    param: Param,
    /// The derivative of the angle, where it does not depend on the parameters.
    factor: Option<f64>,
}

/// One component of the gradient, for many rows.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) selection: BatchSelection,
    /// The links of its rotations, as numbers of the selection and all to position 0.
    links: Vec<Link>,
    rotations: Vec<usize>,
}

/// `gradient[position] += factor * by_angle[derivative]`: a [`Link`] whose factor is known.
#[derive(Clone, Copy, Debug)]
struct Line {
    derivative: u32,
    position: u32,
    factor: f64,
}

impl AdjointPlan {
    pub(crate) fn new(expectation: &Expectation) -> Self {
        let observables = expectation.measurement().observables();
        let cone = expectation.program().cone(observables).map(|cone| {
            let observables = observables.iter().map(|observable| cone.observable(observable)).collect();
            (cone, observables)
        });
        let program = cone.as_ref().map_or(expectation.program(), |(cone, _)| cone.program());
        let place = |rotation: usize| match &cone {
            Some((cone, _)) => cone.rotations().binary_search(&rotation).ok(),
            None => Some(rotation),
        };
        let (mut rotations, mut chain) = (Vec::new(), Vec::new());
        for active in expectation.active() {
            // What the observables do not see has the derivative 0.
            let Some(rotation) = place(active.rotation) else { continue };
            let derivative = rotations.len();
            rotations.push(rotation);
            let angle = program.rotations()[rotation].angle();
            for &(position, param) in &active.parameters {
                let factor = angle.as_affine().map(|_| angle.derivative(&[], param));
                chain.push(Link { derivative, position, param, factor });
            }
        }
        let derivatives = Derivatives::new(program, &rotations);
        let stepwise = program.num_qubits() <= STEPWISE.0 && rotations.len() <= STEPWISE.1;
        let line = |link: &Link| {
            let (derivative, position) = (link.derivative as u32, link.position as u32);
            link.factor.map(|factor| Line { derivative, position, factor })
        };
        let lines = chain.iter().filter_map(line).collect();
        let curves = (0..chain.len()).filter(|&link| chain[link].factor.is_none()).collect();
        let components = expectation.wrt().iter().map(|_| OnceLock::new()).collect();
        let (batch, tangents) = (OnceLock::new(), OnceLock::new());
        Self { cone, derivatives, chain, lines, curves, stepwise, batch, components, tangents }
    }

    /// The circuit that is run: what the observables see of it.
    pub(super) fn program<'a>(&'a self, expectation: &'a Expectation) -> &'a Program {
        self.cone.as_ref().map_or(expectation.program(), |(cone, _)| cone.program())
    }

    /// A binding for the circuit that is run.
    pub(super) fn binding(&self, program: &Program) -> Binding {
        if self.stepwise { Binding::stepwise(program) } else { Binding::new(program) }
    }

    /// The observables on the qubits of the program.
    pub(super) fn observables<'a>(&'a self, expectation: &'a Expectation) -> &'a [PauliSum] {
        self.cone.as_ref().map_or(expectation.measurement().observables(), |(_, observables)| observables)
    }

    /// The derivatives for many rows, if the circuit can be run in groups and anything is to be differentiated.
    pub(super) fn batch(&self, expectation: &Expectation) -> Option<&BatchDerivatives> {
        let new = || BatchDerivatives::new(self.program(expectation), self.derivatives.rotations());
        self.batch.get_or_init(new).as_ref()
    }

    /// What the component at a position of [`Expectation::wrt`] needs of the derivatives for many rows; `None` if it is 0 everywhere.
    pub(super) fn component(&self, batch: &BatchDerivatives, position: usize) -> Option<&Component> {
        let new = || {
            let (mut links, mut rotations) = (Vec::new(), Vec::new());
            for link in self.chain.iter().filter(|link| link.position == position) {
                links.push(Link { derivative: rotations.len(), position: 0, ..*link });
                rotations.push(self.derivatives.rotations()[link.derivative]);
            }
            let selection = if links.is_empty() { None } else { batch.select(&rotations) };
            Some(Component { selection: selection?, links, rotations })
        };
        self.components.get(position)?.get_or_init(new).as_ref()
    }

    /// The derivatives along directions, if the circuit has a plan for them and anything is to be differentiated.
    pub(super) fn tangents(&self, expectation: &Expectation) -> Option<&TangentDerivatives> {
        let new = || TangentDerivatives::new(self.program(expectation), self.derivatives.rotations());
        self.tangents.get_or_init(new).as_ref()
    }

    /// The derivative of an angle by one of its parameters.
    fn slope(&self, program: &Program, row: &[f64], link: &Link) -> f64 {
        let angle = || program.rotations()[self.derivatives.rotations()[link.derivative]].angle();
        link.factor.unwrap_or_else(|| angle().derivative(row, link.param))
    }

    /// Adds what derivatives by angles make of each component of the gradient.
    pub(super) fn chain(&self, program: &Program, row: &[f64], by_angle: &[f64], out: &mut [f64]) {
        for &Line { derivative, position, factor } in &self.lines {
            out[position as usize] += factor * by_angle[derivative as usize];
        }
        for link in self.curves.iter().map(|&link| &self.chain[link]) {
            out[link.position] += self.slope(program, row, link) * by_angle[link.derivative];
        }
    }

    /// How fast each angle changes along a direction in the parameters.
    pub(super) fn rates(&self, program: &Program, row: &[f64], direction: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for link in &self.chain {
            out[link.derivative] += self.slope(program, row, link) * direction[link.position];
        }
    }

    /// Adds derivatives by angles that are not affine times the second derivatives of these angles, times a direction.
    pub(super) fn bend(&self, program: &Program, row: &[f64], by_angle: &[f64], direction: &[f64], out: &mut [f64]) {
        for links in self.chain.chunk_by(|a, b| a.derivative == b.derivative) {
            if links[0].factor.is_some() {
                continue;
            }
            let derivative = links[0].derivative;
            let angle = program.rotations()[self.derivatives.rotations()[derivative]].angle();
            for first in links {
                for second in links {
                    let bend = angle.second_derivative(row, first.param, second.param);
                    out[first.position] += by_angle[derivative] * bend * direction[second.position];
                }
            }
        }
    }

    /// Whether all angles that are differentiated are affine in the parameters.
    pub(super) fn is_affine(&self) -> bool {
        self.curves.is_empty()
    }

    /// Number of derivatives by angles.
    pub(super) fn num_derivatives(&self) -> usize {
        self.derivatives.rotations().len()
    }

    /// Adds what the derivatives by angles at up to four rows make of each component of the gradient.
    pub(super) fn chain_lanes(&self, program: &Program, rows: &[&[f64]], by_angle: &[[f64; 4]], out: &mut [[f64; 4]]) {
        chain_lanes(&self.chain, self.derivatives.rotations(), program, rows, by_angle, out);
    }

    /// Whether nothing is to be differentiated.
    pub(super) fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }
}

impl Component {
    /// Number of derivatives by angles.
    pub(super) fn num_derivatives(&self) -> usize {
        self.rotations.len()
    }

    /// As [`AdjointPlan::chain_lanes`], from the derivatives of the selection to one number.
    pub(super) fn chain_lanes(&self, program: &Program, rows: &[&[f64]], by_angle: &[[f64; 4]], out: &mut [[f64; 4]]) {
        chain_lanes(&self.links, &self.rotations, program, rows, by_angle, out);
    }
}

fn chain_lanes(
    links: &[Link],
    rotations: &[usize],
    program: &Program,
    rows: &[&[f64]],
    by_angle: &[[f64; 4]],
    out: &mut [[f64; 4]],
) {
    for link in links {
        let (to, derivative) = (&mut out[link.position], &by_angle[link.derivative]);
        if let Some(factor) = link.factor {
            to.iter_mut().zip(derivative).for_each(|(to, derivative)| *to += factor * derivative);
            continue;
        }
        let angle = program.rotations()[rotations[link.derivative]].angle();
        for ((to, derivative), row) in to.iter_mut().zip(derivative).zip(rows) {
            *to += angle.derivative(row, link.param) * derivative;
        }
    }
}

/// Working memory of exact gradients, kept between calls for the same expectation.
#[derive(Clone, Debug)]
pub(super) struct Gradients {
    plan: Arc<AdjointPlan>,
    binding: Binding,
    reverse: Reverse,
    by_angle: Vec<f64>,
}

impl Gradients {
    /// The memory of the last call if it fits, or new one.
    pub(super) fn of<'a>(
        kept: &'a mut Option<Self>,
        expectation: &Expectation,
        level: Level,
    ) -> Result<&'a mut Self, Error> {
        let plan = expectation.adjoint_plan();
        if !kept.as_ref().is_some_and(|same| Arc::ptr_eq(&same.plan, plan)) {
            let program = plan.program(expectation);
            let fitting = kept.take().map(|other| other.reverse).filter(|r| r.num_qubits() == program.num_qubits());
            let reverse = match fitting {
                Some(reverse) => reverse,
                None => Reverse::new(program.num_qubits())?.with_level(level),
            };
            let by_angle = vec![0.0; plan.derivatives.rotations().len()];
            let binding = plan.binding(program);
            *kept = Some(Self { plan: plan.clone(), binding, reverse, by_angle });
        }
        Ok(kept.as_mut().expect("it has just been made if it was not there"))
    }

    /// Runs the circuit at a row of parameters.
    pub(super) fn forward(&mut self, expectation: &Expectation, row: &[f64]) -> Result<(), Error> {
        let program = self.plan.program(expectation);
        program.bind(row, &mut self.binding)?;
        Ok(self.reverse.forward(program, &self.binding, &self.plan.derivatives)?)
    }

    /// The values of the observables after [`Gradients::forward`].
    pub(super) fn values(&self, observables: &[PauliSum], out: &mut [Estimate]) -> Result<(), Error> {
        for (value, observable) in out.iter_mut().zip(observables) {
            *value = Estimate::exact(self.reverse.state().expectation(observable)?);
        }
        Ok(())
    }

    /// Adds the gradient of the weighted sum of the observables to `out`; needs a [`Gradients::forward`] at this row before it.
    pub(super) fn backward(
        &mut self,
        expectation: &Expectation,
        row: &[f64],
        observables: &[(f64, &PauliSum)],
        out: &mut [f64],
    ) -> Result<(), Error> {
        let Self { plan, binding, reverse, by_angle } = self;
        let program = plan.program(expectation);
        reverse.backward(program, binding, &plan.derivatives, observables, by_angle)?;
        plan.chain(program, row, by_angle, out);
        Ok(())
    }
}

/// Derivatives by the angles of the last rotations, for some places from which on they are read.
#[derive(Debug)]
pub(crate) struct Suffixes {
    plan: Arc<AdjointPlan>,
    /// Index among the active rotations of the expectation of each rotation that is seen, ascending.
    active: Vec<usize>,
    /// The first rotation that is read, and the derivatives from there on.
    from: Vec<(usize, Derivatives)>,
}

/// Longer lists of rotations are read from so many places on.
const SUFFIXES: usize = 4;

impl Suffixes {
    pub(crate) fn new(expectation: &Expectation) -> Self {
        let plan = expectation.adjoint_plan().clone();
        let program = plan.program(expectation);
        let rotations = plan.derivatives.rotations();
        let whole = |place: usize| plan.cone.as_ref().map_or(place, |(cone, _)| cone.rotations()[place]);
        let mut seen = rotations.iter().map(|&rotation| whole(rotation)).peekable();
        let is_seen = |&index: &usize| seen.next_if_eq(&expectation.active()[index].rotation).is_some();
        let active: Vec<usize> = (0..expectation.active().len()).filter(is_seen).collect();
        let step = active.len().div_ceil(SUFFIXES).max(SUFFIXES);
        let from = (0..active.len()).step_by(step);
        let from = from.map(|first| (first, Derivatives::new(program, &rotations[first..]))).collect();
        Self { plan, active, from }
    }

    /// Index among the active rotations of the expectation of each rotation that is seen.
    pub(crate) fn active(&self) -> &[usize] {
        &self.active
    }
}

/// Gradients by angles with one angle displaced.
pub(crate) struct Shifted<'a> {
    expectation: &'a Expectation,
    suffixes: &'a Suffixes,
    observables: Vec<(f64, &'a PauliSum)>,
    binding: Binding,
    reverse: Reverse,
    by_angle: Vec<f64>,
}

impl<'a> Shifted<'a> {
    pub(crate) fn new(
        expectation: &'a Expectation,
        suffixes: &'a Suffixes,
        level: Level,
        weights: &[f64],
    ) -> Result<Self, Error> {
        let program = suffixes.plan.program(expectation);
        Ok(Self {
            expectation,
            suffixes,
            observables: weights.iter().copied().zip(suffixes.plan.observables(expectation)).collect(),
            binding: Binding::new(program),
            reverse: Reverse::new(program.num_qubits())?.with_level(level),
            by_angle: Vec::new(),
        })
    }

    /// The derivatives of the weighted sum of the observables by the angles of rotation `from` (or one before it) up to the last one,
    /// with one angle displaced; rotations are counted among those that are seen.
    pub(crate) fn by_angle(&mut self, row: &[f64], shift: Option<(usize, f64)>, from: usize) -> Result<&[f64], Error> {
        let Self { expectation, suffixes, observables, binding, reverse, by_angle } = self;
        let program = suffixes.plan.program(expectation);
        program.bind(row, binding)?;
        if let Some((rotation, angle)) = shift {
            program.shift(suffixes.plan.derivatives.rotations()[rotation], angle, binding);
        }
        let Some((_, derivatives)) = suffixes.from.iter().rfind(|(first, _)| *first <= from) else { return Ok(&[]) };
        by_angle.resize(derivatives.rotations().len(), 0.0);
        reverse.forward(program, binding, derivatives)?;
        reverse.backward(program, binding, derivatives, observables, by_angle)?;
        Ok(by_angle)
    }
}
