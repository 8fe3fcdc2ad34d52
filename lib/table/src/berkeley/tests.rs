use std::collections::BTreeMap;
use std::fs::OpenOptions;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;

fn empty(method: Method, cache_size: usize) -> (NamedTempFile, Database) {
    let file = NamedTempFile::new().unwrap();
    let open = OpenOptions::new().read(true).write(true).open(file.path()).unwrap();
    (file, Database::create(open, method, cache_size).unwrap())
}

fn all(database: &mut Database) -> Vec<Pair> {
    database.rewind();
    std::iter::from_fn(|| database.next().unwrap()).collect()
}

/// Runs the same changes on a file and on a map; then compares, also after opening the file anew.
fn check(method: Method, changes: &[(Vec<u8>, Option<Vec<u8>>)]) {
    let (file, mut database) = empty(method, 4096);
    let mut map = BTreeMap::new();
    for (key, value) in changes {
        let existed = map.remove(key).is_some();
        assert_eq!(database.delete(key).unwrap(), existed);
        if let Some(value) = value {
            database.insert(key, value).unwrap();
            map.insert(key.clone(), value.clone());
        }
    }
    database.flush(true).unwrap();
    let reopened = Database::open(file.reopen().unwrap(), method, 1 << 16).unwrap();
    for mut database in [database, reopened] {
        let mut pairs = all(&mut database);
        pairs.sort();
        assert_eq!(pairs, map.clone().into_iter().collect::<Vec<_>>());
        for (key, value) in &map {
            assert_eq!(database.get(key).unwrap().as_ref(), Some(value));
        }
    }
}

fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..longest, any::<u8>()).prop_map(|(length, byte)| vec![byte; length])
}

fn changes() -> impl Strategy<Value = Vec<(Vec<u8>, Option<Vec<u8>>)>> {
    let key = prop_oneof![
        (0u16..300).prop_map(|n| format!("user{n}@example.com\0").into_bytes()),
        (0u16..20).prop_map(|n| format!("{n}{}", "k".repeat(1500 + usize::from(n))).into_bytes()),
    ];
    let value = prop_oneof![bytes(60), bytes(60), bytes(10000)];
    prop::collection::vec((key, prop::option::weighted(0.7, value)), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn hash_is_a_map(changes in changes()) {
        check(Method::Hash, &changes);
    }

    #[test]
    fn btree_is_a_map(changes in changes()) {
        check(Method::Btree, &changes);
    }

    #[test]
    fn damaged_files_do_no_harm(method in prop_oneof![Just(Method::Hash), Just(Method::Btree)],
                                damage in prop::collection::vec((72usize..40960, any::<u8>()), 1..40)) {
        let (file, mut database) = empty(method, 4096);
        for n in 0..200 {
            database.insert(format!("key{n}").as_bytes(), &vec![b'x'; if n % 50 == 0 { 5000 } else { 20 }]).unwrap();
        }
        database.flush(false).unwrap();
        let open = OpenOptions::new().read(true).write(true).open(file.path()).unwrap();
        for (at, byte) in damage {
            open.write_all_at(&[byte], at as u64).unwrap();
        }
        let mut database = Database::open(open, method, 4096).unwrap();
        for n in 0..200 {
            let key = format!("key{n}");
            let _ = database.get(key.as_bytes());
            let _ = database.insert(format!("new{n}").as_bytes(), b"value");
            let _ = database.delete(key.as_bytes());
        }
        database.rewind();
        for _ in 0..10000 {
            if !matches!(database.next(), Ok(Some(_))) {
                break;
            }
        }
    }
}

#[test]
fn many_keys_in_order_and_deleted_while_walking() {
    for method in [Method::Hash, Method::Btree] {
        let (_file, mut database) = empty(method, 1 << 14);
        for n in 0..20000 {
            database.insert(format!("{n:06}").as_bytes(), format!("value {n}").as_bytes()).unwrap();
        }
        let pairs = all(&mut database);
        assert_eq!(pairs.len(), 20000);
        assert!(method == Method::Hash || pairs.is_sorted());
        database.rewind();
        let mut count = 0;
        while let Some((key, _)) = database.next().unwrap() {
            assert!(database.delete(&key).unwrap());
            count += 1;
        }
        assert_eq!(count, 20000);
        assert_eq!(all(&mut database), []);
        database.insert(b"again", b"x").unwrap();
        assert_eq!(all(&mut database), [(b"again".to_vec(), b"x".to_vec())]);
    }
}

#[test]
fn the_lock_is_needed_for_what_is_not_in_memory_or_has_changed() {
    for method in [Method::Hash, Method::Btree] {
        let (file, mut database) = empty(method, 1 << 14);
        for n in 0..2000 {
            database.insert(format!("{n}").as_bytes(), format!("value {n}").as_bytes()).unwrap();
        }
        database.flush(false).unwrap();
        let age = |seconds| {
            let time = SystemTime::now() - std::time::Duration::from_secs(seconds);
            file.as_file().set_modified(time).unwrap();
        };
        age(60);
        let mut database = Database::open(file.reopen().unwrap(), method, 0).unwrap();
        assert_eq!(database.get_unlocked(b"7").unwrap(), None);
        database.refresh().unwrap();
        let value = Some(b"value 7".to_vec());
        assert_eq!(database.get(b"7").unwrap(), value);
        assert_eq!(database.get_unlocked(b"7").unwrap(), Some(value.clone()));
        assert!((0..2000).any(|n| database.get_unlocked(format!("{n}").as_bytes()).unwrap().is_none()));
        age(50);
        assert_eq!(database.get_unlocked(b"7").unwrap(), None);
        database.refresh().unwrap();
        assert_eq!(database.get(b"7").unwrap(), value);
        assert_eq!(database.get_unlocked(b"7").unwrap(), Some(value));
        // Just changed: it could change again without another time.
        age(0);
        database.refresh().unwrap();
        database.get(b"7").unwrap();
        assert_eq!(database.get_unlocked(b"7").unwrap(), None);
    }
}

#[test]
fn not_a_database_is_invalid() {
    let file = NamedTempFile::new().unwrap();
    assert_eq!(Database::open(file.reopen().unwrap(), Method::Hash, 0).unwrap_err().raw_os_error(), Some(22));
    let (file, _) = empty(Method::Hash, 0);
    assert!(Database::open(file.reopen().unwrap(), Method::Btree, 0).is_err());
}
