//! Diagnosis of one circuit and observable: how large its gradient is at random angles, and whether so many shots can see it.

mod text;

use qcore::{Circuit, NoiseModel, Param, PauliSum};
use qgrad::{
    Adjoint, Backend, Bill, DensityMatrixBackend, Estimator, Expectation, ParameterShift, ShiftRule, Shots,
    StateVectorBackend,
};
use qopt::{Role, Streams};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::plateau::{
    About, AngleLaw, Circuits, Component, Ensemble, PlateauEstimate, Quantity, Readout, ShotsNeeded, check_confidence,
    check_probability, exact_gradient_variances, shots_for_sign, two_design_gradient_variance,
};
use crate::stats::{Moments, Trust, normal};

/// Shots for each circuit of a pilot: the correction for rare outcomes (Laplace's rule) is then far below other errors.
const PILOT_SHOTS: u64 = 4096;

/// The task of the random streams.
const TASK: u128 = u128::from_le_bytes(*b"qbench::diagnose");

/// Components with a root mean square below this share of the sum of the observable's coefficients are rounding.
const ROUNDING: f64 = 1e-12;

/// How to diagnose.
#[derive(Clone, Debug, PartialEq)]
pub struct DiagnoseOptions {
    /// How angles are drawn; every parameter of the circuit is an angle.
    pub angles: AngleLaw,
    /// Number of random points; at least 10.
    pub samples: usize,
    /// At how many of them shot variances are measured; at least 2, at most `samples`.
    pub pilots: usize,
    /// Shots for each circuit whose sufficiency is judged.
    pub shots: u64,
    /// Probability with which the sign of a component is to be right, in (1/2, 1).
    pub confidence: f64,
    /// Level of intervals, in (0, 1).
    pub level: f64,
    /// Resamples of each interval; at least 100.
    pub resamples: usize,
    /// Root seed.
    pub seed: u64,
    /// Noise of the circuit; needs a density matrix.
    pub noise: Option<NoiseModel>,
    /// The parameters that are diagnosed, in this order; all that are not fixed if there is no list. Those that are neither here nor
    /// fixed are random as the others.
    pub wrt: Option<Vec<Param>>,
    /// Parameters that are not random, with their values: data inputs.
    pub fixed: Vec<(Param, f64)>,
}

impl Default for DiagnoseOptions {
    /// 400 points uniform on the circle, 16 of them pilots, 1000 shots, confidence and level 0.95, 400 resamples, seed 0, no
    /// noise, all parameters random and diagnosed.
    fn default() -> Self {
        Self {
            angles: AngleLaw::CIRCLE,
            samples: 400,
            pilots: 16,
            shots: 1000,
            confidence: 0.95,
            level: 0.95,
            resamples: 400,
            seed: 0,
            noise: None,
            wrt: None,
            fixed: Vec::new(),
        }
    }
}

/// What was found about one parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentDiagnosis {
    /// Its name.
    pub parameter: String,
    /// Mean of the derivative over the points.
    pub mean: f64,
    /// Variance of the exact derivative over the points: the landscape part of the spread of sampled ones.
    pub variance: PlateauEstimate,
    /// The same over the whole ensemble, without sampling, where [`exact_gradient_variances`] knows it. Then it is what the shots
    /// are judged by, and heavy tails do not matter.
    pub exact_variance: Option<f64>,
    /// Variance of the sampled derivative for one shot per circuit, averaged over the pilots.
    pub variance_per_shot: f64,
    /// Its standard error.
    pub variance_per_shot_error: f64,
    /// `variance_per_shot / S`: the shot part of the spread.
    pub shot_part: f64,
    /// Circuits behind one estimate of this derivative.
    pub circuits: u64,
    /// Shots for each of them that the sign of a typical derivative needs: [`shots_for_sign`] at the root mean square; the
    /// interval takes both variances at the ends of their intervals, or the exact one.
    pub shots_needed: ShotsNeeded,
    /// Whether the shots suffice.
    pub verdict: Verdict,
}

/// Whether so many shots per circuit resolve the sign of a typical derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// They do.
    Resolvable,
    /// They do not.
    NotResolvable,
    /// The intervals allow both, or the samples do not suffice for an interval.
    Undecided,
    /// The derivative is 0 everywhere: the parameter does nothing to this observable.
    NoInfluence,
}

