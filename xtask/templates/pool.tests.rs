//! What every pool promises, between a memory that checks and fails and a registry that is a table.

use hakmem_conformance::pool::{Fake, Table};
use my_box::MyBox;

hakmem_conformance::pool!(MyBox<Fake, Table>);
