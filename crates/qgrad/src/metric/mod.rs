//! The metric of the states of a circuit: exact, from shots, and what to do with it.

pub(crate) mod exact;
mod layers;
mod overlaps;
mod solve;

use nalgebra::DMatrix;
use qcore::{Circuit, Param, PauliString, PauliSum};
use rand::Rng;

use crate::{Backend, Bill, Error, Expectation, ParameterShift, Shots};
use layers::Layer;

pub use solve::{Regularization, solve};

/// Which entries of a metric tensor are wanted; all others are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Blocks {
    /// All entries.
    Full,
    /// Blocks of parameters whose rotations can be applied at one place of the circuit ([`Metric::layers`]), in J. Stokes, J. Izaac, N.
    /// Killoran, G. Carleo, Quantum 4, 269 (2020), section 3.
    Layers,
    /// These sets of positions in the list of parameters.
    Given(Vec<Vec<usize>>),
    /// The diagonal.
    Diagonal,
}

/// How entries are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MetricMethod {
    /// Covariances of generators in the state before the layer of their rotations (Stokes et al., eq. (13)): one circuit for
    /// each layer, read in one basis. It has the entries within layers, of parameters that are in one layer only.
    Covariances,
    /// Second derivatives of the overlap `|<psi(theta)|psi(theta')>|^2` by parameter shift: `F_ij = -1/2 d_i d_j` of it at `theta' =
    /// theta` (A. Mari, T. R. Bromley, N. Killoran, Phys. Rev. A 103, 012405 (2021), eqs. (38) to (40)). An overlap is the
    /// probability of all zeros after the circuit at shifted angles and the inverse circuit at `theta`. It has every entry; circuits
    /// are twice as deep, four for each pair of rotations and one for each rotation of one frequency.
    Overlaps,
}

/// A Fubini-Study metric tensor `Re(<d_i psi|d_j psi> - <d_i psi|psi><psi|d_j psi>)` at one row; the quantum Fisher information is
/// four times it.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricTensor {
    /// Symmetric; one row and column per parameter. From shots it need not be positive.
    pub matrix: DMatrix<f64>,
    /// The standard error of each entry; 0 for exact ones and for those that were not asked for. Entries of one block have
    /// correlated errors.
    pub std_errors: DMatrix<f64>,
    /// What it cost.
    pub bill: Bill,
}

/// What is needed to measure the metric of a circuit with respect to some parameters; there is no observable.
///
/// ```
/// use qcore::Circuit;
/// use qgrad::{Blocks, Metric, MetricMethod, Regularization, Shots, StateVectorBackend, solve};
/// use rand::{SeedableRng, rngs::ChaCha8Rng};
///
/// let mut circuit = Circuit::new(2)?;
/// let t = circuit.parameters_named("t", 2)?;
/// circuit.ry(0, t[0])?.ry(1, t[1])?.cx(0, 1)?;
/// let metric = Metric::new(&circuit, &t)?;
/// let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(1));
/// let exact = metric.exact(&Blocks::Full, &[0.3, 0.4], &mut backend)?;
/// let shots = Shots::PerCircuit(1000);
/// let measured =
///     metric.measure(&Blocks::Layers, MetricMethod::Covariances, shots, &[0.3, 0.4], &mut backend, &mut rng)?;
/// assert!((measured.matrix[(1, 0)] - exact.matrix[(1, 0)]).abs() < 5.0 * measured.std_errors[(1, 0)]);
/// assert_eq!(measured.bill.circuits, 1); // both rotations are in the first layer
/// let natural = solve(&measured.matrix, &[0.1, 0.2], Regularization::Tikhonov(1e-3))?;
/// assert_eq!(natural.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Metric {
    /// The circuit and the parameters; its observable is the identity.
    expectation: Expectation,
    layers: Vec<Layer>,
}

impl Metric {
    /// Compiles a circuit and finds its layers.
    ///
    /// # Errors
    ///
    /// As [`Expectation::new`], for the parameters.
    pub fn new(circuit: &Circuit, wrt: &[Param]) -> Result<Self, Error> {
        let expectation = Expectation::new(circuit, vec![PauliSum::single(PauliString::IDENTITY)], wrt)?;
        let layers = layers::layers(&expectation)?;
        Ok(Self { expectation, layers })
    }

    /// As [`Metric::new`] with all parameters of the circuit.
    ///
    /// # Errors
    ///
    /// As [`Metric::new`].
    pub fn of_all_parameters(circuit: &Circuit) -> Result<Self, Error> {
        let all: Vec<Param> = (0..circuit.parameters().len()).map(Param::new).collect();
        Self::new(circuit, &all)
    }

    /// The layers, as positions in the list of parameters: the rotations of a layer commute qubit by qubit and can be applied one
    /// after the other at one place of the circuit. A parameter with rotations in several layers is in several lists.
    #[must_use]
    pub fn layers(&self) -> Vec<Vec<usize>> {
        self.layers.iter().map(|layer| layer.positions.clone()).collect()
    }

    /// Which pairs of positions a choice of blocks asks for.
    pub(crate) fn mask(&self, blocks: &Blocks) -> Result<DMatrix<bool>, Error> {
        let size = self.expectation.wrt().len();
        let mut mask = DMatrix::from_element(size, size, matches!(blocks, Blocks::Full));
        let sets = match blocks {
            Blocks::Full => Vec::new(),
            Blocks::Layers => self.layers(),
            Blocks::Given(sets) => sets.clone(),
            Blocks::Diagonal => (0..size).map(|k| vec![k]).collect(),
        };
        for set in sets {
            if let Some(&index) = set.iter().find(|&&k| k >= size) {
                return Err(Error::Index { what: "parameter of a block", index, count: size });
            }
            for &i in &set {
                for &j in &set {
                    mask[(i, j)] = true;
                }
            }
        }
        Ok(mask)
    }

