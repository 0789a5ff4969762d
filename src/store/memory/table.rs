use std::iter::repeat_with;
use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::kept::Kept;
use crate::token::TokenDigest;

/// Tokens by digest, each in the first bucket that was free from its home on, round the end.
///
/// A look-up reads one line of the processor's cache and then the token. A general table keeps
/// marks beside its buckets and reads a line more, and among millions of tokens that is half as long
/// again.
#[derive(Default)]
pub(super) struct Table {
    /// None at all, or more than there are tokens: every search ends at a free one.
    buckets: Box<[Option<Bucket>]>,
    len: usize,
}

/// Sixteen bytes, four to a line, so that neither growth nor a search for a subject follows
/// pointers.
pub(super) struct Bucket {
    pub(super) kept: Arc<Kept>,
    pub(super) subject: u32,
    hash: u32,
}

/// Room for tokens, apart from the table: the allocator may take milliseconds to find it or to take
/// it back, and nobody should wait for the table meanwhile.
pub(super) struct Buckets(Box<[Option<Bucket>]>);

const FEWEST: usize = 8;
const PART: usize = 128;

impl Table {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, digest: &TokenDigest) -> Option<&Bucket> {
        self.buckets[self.place(digest)?].as_ref()
    }

    pub(super) fn get_mut(&mut self, digest: &TokenDigest) -> Option<&mut Bucket> {
        self.buckets[self.place(digest)?].as_mut()
    }

    /// Keeps a token, instead of one with the same digest, which is returned.
    pub(super) fn insert(&mut self, bucket: Bucket) -> Option<Bucket> {
        if let Some(same) = self.get_mut(&bucket.kept.digest) {
            return Some(mem::replace(same, bucket));
        }
        if self.is_full() {
            self.move_to(Buckets::free(self.more()));
        }
        self.put(bucket);
        self.len += 1;
        None
    }

    pub(super) fn remove(&mut self, digest: &TokenDigest) -> Option<Bucket> {
        let place = self.place(digest)?;
        let removed = self.buckets[place].take();
        self.len -= 1;
        self.close(place);
        removed
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Bucket> {
        self.buckets.iter().flatten()
    }

    /// All tokens by ranges of their hashes, a hundred or so in each.
    pub(super) fn parts(&self) -> impl Iterator<Item = RangeInclusive<u32>> + use<> {
        let parts = (self.len / PART + 1) as u64;
        let begin = move |part: u64| ((part << u32::BITS) / parts) as u32;
        (0..parts).map(move |part| begin(part)..=begin(part + 1).wrapping_sub(1))
    }

    /// Those with these hashes: they lie from the home of the first hash on, and as far behind that
    /// of the last one as buckets are taken.
    pub(super) fn part(&self, hashes: RangeInclusive<u32>) -> impl Iterator<Item = &Bucket> {
        let (first, last) = (self.home(*hashes.start()), self.home(*hashes.end()));
        let (before, from) = self.buckets.split_at(first);
        let places = from.iter().chain(before).enumerate();
        places
            .take_while(move |(place, bucket)| *place <= last - first || bucket.is_some())
            .filter_map(|(_, bucket)| bucket.as_ref())
            .filter(move |bucket| hashes.contains(&bucket.hash))
    }

    /// Whether the next token would wait until there are more buckets.
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.buckets.len() / 4 * 3
    }

    /// How many buckets would fit better: more when it is full, fewer when most lie idle.
    pub(super) fn better(&self) -> Option<usize> {
        if self.is_full() {
            Some(self.more())
        } else if self.len < self.buckets.len() / 4 {
            Some(self.len * 2)
        } else {
            None
        }
    }

    /// Moves all tokens to these buckets, if there is room for them. Returns what is not needed.
    pub(super) fn move_to(&mut self, buckets: Buckets) -> Buckets {
        if self.len >= buckets.0.len() && self.len > 0 {
            return buckets;
        }
        let mut old = mem::replace(&mut self.buckets, buckets.0);
        for bucket in old.iter_mut().filter_map(Option::take) {
            self.put(bucket);
        }
        Buckets(old)
    }

    fn place(&self, digest: &TokenDigest) -> Option<usize> {
        let hash = hash_of(digest);
        let mut place = self.home(hash);
        while let Some(bucket) = self.buckets.get(place)? {
            if bucket.hash == hash && bucket.kept.digest == *digest {
                return Some(place);
            }
            place = self.after(place);
        }
        None
    }

    /// A token that is not there, where a bucket is free.
    fn put(&mut self, bucket: Bucket) {
        let mut place = self.home(bucket.hash);
        while self.buckets[place].is_some() {
            place = self.after(place);
        }
        self.buckets[place] = Some(bucket);
    }

    /// Moves into a bucket that was left what a search would no longer find behind it.
    fn close(&mut self, mut free: usize) {
        let mut place = self.after(free);
        while let Some(bucket) = &self.buckets[place] {
            if self.steps(self.home(bucket.hash), place) >= self.steps(free, place) {
                self.buckets.swap(free, place);
                free = place;
            }
            place = self.after(place);
        }
    }

    fn more(&self) -> usize {
        FEWEST.max(self.buckets.len() * 2)
    }

    /// The homes are in the order of the hashes, so that a resize goes through memory once.
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.buckets.len() as u64) >> 32) as usize
    }

    fn after(&self, place: usize) -> usize {
        if place + 1 == self.buckets.len() {
            0
        } else {
            place + 1
        }
    }

    fn steps(&self, from: usize, to: usize) -> usize {
        if from <= to {
            to - from
        } else {
            to + self.buckets.len() - from
        }
    }
}

