//! Energies to minimize: spin chains, molecules, cuts of a graph, or an observable of one's own.

use std::f64::consts::PI;

use nalgebra::DMatrix;
use qcore::{Circuit, Gate, Param, PauliString, PauliSum};
use qgrad::objective::{ExpectationObjective, axes_of, is_sinusoidal, with_axes};
use qgrad::{Backend, Estimator, Expectation, Metric};
use qopt::{Axis, Role, Streams};

use super::exact::ExactValues;
use super::{Assessment, Instance, Readout, Task, Trainable};
use crate::applicability::Need;
use crate::chemistry::Molecule;
use crate::graph::Graph;
use crate::plateau::uniform_angles;
use crate::{Error, ansatz, spectrum};

/// The expectation value of an observable on a parametrized circuit, minimized from uniformly random angles. The loss of an
/// [`Assessment`] is the energy above the lowest eigenvalue of the observable, which only an ansatz that can reach its state
/// brings to 0.
#[derive(Clone, Debug)]
pub struct GroundState {
    name: String,
    description: String,
    circuit: Circuit,
    observable: PauliSum,
    lowest: f64,
    threshold: f64,
    /// Whether the energy is a sine wave in each parameter.
    waves: bool,
    /// The axis of each parameter; none if one has none.
    axes: Vec<Axis>,
}

impl GroundState {
    /// `H = -J sum Z_i Z_{i+1} - h sum X_i` on an open chain of `qubits` sites with coupling `J` and field `h`, and an ansatz of
    /// `layers` hardware-efficient layers (`2 n layers` parameters). Solved within 5 % of the ground energy.
    ///
    /// # Errors
    ///
    /// [`Error::Circuit`] for an impossible chain, [`Error::Range`] without a layer.
    pub fn ising(qubits: usize, coupling: f64, field: f64, layers: usize) -> Result<Self, Error> {
        let observable = PauliSum::transverse_field_ising(qubits, coupling, field)?;
        let lowest = ising_ground_energy(qubits, coupling, field);
        let description = format!(
            "ground state of H = {observable} on an open chain of {qubits} qubits, {layers} hardware-efficient layers (RY, RZ, CZ), {} \
             parameters",
            2 * qubits * layers
        );
        let circuit = layered(qubits, layers)?;
        Ok(Self::assembled(format!("tfim-{qubits}"), description, circuit, observable, lowest, 0.05 * lowest.abs()))
    }

    /// The electronic energy of a molecule on `layers` hardware-efficient layers, in hartree. Solved within 0.02 hartree of the
    /// lowest eigenvalue of all particle numbers, since this ansatz does not conserve the number of electrons.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] without a layer.
    pub fn molecule(molecule: &Molecule, layers: usize) -> Result<Self, Error> {
        let qubits = molecule.qubits();
        let description = format!(
            "electronic energy of {} ({} electrons on {qubits} qubits, {} terms, basis {}), {layers} hardware-efficient layers (RY, RZ, \
                 CZ), {} parameters",
            molecule.name(),
            molecule.electrons(),
            molecule.hamiltonian().terms().len(),
            molecule.basis(),
            2 * qubits * layers
        );
        let (name, hamiltonian) = (molecule.name().to_lowercase(), molecule.hamiltonian().clone());
        let circuit = layered(qubits, layers)?;
        Ok(Self::assembled(name, description, circuit, hamiltonian, molecule.lowest_energy(), 0.02))
    }

