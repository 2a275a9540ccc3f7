//! A sorted map whose copies share what they have in common.
//!
//! Entries lie in chunks. A copy costs one reference count, a change copies one chunk and the list
//! of chunks, and two maps that come from one another are compared without looking into the chunks
//! that they share: what is published changes by a few entries of a hundred thousand.

use std::{borrow::Borrow, cmp::Ordering, sync::Arc};

/// Entries of a chunk that was just made.
const CHUNK: usize = 128;

/// Sorted by key; keys differ.
type Chunk<K, V> = Arc<Vec<(K, V)>>;

/// A sorted map that is cheap to copy and to compare with its copies.
#[derive(Debug)]
pub(crate) struct SharedMap<K, V> {
    /// In order, none of them empty.
    chunks: Arc<Vec<Chunk<K, V>>>,
    len: usize,
}

/// A key that two maps do not have in common, or have with other values: both sides of it.
pub(crate) type Difference<'a, K, V> = (&'a K, Option<&'a V>, Option<&'a V>);

/// Walks through two maps at once.
struct Differences<'a, K, V> {
    old: Cursor<'a, K, V>,
    new: Cursor<'a, K, V>,
}

/// A place in a map.
struct Cursor<'a, K, V> {
    chunks: &'a [Chunk<K, V>],
    place: usize,
}

// === impl SharedMap ===

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether the maps are one map: what is not may still be equal.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks)
    }

    pub(crate) fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        let place = position(chunk, key).ok()?;
        chunk.get(place).map(|(key, value)| (key, value))
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let chunks = self.chunks.iter();
        chunks.flat_map(|chunk| chunk.iter().map(|(key, value)| (key, value)))
    }

    /// A value to change: where it lies is copied, if other maps share it.
    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.chunk_of(key);
        let place = position(self.chunks.get(at)?, key).ok()?;
        let chunk = Arc::make_mut(&mut self.chunks).get_mut(at)?;
        Arc::make_mut(chunk).get_mut(place).map(|(_, value)| value)
    }

    /// Sets a value; the one before it is answered.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let at = self.chunk_of(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(at) else {
            chunks.push(Arc::new(vec![(key, value)]));
            self.len += 1;
            return None;
        };
        let chunk = Arc::make_mut(chunk);
        match position(chunk, &key) {
            Ok(place) => Some(std::mem::replace(&mut chunk[place].1, value)),
            Err(place) => {
                chunk.insert(place, (key, value));
                self.len += 1;
                if chunk.len() > 2 * CHUNK {
                    let rest = chunk.split_off(CHUNK);
                    chunks.insert(at + 1, Arc::new(rest));
                }
                None
            }
        }
    }

    /// What must happen to `old` to become `new`, by key. `is_same` tells values apart cheaply.
    pub(crate) fn differences<'a>(
        old: &'a Self,
        new: &'a Self,
        is_same: impl Fn(&V, &V) -> bool + 'a,
    ) -> impl Iterator<Item = Difference<'a, K, V>> {
        let both = Differences {
            old: Cursor::new(&old.chunks),
            new: Cursor::new(&new.chunks),
        };
        both.filter(move |(_, old, new)| match (old, new) {
            (Some(old), Some(new)) => !is_same(old, new),
            _ => true,
        })
    }

    /// The chunk that has the key, or would.
    fn chunk_of<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        let begins_before = |chunk: &Chunk<K, V>| {
            let first = chunk.first();
            first.is_some_and(|(first, _)| first.borrow() <= key)
        };
        self.chunks.partition_point(begins_before).saturating_sub(1)
    }
}

impl<K, V> Clone for SharedMap<K, V> {
    fn clone(&self) -> Self {
        Self {
            chunks: Arc::clone(&self.chunks),
            len: self.len,
        }
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self {
            chunks: Arc::default(),
            len: 0,
        }
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    /// Of equal keys the last one counts.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        let mut chunk: Vec<(K, V)> = Vec::with_capacity(CHUNK);
        let mut chunks: Vec<Chunk<K, V>> = Vec::new();
        let mut unordered: Vec<(K, V)> = Vec::new();
        for (key, value) in entries {
            let last = chunk
                .last()
                .or_else(|| chunks.last().and_then(|chunk| chunk.last()));
            if last.is_some_and(|(last, _)| *last >= key) {
                unordered.push((key, value));
                continue;
            }
            if chunk.len() == CHUNK {
                let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
                chunks.push(Arc::new(full));
            }
            chunk.push((key, value));
            map.len += 1;
        }
        if !chunk.is_empty() {
            chunk.shrink_to_fit();
            chunks.push(Arc::new(chunk));
        }
        map.chunks = Arc::new(chunks);
        for (key, value) in unordered {
            map.insert(key, value);
        }
        map
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.iter().eq(other.iter())
    }
}