impl Buckets {
    pub(super) fn free(buckets: usize) -> Self {
        Self(repeat_with(|| None).take(buckets).collect())
    }
}

impl Bucket {
    pub(super) fn new(kept: Arc<Kept>, subject: u32) -> Self {
        let hash = hash_of(&kept.digest);
        Self {
            kept,
            subject,
            hash,
        }
    }
}

/// The digest's last bytes, which nobody chooses: the first are the route, which all tokens of a
/// shard share.
fn hash_of(digest: &TokenDigest) -> u32 {
    let [.., a, b, c, d] = *digest.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::clock::Timestamp;
    use crate::token::{SessionId, TokenRecord, TokenTimes};

    /// Many have one hash or the next, and many lie round the end.
    fn digest(number: u32) -> TokenDigest {
        let hash = [0, 1, u32::MAX / 2, u32::MAX - 1, u32::MAX][number as usize % 5];
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        bytes[28..].copy_from_slice(&hash.wrapping_add(number / 50).to_be_bytes());
        TokenDigest::from_bytes(bytes)
    }

    fn bucket(digest: TokenDigest, subject: u32) -> Bucket {
        let never = Timestamp::from_micros(0);
        let times = TokenTimes::fixed(never, never);
        let session = SessionId::from_bytes([0; 16]);
        let record = TokenRecord::builder("access", session, "alice", times).build();
        Bucket::new(Arc::new(Kept { digest, record }), subject)
    }

    fn fit(table: &mut Table) {
        if let Some(buckets) = table.better() {
            table.move_to(Buckets::free(buckets));
        }
    }

    #[test]
    fn a_table_holds_what_a_map_holds_after_any_insertions_removals_and_moves() {
        let mut table = Table::default();
        let mut map = HashMap::new();
        for step in 0_u32..6_000 {
            // More of each thousand's first half comes in, more of its second goes out.
            let drawn = step.wrapping_mul(2_654_435_761) >> 8;
            let digest = digest(drawn % 150);
            let inserts = drawn / 150 % 4 < if step % 1_000 < 500 { 3 } else { 1 };
            let same = if inserts {
                let old = table.insert(bucket(digest, step));
                (old.map(|it| it.subject), map.insert(digest, step))
            } else {
                let old = table.remove(&digest);
                (old.map(|it| it.subject), map.remove(&digest))
            };
            assert_eq!(same.0, same.1, "step {step}");
            if step % 100 == 99 {
                fit(&mut table);
            }
            assert_eq!(table.len(), map.len());
            assert_eq!(table.iter().count(), map.len());
            let of_parts = table.parts().flat_map(|part| table.part(part)).count();
            assert_eq!(of_parts, map.len(), "step {step}");
            for number in 0..150 {
                let digest = self::digest(number);
                let found = table.get(&digest).map(|bucket| &bucket.subject);
                assert_eq!(found, map.get(&digest), "step {step}, {number}");
            }
        }
        assert!(map.len() < 150 && !map.is_empty(), "{}", map.len());
    }

    #[test]
    fn the_parts_of_a_table_have_each_token_once() {
        let mut table = Table::default();
        for most in [0, 1, 100, 150, 1_000] {
            (0..most).for_each(|number| drop(table.insert(bucket(digest(number), number))));
            let parts: Vec<_> = table.parts().collect();
            let mut all: Vec<u32> = parts
                .into_iter()
                .flat_map(|part| table.part(part))
                .map(|bucket| bucket.subject)
                .collect();
            all.sort_unstable();
            assert_eq!(all, (0..most).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_table_gives_room_back_when_most_of_it_lies_idle() {
        let mut table = Table::default();
        (0..1_000).for_each(|number| drop(table.insert(bucket(digest(number), 0))));
        let full = table.buckets.len();
        assert!((1_334..=2_048).contains(&full), "{full}");
        (0..900).for_each(|number| drop(table.remove(&digest(number))));
        fit(&mut table);
        assert_eq!(table.buckets.len(), 200);
        (900..1_000).for_each(|number| drop(table.remove(&digest(number))));
        fit(&mut table);
        assert_eq!(table.buckets.len(), 0);
        assert!(table.get(&digest(1)).is_none() && table.remove(&digest(1)).is_none());
    }

    #[test]
    fn tokens_stay_where_they_are_when_room_was_found_for_fewer() {
        let mut table = Table::default();
        (0..10).for_each(|number| drop(table.insert(bucket(digest(number), number))));
        table.move_to(Buckets::free(10));
        assert!((0..10).all(|number| table.get(&digest(number)).is_some()));
        assert!(table.get(&digest(10)).is_none());
    }
}