    /// MaxCut by the quantum approximate optimization algorithm: `depth` rounds of `exp(-i gamma/2 w ZZ)` on every edge and RX on
    /// every node from the uniform superposition, two shared parameters per round (E. Farhi, J. Goldstone, S. Gutmann,
    /// arXiv:1411.4028). The energy is minus the expected cut; solved at 0.85 of the best cut.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] without a round or for more than 24 nodes (the best cut is found by trying all).
    pub fn max_cut(name: impl Into<String>, graph: &Graph, depth: usize) -> Result<Self, Error> {
        if depth == 0 {
            return Err(Error::Range { what: "the number of rounds", value: 0.0, allowed: "at least 1" });
        }
        let nodes = graph.nodes();
        let best = graph.max_cut()?;
        let mut terms = Vec::new();
        for &(a, b, weight) in graph.edges() {
            terms.push((-0.5 * weight, PauliString::IDENTITY));
            terms.push((0.5 * weight, PauliString::z_on(&[a, b])?));
        }
        let mut circuit = Circuit::new(nodes)?;
        let params = circuit.parameters_named("t", 2 * depth)?;
        for node in 0..nodes {
            circuit.h(node)?;
        }
        for round in params.chunks_exact(2) {
            for &(a, b, weight) in graph.edges() {
                circuit.gate(Gate::Rzz, &[a, b], &[qcore::Angle::affine(0.0, &[(round[0], weight)])])?;
            }
            for node in 0..nodes {
                circuit.rx(node, round[1])?;
            }
        }
        let description = format!(
            "MaxCut of a graph of {nodes} nodes and {} edges (best cut {best}), {depth} rounds of QAOA, {} parameters",
            graph.edges().len(),
            2 * depth
        );
        let observable = PauliSum::new(terms)?;
        Ok(Self::assembled(name.into(), description, circuit, observable, -best, 0.15 * best))
    }

    /// The global cost `1 - |<0|U|0>|^2` of `layers` hardware-efficient layers on `qubits` qubits, from uniformly random angles: its derivatives
    /// vanish exponentially with the number of qubits (M. Cerezo et al., Nat. Commun. 12, 1791 (2021)). Solved below 0.5. The projector is a sum
    /// of `2^n` strings of Z, read in one setting.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] without a layer or unless `1 <= qubits <= 12`.
    pub fn global_cost(qubits: usize, layers: usize) -> Result<Self, Error> {
        if !(1..=12).contains(&qubits) {
            return Err(Error::Range { what: "the number of qubits", value: qubits as f64, allowed: "1 to 12" });
        }
        let circuit = layered(qubits, layers)?;
        let share = (-(qubits as f64)).exp2();
        let strings =
            (0..1_u64 << qubits).map(|z| (if z == 0 { 1.0 - share } else { -share }, PauliString::from_masks(0, z)));
        let description = format!(
            "global cost 1 - |<0|U|0>|^2 of {layers} hardware-efficient layers (RY, RZ, CZ) on {qubits} qubits, {} parameters",
            2 * qubits * layers
        );
        let observable = PauliSum::new(strings)?;
        Ok(Self::assembled(format!("hea-{qubits}"), description, circuit, observable, 0.0, 0.5))
    }

    /// A circuit and an observable of one's own; every parameter is trained. The lowest eigenvalue is computed (Lanczos).
    /// Solved within 5 % of the width of the spectrum's bound `sum |c_k|`.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] without parameters or for more than 16 qubits, [`Error::Circuit`] for an observable beyond the register.
    pub fn custom(name: impl Into<String>, circuit: Circuit, observable: PauliSum) -> Result<Self, Error> {
        let parameters = circuit.parameters().len();
        if parameters == 0 {
            return Err(Error::Range { what: "the number of parameters", value: 0.0, allowed: "at least 1" });
        }
        let value = observable.one_norm();
        if value == 0.0 {
            return Err(Error::Range {
                what: "the sum of |coefficients| that are not of the identity",
                value,
                allowed: "above 0",
            });
        }
        let lowest = spectrum::lowest_eigenvalue(&observable, circuit.num_qubits())?;
        let description = format!(
            "lowest value of {observable} on a circuit of {} qubits, {parameters} parameters",
            circuit.num_qubits()
        );
        let threshold = 0.05 * observable.one_norm();
        Ok(Self::assembled(name.into(), description, circuit, observable, lowest, threshold))
    }

    fn assembled(
        name: String,
        description: String,
        circuit: Circuit,
        observable: PauliSum,
        lowest: f64,
        threshold: f64,
    ) -> Self {
        let all: Vec<Param> = (0..circuit.parameters().len()).map(Param::new).collect();
        let axes = axes_of(&circuit, &all).unwrap_or_default();
        // What cannot be differentiated is refused where it is trained.
        let waves = Expectation::new(&circuit, vec![observable.clone()], &all).is_ok_and(|it| is_sinusoidal(&it));
        Self { name, description, circuit, observable, lowest, threshold, waves, axes }
    }

