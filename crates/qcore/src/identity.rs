//! What belongs to a compiled program is known to belong to it.

use std::sync::Arc;

use crate::Error;

/// What a program, its clones and everything that is made for them have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity(Arc<()>);

/// What a [`Program`](crate::Program) and its clones have in common, and no other program has as long as this exists: for those who keep what
/// they have found out about a program.
#[derive(Clone, Debug)]
pub struct ProgramId(pub(crate) Identity);

impl PartialEq for ProgramId {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }
}

impl Eq for ProgramId {}

impl Identity {
    /// Whether both are of the same program.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Checks that this, of which `what` is, is that of a program.
    ///
    /// # Errors
    ///
    /// [`Error::AnotherProgram`].
    pub(crate) fn check(&self, program: &Self, what: &'static str) -> Result<(), Error> {
        if self.is(program) { Ok(()) } else { Err(Error::AnotherProgram { what }) }
    }
}
