//! What every page box promises, and what this one does besides.

use my_box::MyBox;

// A box without one of these words promises less; the docs of the macro say what each means.
hakmem_conformance::page!(
    MyBox,
    ascending,
    untouched,
    double_frees,
    remote_double_frees,
    wrong_addresses
);