    /// The same task under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The lowest eigenvalue of the observable, from which losses are counted.
    #[must_use]
    pub fn lowest_energy(&self) -> f64 {
        self.lowest
    }

    /// The energy on the ansatz, with all its parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Gradient`] for a circuit with a gate that has no shift rule.
    pub fn expectation(&self) -> Result<Expectation, Error> {
        Ok(Expectation::of_all_parameters(&self.circuit, vec![self.observable.clone()])?)
    }
}

/// Hardware-efficient layers on a register.
fn layered(qubits: usize, layers: usize) -> Result<Circuit, Error> {
    if layers == 0 {
        return Err(Error::Range { what: "the number of layers", value: 0.0, allowed: "at least 1" });
    }
    let mut circuit = Circuit::new(qubits)?;
    let params = circuit.parameters_named("t", 2 * qubits * layers)?;
    ansatz::hardware_efficient(&mut circuit, &params)?;
    Ok(circuit)
}

/// The exact ground energy of the open chain, by free fermions: minus the sum of the singular values of the bidiagonal matrix
/// with `h` on the diagonal and `J` above it (P. Pfeuty, Ann. Phys. 57, 79 (1970)).
fn ising_ground_energy(qubits: usize, coupling: f64, field: f64) -> f64 {
    let matrix = DMatrix::from_fn(qubits, qubits, |row, column| match column.checked_sub(row) {
        Some(0) => field,
        Some(1) => coupling,
        _ => 0.0,
    });
    -matrix.singular_values().sum()
}

impl Task for GroundState {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> String {
        self.description.clone()
    }

    fn offers(&self, need: Need) -> bool {
        match need {
            Need::Metric | Need::Partials | Need::Shots => true,
            Need::Fidelities => self.circuit.num_qubits() <= Metric::MAX_OVERLAP_QUBITS,
            Need::Axes => !self.axes.is_empty(),
            Need::SineWaves => self.waves,
        }
    }

    fn threshold(&self) -> f64 {
        self.threshold
    }

    fn circuit(&self) -> Option<&Circuit> {
        Some(&self.circuit)
    }

    fn instance(&self, streams: &Streams) -> Result<Box<dyn Instance>, Error> {
        let expectation = self.expectation()?;
        let start = uniform_angles(expectation.wrt().len(), &mut streams.at(0).rng(Role::Start));
        let (axes, exact) = (self.axes.clone(), ExactValues::default());
        Ok(Box::new(Energy { expectation, start, lowest: self.lowest, axes, exact }))
    }
}

struct Energy {
    expectation: Expectation,
    start: Vec<f64>,
    lowest: f64,
    axes: Vec<Axis>,
    exact: ExactValues,
}

impl Instance for Energy {
    fn start(&self) -> &[f64] {
        &self.start
    }

    fn start_interval(&self) -> (f64, f64) {
        (0.0, 2.0 * PI)
    }

    fn axes(&self) -> &[Axis] {
        &self.axes
    }

    fn with_axes(&self, axes: &[Axis]) -> Result<Box<dyn Instance>, Error> {
        let Self { expectation, start, lowest, .. } = self;
        let exact = ExactValues::default();
        let circuit = with_axes(expectation.circuit(), expectation.wrt(), axes)?;
        let observables = expectation.measurement().observables().to_vec();
        let expectation = Expectation::of_all_parameters(&circuit, observables)?;
        Ok(Box::new(Self { expectation, start: start.clone(), lowest: *lowest, axes: axes.to_vec(), exact }))
    }

    fn objective(&self, readout: &Readout) -> Result<Box<dyn Trainable>, Error> {
        let (estimator, backend) = readout.reader()?;
        Ok(Box::new(ExpectationObjective::new(self.expectation.clone(), estimator, backend)?))
    }

