//! What every front cache promises, and what this one does besides.

use my_box::MyBox;

// Words ask for more: `caches` (a busy class keeps a quarter of its limit), `small`, `ascending`. The
// docs of the macro have them all.
hakmem_conformance::front!(MyBox, small, ascending);
