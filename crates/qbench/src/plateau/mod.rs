//! Barren plateaus: estimates of gradient variance that say what they estimate, how many shots a gradient needs, and
//! ensembles whose moments are known in closed form.
//!
//! - [`PlateauEstimate`]: a number with its quantity, component, ensemble, readout, sample count, interval and how far that is
//!   to be trusted.
//! - [`separate`]: landscape variance and shot variance of sampled gradients told apart, or not resolvable.
//! - [`shots_to_resolve`]: shots that the sign of a component needs.
//! - [`exact_gradient_variances`]: without sampling, where the moments close.
//! - [`Cost`]: the product ansatz; [`two_design_gradient_variance`] and [`haar_moments`]: the limits of deep random circuits.

mod estimate;
mod exact;
mod product;
mod reference;
mod shots;

pub use estimate::{About, AngleLaw, Circuits, Component, Ensemble, IntervalKind, PlateauEstimate, Quantity, Readout};
pub use exact::exact_gradient_variances;
pub(crate) use product::gradient;
pub use product::{Cost, first_components, uniform_angles};
pub use reference::{HaarMoments, haar_moments, two_design_gradient_variance};
pub use shots::{Landscape, Separation, ShotsNeeded, separate, shots_for_sign, shots_to_resolve};
pub(crate) use shots::{check_confidence, check_probability};
