//! Shuffling without memory: a keyed permutation of the first `n` numbers.
//!
//! A Feistel network over two uneven halves (Black and Rogaway, "Ciphers with Arbitrary Finite
//! Domains", CT-RSA 2002): any number is looked up in constant time and memory, where a
//! shuffled list of a billion samples takes 8 GB and minutes. It is no cipher: nobody is kept
//! from anything by it, and the mixing is chosen for speed.

/// Rounds of the network. With ten, the orders of five numbers are still not all as likely, and
/// neighbours of twelve show; with sixteen no test sees a difference from chance.
const ROUNDS: usize = 16;

/// What decides an order.
pub type Key = [u64; 4];

/// A permutation of `0..length`.
///
/// ```
/// use ipfs_kit_loader::Permutation;
///
/// let shuffled = Permutation::new(5, &[1, 2, 3, 4]);
/// let mut all: Vec<u64> = (0..5).map(|at| shuffled.at(at)).collect();
/// all.sort_unstable();
/// assert_eq!(all, [0, 1, 2, 3, 4]);
/// ```
#[derive(Debug, Clone)]
pub struct Permutation {
    length: u64,
    /// The sizes of the halves: their product is `length` or a little more.
    left: u64,
    right: u64,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of so many numbers that a key stands for.
    pub fn new(length: u64, key: &Key) -> Self {
        let left = ceil_root(length).max(1);
        let right = length.div_ceil(left).max(1);
        let mut state = length;
        let keys = std::array::from_fn(|round| {
            state = mix(state ^ key[round % key.len()]);
            state
        });
        Self { length, left, right, keys }
    }

    /// How many numbers there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The number at a place, which is less than the length; another place gives itself.
    pub fn at(&self, place: u64) -> u64 {
        if place >= self.length {
            return place;
        }
        let mut number = self.round_trip(place);
        // The halves may hold a few numbers more: those lead on until one that counts comes.
        while number >= self.length {
            number = self.round_trip(number);
        }
        number
    }

    fn round_trip(&self, number: u64) -> u64 {
        let (mut high, mut low) = (number / self.left, number % self.left);
        for pair in self.keys.chunks_exact(2) {
            low = add(low, scaled(high, pair[0], self.left), self.left);
            high = add(high, scaled(low, pair[1], self.right), self.right);
        }
        high * self.left + low
    }
}

/// The sum of two numbers below `modulus`, modulo it.
fn add(one: u64, other: u64, modulus: u64) -> u64 {
    // Halves are roots: far from overflowing.
    let sum = one + other;
    if sum >= modulus { sum - modulus } else { sum }
}

/// A number below `modulus` that depends on another and on a key.
fn scaled(number: u64, key: u64, modulus: u64) -> u64 {
    let wide = u128::from(mix(number ^ key)) * u128::from(modulus);
    u64::try_from(wide >> 64).unwrap_or(0)
}

/// Stafford's thirteenth variant of the finisher of `SplitMix64`, with its increment first.
fn mix(number: u64) -> u64 {
    let mut number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The least number whose square is not less.
fn ceil_root(number: u64) -> u64 {
    let root = number.isqrt();
    if root * root == number { root } else { root + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u64) -> Key {
        [seed, seed ^ 7, !seed, seed.rotate_left(32)]
    }

    #[test]
    fn each_number_comes_once() {
        for length in [0, 1, 2, 3, 4, 5, 10, 16, 17, 100, 1000, 65_537] {
            let shuffled = Permutation::new(length, &key(length));
            let mut all: Vec<u64> = (0..length).map(|at| shuffled.at(at)).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..length), "{length}");
        }
    }

    #[test]
    fn places_at_the_end_of_all_numbers_are_looked_up() {
        let shuffled = Permutation::new(u64::MAX, &key(1));
        for place in [0, 1, u64::MAX / 2, u64::MAX - 1] {
            assert!(shuffled.at(place) < u64::MAX);
        }
    }

    /// Chi-square over all orders of a few numbers: each is as likely as any other.
    #[test]
    fn every_order_of_few_numbers_is_as_likely() {
        for length in 2..=5_u64 {
            let orders: u64 = (1..=length).product();
            let runs = orders * 1_000;
            let mut counts = std::collections::HashMap::new();
            for seed in 0..runs {
                let shuffled = Permutation::new(length, &key(mix(seed)));
                let order: Vec<u64> = (0..length).map(|at| shuffled.at(at)).collect();
                *counts.entry(order).or_insert(0_u64) += 1;
            }
            let chi: f64 = counts.values().map(|&count| off(count, 1_000.0)).sum();
            let missing = orders - counts.len() as u64;
            let chi = chi + to_float(missing) * 1_000.0;
            let freedom = to_float(orders - 1);
            // Six standard deviations above the mean.
            let most = freedom + 6.0 * (2.0 * freedom).sqrt();
            assert!(chi < most, "{length}: {chi} of {most}");
        }
    }

    /// Where a number comes, and which comes behind it, are as likely to be any.
    #[test]
    fn places_and_neighbours_are_as_likely() {
        for length in [7_u64, 12, 30, 64, 100] {
            let runs = 1_000 * length;
            let size = usize::try_from(length).unwrap();
            let mut places = vec![0_u64; size * size];
            let mut steps = vec![0_u64; size];
            for seed in 0..runs {
                let shuffled = Permutation::new(length, &key(mix(seed)));
                let mut before = None;
                for place in 0..length {
                    let number = shuffled.at(place);
                    places[usize::try_from(place * length + number).unwrap()] += 1;
                    if let Some(before) = before {
                        let step = (number + length - before) % length;
                        steps[usize::try_from(step).unwrap()] += 1;
                    }
                    before = Some(number);
                }
            }
            let chi: f64 = places.iter().map(|&count| off(count, 1_000.0)).sum();
            let freedom = to_float((length - 1) * (length - 1));
            assert!(chi < freedom + 6.0 * (2.0 * freedom).sqrt(), "{length}: {chi}");
            let usual = to_float(runs);
            let chi: f64 = steps[1..].iter().map(|&count| off(count, usual)).sum();
            let freedom = to_float(length - 2);
            let most = freedom + 6.0 * (2.0 * freedom).sqrt();
            assert!(chi < most, "{length}: {chi} of {most}");
        }
    }

    fn off(count: u64, usual: f64) -> f64 {
        (to_float(count) - usual).powi(2) / usual
    }

    fn to_float(number: u64) -> f64 {
        f64::from(u32::try_from(number).unwrap())
    }
}
