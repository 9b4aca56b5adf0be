//! What every port to a system promises.

use my_box::MyBox;

// `system`: calls leave `errno` alone, and `die` ends the process.
hakmem_conformance::os!(MyBox, system);