    /// The exact metric; see [`Simulator::metric_entries`](crate::Simulator::metric_entries). Billed as the overlap circuits
    /// that a device would run for these entries.
    ///
    /// # Errors
    ///
    /// As [`Simulator::metric_entries`](crate::Simulator::metric_entries); [`Error::NotASimulator`].
    pub fn exact(&self, blocks: &Blocks, row: &[f64], backend: &mut dyn Backend) -> Result<MetricTensor, Error> {
        let simulator = backend.simulator().ok_or(Error::NotASimulator { what: "the exact metric tensor" })?;
        let matrix = simulator.metric_entries(self, blocks, row)?;
        let std_errors = DMatrix::zeros(matrix.nrows(), matrix.ncols());
        Ok(MetricTensor { matrix, std_errors, bill: self.price(blocks, MetricMethod::Overlaps, Shots::Exact)? })
    }

    /// The metric from shots, on any backend.
    ///
    /// **Bias**: none. Covariances are those of the sample, with `S - 1`. **Standard errors** of covariances come from fourth moments of
    /// the same shots (and are never 0); those of overlaps are propagated from the independent circuits.
    ///
    /// **Noise**: on a noisy backend both methods measure what their circuits show there, which is not the metric of any state: for
    /// covariances that of the mixed state before the layer, for overlaps as if the overlap of a state with itself were 1. Covariances
    /// need shots that are independent of each other: a backend whose shots share trajectories
    /// ([`TrajectoryBackend::with_shots_per_trajectory`](crate::TrajectoryBackend::with_shots_per_trajectory)), and means over trajectories
    /// instead of shots, are refused.
    ///
    /// **Cost**: for covariances one job of one circuit for each layer; [`Shots::Total`] is divided evenly among the layers, and so
    /// is [`Shots::Allocated`]. For overlaps one job: four circuits for each pair of rotations that enters a wanted entry and one
    /// for each rotation, if all have one frequency.
    ///
    /// # Errors
    ///
    /// What the backend refuses; [`Error::Layers`] for covariances of parameters that are not in one layer; [`Error::DependentShots`]; [`Error::Index`] for a
    /// block with a parameter that does not exist; [`Error::Width`] for overlaps on more qubits than [`Metric::MAX_OVERLAP_QUBITS`].
    pub fn measure(
        &self,
        blocks: &Blocks,
        method: MetricMethod,
        shots: Shots,
        row: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<MetricTensor, Error> {
        self.expectation.one_row(row)?;
        let mask = self.mask(blocks)?;
        match method {
            MetricMethod::Covariances => {
                self.check_layers(&mask)?;
                layers::covariances(&self.expectation, &self.layers, &mask, shots, row, backend, rng)
            }
            MetricMethod::Overlaps => {
                overlaps::measure(&self.expectation, &mask, ParameterShift { shots }, row, backend, rng)
            }
        }
    }

    /// The circuit and the parameters; the observable is the identity.
    pub(crate) fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// What [`Metric::measure`] will cost, on a device without a clock.
    ///
    /// # Errors
    ///
    /// [`Error::Layers`] and [`Error::Index`] as [`Metric::measure`].
    pub fn price(&self, blocks: &Blocks, method: MetricMethod, shots: Shots) -> Result<Bill, Error> {
        let mask = self.mask(blocks)?;
        match method {
            MetricMethod::Covariances => {
                self.check_layers(&mask)?;
                let circuits = self.layers.iter().filter(|layer| layer.is_wanted(&mask)).count() as u64;
                let shots = match shots {
                    Shots::Exact => 0,
                    Shots::PerCircuit(shots) => shots.saturating_mul(circuits),
                    Shots::Total(total) | Shots::Allocated { total, .. } => total,
                };
                Ok(if circuits == 0 { Bill::ZERO } else { Bill { jobs: circuits, ..Bill::job(circuits, shots) } })
            }
            MetricMethod::Overlaps => Ok(shots.bill(overlaps::count(&self.expectation, Some(&mask)))),
        }
    }

    /// The widest register whose overlaps are measured: an observable that is 1 for all zeros and 0 else has `2^n` Pauli strings.
    pub const MAX_OVERLAP_QUBITS: usize = 14;

    /// Covariances know the entries of pairs that are together in their only layer.
    fn check_layers(&self, mask: &DMatrix<bool>) -> Result<(), Error> {
        let size = self.expectation.wrt().len();
        let mut layer_of = vec![None; size];
        for (index, layer) in self.layers.iter().enumerate() {
            for &position in &layer.positions {
                if let Some(first) = layer_of[position].replace(index)
                    && mask[(position, position)]
                {
                    return Err(Error::Layers { parameters: [position, position], layers: [first, index] });
                }
            }
        }
        for i in 0..size {
            for j in 0..i {
                if let (true, Some(a), Some(b)) = (mask[(i, j)], layer_of[i], layer_of[j])
                    && a != b
                {
                    return Err(Error::Layers { parameters: [j, i], layers: [b, a] });
                }
            }
        }
        Ok(())
    }
}

impl Expectation {
    /// What a device would run for the full metric of the parameters of [`Expectation::wrt`], exactly: the circuits of
    /// [`MetricMethod::Overlaps`] for all entries, in one job without shots. The observables do not matter.
    #[must_use]
    pub fn price_metric(&self) -> Bill {
        Shots::Exact.bill(overlaps::count(self, None))
    }
}
