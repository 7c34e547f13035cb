//! What the unrolled rounds of every kernel are written with.

/// Run a block for each of sixteen values of a constant.
///
/// Rounds are unrolled so that the words of the state and of the schedule stay in registers:
/// sixteen at a time, which gives each word of the schedule its own place.
macro_rules! sixteen {
    ($i:ident => $step:block) => {
        sixteen!(@ $i $step 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $i:ident $step:block $($value:literal)*) => {
        $({
            const $i: usize = $value;
            $step
        })*
    };
}

/// Where a word of the state is in a round: each round moves all of them by one place.
macro_rules! place {
    ($word:expr, $round:expr) => {
        ($word + 16 - $round) % 8
    };
}

pub(super) use {place, sixteen};
