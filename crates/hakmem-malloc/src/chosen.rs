//! The composition that the library is made of. The lab puts another file in this one's place.

#[cfg(not(feature = "hardened"))]
pub(crate) use hakmem_alloc::Hakmem as Composition;
#[cfg(feature = "hardened")]
pub(crate) use hakmem_alloc::hardened::Hardened as Composition;