/// What was found about a circuit and an observable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Width of the register.
    pub qubits: usize,
    /// The observable.
    pub observable: String,
    /// Whether the circuit was diagnosed with noise.
    pub noisy: bool,
    /// Root seed.
    pub seed: u64,
    /// Shots for each circuit that are judged.
    pub shots: u64,
    /// Probability with which a sign is to be right.
    pub confidence: f64,
    /// The diagnosed parameters: in the order of [`DiagnoseOptions::wrt`], or of declaration.
    pub components: Vec<ComponentDiagnosis>,
    /// `E |g|^2` of the exact gradient.
    pub norm_squared: PlateauEstimate,
    /// [`two_design_gradient_variance`]: what a deep random circuit would have.
    pub two_design_variance: f64,
    /// What a device pays for one gradient with these shots.
    pub gradient_circuits: u64,
    /// Shots of one gradient.
    pub gradient_shots: u64,
}

impl Diagnosis {
    /// How many components have a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.components.iter().filter(|component| component.verdict == verdict).count()
    }

    /// The verdict on the gradient as a whole: [`Verdict::Resolvable`] if every component with an influence is,
    /// [`Verdict::NotResolvable`] if none of them is, [`Verdict::NoInfluence`] if there is none, otherwise undecided.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let influential = self.components.len() - self.count(Verdict::NoInfluence);
        match influential {
            0 => Verdict::NoInfluence,
            n if n == self.count(Verdict::Resolvable) => Verdict::Resolvable,
            n if n == self.count(Verdict::NotResolvable) => Verdict::NotResolvable,
            _ => Verdict::Undecided,
        }
    }

    /// Shots for each circuit that suffice for all components with an influence, at the estimated values; `None` if one of
    /// them needs more than can be counted, or none has an influence.
    #[must_use]
    pub fn shots_for_all(&self) -> Option<u64> {
        let influential = self.components.iter().filter(|component| component.verdict != Verdict::NoInfluence);
        let needed = influential.map(|component| match component.shots_needed {
            ShotsNeeded::Resolvable { shots, .. } => Some(shots),
            ShotsNeeded::NotResolvable { .. } => None,
        });
        needed.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }
}