    fn loss(&self, theta: &[f64]) -> Result<f64, Error> {
        Ok(self.exact.at(&self.expectation, theta)?[0].value - self.lowest)
    }

    fn assess(&self, theta: &[f64]) -> Result<Assessment, Error> {
        Ok(Assessment { loss: self.loss(theta)?, test_loss: None, accuracy: None, test_accuracy: None })
    }
}

impl<E: Estimator, B: Backend> Trainable for ExpectationObjective<E, B> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values by sparse diagonalization of Qiskit's matrices.
    #[test]
    fn ground_energies_match_diagonalization() {
        for (qubits, field, expected) in [
            (4, 0.5, -3.427034088908079),
            (4, 1.0, -4.758770483143634),
            (4, 2.0, -8.37679863685036),
            (6, 0.5, -5.522029570800218),
            (6, 1.0, -7.296229810558755),
        ] {
            assert!((ising_ground_energy(qubits, 1.0, field) - expected).abs() < 1e-12, "n = {qubits}, h = {field}");
        }
    }

    #[test]
    fn the_global_cost_is_what_is_not_in_the_first_basis_state() {
        let task = GroundState::global_cost(3, 2).expect("valid");
        let instance = task.instance(&Streams::new(5, 1)).expect("valid");
        let mut state = qcore::StateVector::zero(3).expect("small");
        state.apply_circuit(task.circuit().expect("one"), instance.start()).expect("finite");
        let cost = 1.0 - state.amplitudes()[0].norm_sqr();
        assert!((instance.loss(instance.start()).expect("runs") - cost).abs() < 1e-14);
        assert!(GroundState::global_cost(13, 1).is_err() && GroundState::global_cost(3, 0).is_err());
    }

    #[test]
    fn the_assessed_energy_is_never_below_the_ground_state_and_reaches_it_without_field() {
        let task = GroundState::ising(3, 1.0, 0.7, 2).expect("valid");
        let instance = task.instance(&Streams::new(5, 1)).expect("valid");
        assert!(instance.assess(instance.start()).expect("valid").loss > 0.0);
        let classical = GroundState::ising(3, 1.0, 0.0, 1).expect("valid");
        let instance = classical.instance(&Streams::new(5, 1)).expect("valid");
        assert!(instance.assess(&[0.0; 6]).expect("valid").loss.abs() < 1e-12);
    }

    /// The excess never falls below 0 on random points, for every kind of task, and the QAOA circuit starts at the mean cut.
    #[test]
    fn lowest_energies_are_bounds() {
        let graph = Graph::moebius_ladder(8).expect("even");
        let cut = GroundState::max_cut("cut", &graph, 2).expect("valid");
        let instance = cut.instance(&Streams::new(1, 1)).expect("valid");
        // At zero angles every assignment is equally likely: half of the edges are cut.
        assert!((instance.loss(&[0.0; 4]).expect("runs") - (10.0 - 6.0)).abs() < 1e-12);
        let h2 = GroundState::molecule(&Molecule::shipped("H2_0.735").expect("shipped"), 2).expect("valid");
        for task in [cut, h2] {
            for seed in 0..20 {
                let instance = task.instance(&Streams::new(seed, 1)).expect("valid");
                assert!(instance.loss(instance.start()).expect("runs") > 0.0);
            }
        }
    }

    /// A circuit of one's own gets the same loss as the shipped task that it equals.
    #[test]
    fn a_custom_task_equals_the_shipped_one() {
        let shipped = GroundState::ising(4, 1.0, 0.8, 2).expect("valid");
        let custom = GroundState::custom("own", shipped.circuit.clone(), shipped.observable.clone()).expect("valid");
        assert!((custom.lowest_energy() - shipped.lowest_energy()).abs() < 1e-9);
        for constant in ["3", "0 * Z0"] {
            let refused = GroundState::custom("flat", shipped.circuit.clone(), constant.parse().expect("valid"));
            assert!(matches!(refused, Err(Error::Range { value: 0.0, .. })), "{constant}: {refused:?}");
        }
        assert!(GroundState::custom("none", Circuit::new(2).expect("small"), shipped.observable).is_err());
    }
}
