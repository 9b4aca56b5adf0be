//! What the tests share: the default slab in a rig that says nothing special of it.

use hakmem_conformance::page::{Case, Slab as Rig};
use hakmem_contract::Geometry;
use hakmem_page_box::Slab;

/// A slab, whose owner is the test.
pub(crate) type Owned = Rig<Slab>;

/// A new one. Its accounting is checked at each step.
pub(crate) fn slab(geometry: Geometry) -> Owned {
    Owned::new(&Case::default().sound(Slab::check), geometry)
}