/// Diagnoses a circuit: draws random angles, takes the exact gradient at each point, the shot variance of the parameter-shift
/// estimate at some of them, and says for every parameter how much of the spread of sampled derivatives is landscape and how
/// much is shot noise, and how many shots the sign of a typical derivative needs.
///
/// **Statistics**: [`PlateauEstimate`] for the variances with their intervals, [`shots_for_sign`] for the shots. Same circuit,
/// options and kernel level: same bytes, whatever the number of threads.
///
/// **Cost**: `samples` gradients by adjoint differentiation, `pilots` sampled parameter-shift gradients, and `resamples x
/// samples` draws for each parameter; parallel over points and parameters in rayon's current pool. A few seconds for 10 qubits
/// and 200 parameters.
///
/// # Errors
///
/// [`Error::Range`] for options outside of what they allow, or nothing to diagnose; [`Error::Gradient`] for an observable
/// that reaches beyond the register, a parameter that the circuit does not have or that is listed twice, a circuit too wide to
/// simulate or without a shift rule.
///
/// ```
/// use qbench::diagnose::{DiagnoseOptions, Verdict, diagnose};
/// use qcore::Circuit;
/// let mut circuit = Circuit::new(1)?;
/// let theta = circuit.parameter("theta")?;
/// circuit.ry(0, theta)?;
/// let found = diagnose(&circuit, &"Z0".parse()?, &DiagnoseOptions::default())?;
/// // The derivative is -sin(theta): its variance over the circle is 1/2.
/// assert!(found.components[0].variance.interval.contains(0.5));
/// assert_eq!(found.verdict(), Verdict::Resolvable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diagnose(circuit: &Circuit, observable: &PauliSum, options: &DiagnoseOptions) -> Result<Diagnosis, Error> {
    options.check()?;
    let count = circuit.parameters().len();
    let two_design_variance = two_design_gradient_variance(observable, circuit.num_qubits())?;
    let wrt = options.components(circuit)?;
    let expectation = Expectation::new(circuit, vec![observable.clone()], &wrt)?;
    let streams = Streams::new(options.seed, TASK);
    let points = (0..options.samples)
        .map(|sample| {
            let mut point = options.angles.draw(count, &mut streams.at(sample as u64).rng(Role::Start))?;
            options.fixed.iter().for_each(|&(param, value)| point[param.index()] = value);
            Ok(point)
        })
        .collect::<Result<Vec<_>, Error>>()?;

    let gradients = at_points(&points, options, |sample, point, backend| {
        let rng = &mut streams.at(sample as u64).rng(Role::Evaluation);
        Ok(Adjoint.gradient(&expectation, point, backend, rng)?.gradient)
    })?;
    let pilot = ParameterShift { shots: Shots::PerCircuit(PILOT_SHOTS) };
    let variances = at_points(&points[..options.pilots], options, |sample, point, backend| {
        let rng = &mut streams.at(sample as u64).rng(Role::Shots);
        let errors = pilot.gradient(&expectation, point, backend, rng)?.std_errors;
        Ok(errors.into_iter().map(|error| PILOT_SHOTS as f64 * error * error).collect())
    })?;

    let ensemble = Ensemble { circuits: Circuits::Fixed, angles: options.angles };
    let about = |quantity, component| About { quantity, component, ensemble, readout: Readout::Exact };
    let estimate = |about, values: &[f64], index: usize| {
        let rng = &mut streams.at(index as u64).rng(Role::Split);
        PlateauEstimate::from_samples(about, values, options.resamples, options.level, rng)
    };
    let groups = expectation.measurement().groups().len() as u64;
    let varying = observable.terms().iter().filter(|(_, string)| string.support() != 0);
    let scale: f64 = varying.map(|(coefficient, _)| coefficient.abs()).sum();
    let exact = match options.noise {
        None if options.fixed.is_empty() => exact_gradient_variances(circuit, observable, options.angles)?,
        _ => None,
    };
    let components = (wrt.par_iter().enumerate())
        .map(|(index, &param)| {
            let of_gradients: Vec<f64> = gradients.iter().map(|gradient| gradient[index]).collect();
            let mut variance =
                estimate(about(Quantity::Variance, Component::One(param.index())), &of_gradients, param.index())?;
            if let Some(bound) = largest(&expectation, param, scale)? {
                variance.interval.upper = variance.interval.upper.min(bound * bound);
            }
            let per_shot: Moments = variances.iter().map(|variances: &Vec<f64>| variances[index]).collect();
            options.component(
                circuit.parameters()[param.index()].clone(),
                of_gradients.iter().sum::<f64>() / of_gradients.len() as f64,
                (variance, exact.as_ref().map(|exact| exact[param.index()])),
                &per_shot,
                (expectation.shift_points_of(index) * groups, scale),
            )
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let norms: Vec<f64> = gradients.iter().map(|g| g.iter().map(|g| g * g).sum::<f64>().sqrt()).collect();
    let norm_squared = estimate(about(Quantity::NormSquared, Component::All(wrt.len())), &norms, count)?;
    let Bill { circuits: gradient_circuits, shots: gradient_shots, .. } =
        ParameterShift { shots: Shots::PerCircuit(options.shots) }.price_vjp(&expectation, 1);
    Ok(Diagnosis {
        qubits: circuit.num_qubits(),
        observable: observable.to_string(),
        noisy: options.noise.is_some(),
        seed: options.seed,
        shots: options.shots,
        confidence: options.confidence,
        components,
        norm_squared,
        two_design_variance,
        gradient_circuits,
        gradient_shots,
    })
}

/// The largest size that a derivative can have, from the coefficients of its shift rules and the `scale` of the observable;
/// `None` if it turns an angle that is not affine.
fn largest(expectation: &Expectation, param: Param, scale: f64) -> Result<Option<f64>, Error> {
    let mut bound = 0.0;
    for rotation in expectation.program().rotations() {
        if !rotation.angle().parameters().contains(&param) {
            continue;
        }
        let Some((_, factors)) = rotation.angle().as_affine() else { return Ok(None) };
        let factor: f64 = factors.iter().filter(|(other, _)| *other == param).map(|(_, f)| f.abs()).sum();
        let rule = ShiftRule::from_frequencies(rotation.frequencies())?;
        bound += factor * rule.terms().iter().map(|(_, coefficient)| 2.0 * coefficient.abs() * scale).sum::<f64>();
    }
    Ok(Some(bound))
}

/// A function of every point, in their order, on a backend per thread.
fn at_points<T: Send>(
    points: &[Vec<f64>],
    options: &DiagnoseOptions,
    at: impl Fn(usize, &[f64], &mut dyn Backend) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let backend = || -> Box<dyn Backend> {
        match &options.noise {
            Some(model) => Box::new(DensityMatrixBackend::new(model.clone())),
            None => Box::new(StateVectorBackend::new()),
        }
    };
    points
        .par_iter()
        .enumerate()
        .map_init(backend, |backend, (sample, point)| at(sample, point, backend.as_mut()))
        .collect()
}

impl DiagnoseOptions {
    /// What is diagnosed: what is asked for, or all that is random.
    fn components(&self, circuit: &Circuit) -> Result<Vec<Param>, Error> {
        let declared = circuit.parameters().len();
        for &(param, value) in &self.fixed {
            if param.index() >= declared {
                return Err(qcore::Error::UnknownParameter { index: param.index(), declared }.into());
            }
            if !value.is_finite() {
                return Err(Error::Range { what: "a fixed parameter", value, allowed: "finite numbers" });
            }
        }
        let is_fixed = |param: &Param| self.fixed.iter().any(|(fixed, _)| fixed == param);
        let wrt = match &self.wrt {
            Some(wrt) => wrt.clone(),
            None => (0..declared).map(Param::new).filter(|param| !is_fixed(param)).collect(),
        };
        if wrt.is_empty() {
            return Err(Error::Range { what: "the number of parameters", value: 0.0, allowed: "at least 1" });
        }
        if let Some(param) = wrt.iter().find(|&param| is_fixed(param)) {
            let (what, value) = ("the position of a diagnosed parameter", param.index() as f64);
            return Err(Error::Range { what, value, allowed: "that of a parameter that is not fixed" });
        }
        Ok(wrt)
    }

    fn check(&self) -> Result<(), Error> {
        let range = |what, value: usize, allowed| Err(Error::Range { what, value: value as f64, allowed });
        self.angles.check()?;
        check_confidence(self.confidence)?;
        check_probability("the confidence level", self.level)?;
        if self.samples < 10 {
            return range("the number of samples", self.samples, "at least 10");
        }
        if self.pilots < 2 || self.pilots > self.samples {
            return range("the number of pilots", self.pilots, "2 to the number of samples");
        }
        if self.resamples < 100 {
            return range("the number of resamples", self.resamples, "at least 100");
        }
        if self.shots == 0 {
            return range("the number of shots", 0, "at least 1");
        }
        Ok(())
    }

    /// Puts together what was found about a component; `scale` is the sum of the observable's coefficients.
    fn component(
        &self,
        parameter: String,
        mean: f64,
        (variance, exact_variance): (PlateauEstimate, Option<f64>),
        per_shot: &Moments,
        (circuits, scale): (u64, f64),
    ) -> Result<ComponentDiagnosis, Error> {
        let variance_per_shot = per_shot.mean().unwrap_or(0.0);
        let variance_per_shot_error = per_shot.standard_error().unwrap_or(0.0);
        let half = normal::two_sided(self.level) * variance_per_shot_error;
        // The root mean square of the derivative at the ends of the interval of its variance; where that is exact the mean is 0.
        let square = if exact_variance.is_some() { 0.0 } else { mean * mean };
        let size = |variance: f64| (variance + square).sqrt();
        let needed = |variance: f64, per_shot: f64| shots_for_sign(size(variance), per_shot, self.confidence);
        let (value, low, high) = match exact_variance {
            Some(exact) => (exact, exact, exact),
            None => (variance.value, variance.interval.lower, variance.interval.upper),
        };
        let no_influence = size(value) <= ROUNDING * scale;
        let shots_needed = match (needed(value, variance_per_shot)?, needed(high, (variance_per_shot - half).max(0.0))?)
        {
            (Some(shots), Some(lower)) if !no_influence => {
                ShotsNeeded::Resolvable { shots, lower, upper: needed(low, variance_per_shot + half)? }
            }
            _ => ShotsNeeded::NotResolvable { shots: None },
        };
        let unreliable = exact_variance.is_none() && variance.reliability.trust() == Trust::Unreliable;
        let verdict = match shots_needed {
            _ if no_influence => Verdict::NoInfluence,
            _ if unreliable => Verdict::Undecided,
            ShotsNeeded::Resolvable { upper: Some(upper), .. } if upper <= self.shots => Verdict::Resolvable,
            ShotsNeeded::Resolvable { lower, .. } if lower <= self.shots => Verdict::Undecided,
            _ => Verdict::NotResolvable,
        };
        Ok(ComponentDiagnosis {
            parameter,
            mean,
            variance,
            exact_variance,
            variance_per_shot,
            variance_per_shot_error,
            shot_part: variance_per_shot / self.shots as f64,
            circuits,
            shots_needed,
            verdict,
        })
    }
}