fn position<K: Borrow<Q>, V, Q: Ord + ?Sized>(chunk: &[(K, V)], key: &Q) -> Result<usize, usize> {
    chunk.binary_search_by(|(known, _)| known.borrow().cmp(key))
}

// === impl Differences ===

impl<'a, K: Ord, V> Iterator for Differences<'a, K, V> {
    type Item = Difference<'a, K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.old.skips_shared(&self.new) {
            self.old.skip();
            self.new.skip();
        }
        let order = match (self.old.peek(), self.new.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let old = order.is_le().then(|| self.old.take()).flatten();
        let new = order.is_ge().then(|| self.new.take()).flatten();
        let key = old.or(new).map(|(key, _)| key)?;
        Some((
            key,
            old.map(|(_, value)| value),
            new.map(|(_, value)| value),
        ))
    }
}

// === impl Cursor ===

impl<'a, K, V> Cursor<'a, K, V> {
    fn new(chunks: &'a [Chunk<K, V>]) -> Self {
        Self { chunks, place: 0 }
    }

    /// Whether both are at the begin of one and the same chunk.
    fn skips_shared(&self, other: &Self) -> bool {
        self.place == 0
            && other.place == 0
            && match (self.chunks.first(), other.chunks.first()) {
                (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
                _ => false,
            }
    }

    fn skip(&mut self) {
        self.chunks = self.chunks.get(1..).unwrap_or_default();
        self.place = 0;
    }

    fn peek(&self) -> Option<&'a (K, V)> {
        self.chunks.first()?.get(self.place)
    }

    fn take(&mut self) -> Option<&'a (K, V)> {
        let taken = self.peek()?;
        self.place += 1;
        if self.peek().is_none() {
            self.skip();
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Map = SharedMap<u32, u32>;

    /// Numbers without order, the same each time.
    fn scattered(count: u32) -> impl Iterator<Item = u32> {
        (0..count).map(|number| number.wrapping_mul(2_654_435_761) % 1_000_003)
    }

    fn entries(map: &Map) -> Vec<(u32, u32)> {
        map.iter().map(|(key, value)| (*key, *value)).collect()
    }

    #[test]
    fn it_holds_what_a_tree_would() {
        let mut map = Map::default();
        let mut tree = BTreeMap::new();
        for key in scattered(5_000).chain(scattered(100)) {
            assert_eq!(map.insert(key, key + 1), tree.insert(key, key + 1));
        }
        assert_eq!(map.len(), tree.len());
        assert_eq!(entries(&map), tree.clone().into_iter().collect::<Vec<_>>());
        for key in 0..2_000 {
            assert_eq!(map.get(&key), tree.get(&key), "{key}");
        }
        assert_eq!(map, tree.into_iter().collect::<Map>());
        assert_eq!(
            map,
            scattered(5_000).map(|key| (key, key + 1)).collect::<Map>()
        );
    }

    #[test]
    fn a_copy_does_not_see_what_changes() {
        let before: Map = (0..1_000).map(|key| (key * 2, 0)).collect();
        let mut after = before.clone();
        assert!(after.is_same(&before));
        after.insert(7, 1);
        assert_eq!((before.len(), after.len()), (1_000, 1_001));
        assert_eq!((before.get(&7), after.get(&7)), (None, Some(&1)));
    }

    #[test]
    fn differences_are_found_and_shared_chunks_passed_over() {
        let old: Map = (0..10_000).map(|key| (key * 10, 0)).collect();
        let mut new = old.clone();
        // So many in one place that a chunk is split.
        let crowd = u32::try_from(CHUNK).unwrap() + 50;
        for key in 0..crowd {
            new.insert(20_001 + key * 10, 1);
        }
        new.insert(50_000, 2);
        let compared = std::cell::Cell::new(0);
        let different: Vec<u32> = SharedMap::differences(&old, &new, |old, new| {
            compared.set(compared.get() + 1);
            old == new
        })
        .map(|(key, _, _)| *key)
        .collect();
        let mut wanted: Vec<u32> = (0..crowd).map(|key| 20_001 + key * 10).collect();
        wanted.push(50_000);
        assert_eq!(different, wanted);
        assert!(compared.get() < 1_000, "{}", compared.get());
        let back = SharedMap::differences(&new, &old, |old, new| old == new);
        assert!(back.filter(|(_, _, new)| new.is_none()).count() == wanted.len() - 1);
    }
}
