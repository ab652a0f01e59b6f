//! A diagnosis in words and a table.

use std::fmt;

use super::{ComponentDiagnosis, Diagnosis, Verdict};
use crate::plateau::ShotsNeeded;
use crate::stats::Trust;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Resolvable => "resolvable",
            Self::NotResolvable => "not resolvable",
            Self::Undecided => "undecided",
            Self::NoInfluence => "no influence",
        })
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { qubits, shots, confidence, .. } = self;
        let terms = self.observable.matches('*').count();
        let observable = if terms > 8 { &format!("an observable of {terms} terms") } else { &self.observable };
        let noise = if self.noisy { ", with noise" } else { "" };
        writeln!(f, "<{observable}> on {qubits} qubits, {} parameters{noise}", self.components.len())?;
        writeln!(f, "{}", self.norm_squared)?;
        writeln!(f, "variance of a derivative in a deep random circuit (2-design): {:.3e}", self.two_design_variance)?;
        writeln!(
            f,
            "one gradient by parameter shift: {} circuits, {} shots at {shots} per circuit",
            self.gradient_circuits, self.gradient_shots
        )?;
        let influential = self.components.len() - self.count(Verdict::NoInfluence);
        let confidence = 100.0 * confidence;
        write!(f, "signs of typical derivatives at {confidence} %: ")?;
        writeln!(
            f,
            "{} of {influential} resolvable with {shots} shots per circuit, {} not, {} undecided",
            self.count(Verdict::Resolvable),
            self.count(Verdict::NotResolvable),
            self.count(Verdict::Undecided)
        )?;
        match (influential, self.shots_for_all()) {
            (0, _) => writeln!(f, "no parameter has an influence on this observable")?,
            (_, Some(shots)) => writeln!(f, "for all of them: {shots} shots per circuit")?,
            (_, None) => writeln!(f, "for all of them: more shots than can be counted")?,
        }
        writeln!(f)?;
        let width = self.components.iter().map(|c| c.parameter.chars().count()).max().unwrap_or(0).max(9);
        writeln!(
            f,
            "{:width$}  {:>10}  {:>23}  {:>10}  {:>12}  verdict",
            "parameter", "landscape", "interval", "shot part", "shots needed"
        )?;
        for component in &self.components {
            line(f, component, width)?;
        }
        if self.components.iter().any(|component| component.exact_variance.is_some()) {
            writeln!(f, "variances without an interval are exact over the whole ensemble")?;
        }
        let unreliable = self.components.iter().filter(|component| starred(component)).count();
        if unreliable > 0 {
            writeln!(
                f,
                "* {unreliable} variances rest on a few samples: their intervals are too short; take more samples"
            )?;
        }
        Ok(())
    }
}

/// Whether a variance rests on too few samples.
fn starred(component: &ComponentDiagnosis) -> bool {
    component.exact_variance.is_none()
        && component.verdict != Verdict::NoInfluence
        && component.variance.reliability.trust() == Trust::Unreliable
}

fn line(f: &mut fmt::Formatter<'_>, component: &ComponentDiagnosis, width: usize) -> fmt::Result {
    let ComponentDiagnosis { parameter, variance, shot_part, shots_needed, verdict, .. } = component;
    let needed = match shots_needed {
        _ if *verdict == Verdict::NoInfluence => "-".to_owned(),
        ShotsNeeded::Resolvable { shots, .. } => shots.to_string(),
        ShotsNeeded::NotResolvable { .. } => "uncountable".to_owned(),
    };
    let star = if starred(component) { "*" } else { "" };
    let (value, interval) = match component.exact_variance {
        Some(exact) => (exact, "exact".to_owned()),
        None => (variance.value, format!("[{:.3e}, {:.3e}]", variance.interval.lower, variance.interval.upper)),
    };
    writeln!(f, "{parameter:width$}  {value:>10.3e}  {interval:>23}  {shot_part:>10.3e}  {needed:>12}  {verdict}{star}")
}
