//! Any bytes as the body of each door of AuthZEN.
//!
//! Reading ends, without a panic; what was read of a batch is what each of its evaluations says alone, and a batch is never
//! carried out further than its semantic says.

#![no_main]

use guildhall_types::access::authzen::{Evaluation, Evaluations, Search, Semantic};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let _search = serde_json::from_slice::<Search<'_>>(body);
    let single = serde_json::from_slice::<Evaluation<'_>>(body);
    let Ok(batch) = serde_json::from_slice::<Evaluations<'_>>(body) else {
        return;
    };
    // The fields of a single evaluation are the defaults of a batch: what is right there is right here.
    assert!(single.is_ok(), "{batch:?}");
    for text in batch.evaluations.iter().flatten() {
        let _evaluation = serde_json::from_str::<Evaluation<'_>>(text.get());
    }
    let options = batch.options.map(|options| options.0);
    let semantic = options.and_then(|options| options.evaluations_semantic);
    let semantic = semantic.unwrap_or_default();
    assert!(
        semantic != Semantic::ExecuteAll || !semantic.ends_with(true) && !semantic.ends_with(false)
    );
});
