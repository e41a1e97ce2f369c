//! Committed models of several library versions.

use crate::cases::{cases, compare_all, golden};

#[test]
fn every_library_is_answered_as_it_answers() {
    let cases = cases(&golden());
    for library in ["xgboost", "lightgbm", "onnx"] {
        let of_library = cases.iter().filter(|case| case.name.contains(library)).count();
        assert!(of_library >= 10, "{of_library} cases of {library}");
    }
    compare_all(&cases);
}
