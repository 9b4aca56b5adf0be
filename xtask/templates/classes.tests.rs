//! What every scheme of size classes promises, and what this one does besides.

use hakmem_contract::SizeClasses;
use my_box::{MyBox, SIZES};

hakmem_conformance::classes!(MyBox);

#[test]
fn every_size_of_the_list_is_a_class() {
    for (index, size) in SIZES.into_iter().enumerate() {
        let class = MyBox::class_of(size as usize);
        assert_eq!(class.map(|class| class.index()), Some(index));
    }
}
