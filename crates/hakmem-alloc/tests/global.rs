//! `Hakmem` as the allocator of a whole program.

use std::cell::RefCell;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use hakmem_alloc::Hakmem;

#[global_allocator]
static ALLOC: Hakmem = Hakmem::new();

/// Blocks of this allocator, not of the system's.
#[test]
fn it_serves_this_program() {
    let boxed = Box::new([7_u8; 100]);
    // SAFETY: a live block of the global allocator.
    assert_eq!(unsafe { ALLOC.usable_size(boxed.as_ptr()) }, 112);
}

#[test]
fn collections_keep_what_they_are_given() {
    const N: usize = 20_000;
    let map: HashMap<String, usize> = (0..N).map(|i| (format!("key {i}"), i)).collect();
    let tree: BTreeMap<usize, String> = (0..N).map(|i| (i * 7919 % N, i.to_string())).collect();
    let set: HashSet<Vec<u8>> = (0..N).map(|i| vec![i as u8; i % 300]).collect();
    let mut queue: VecDeque<Box<usize>> = VecDeque::new();
    let list: LinkedList<[usize; 9]> = (0..N).map(|i| [i; 9]).collect();
    let heap: BinaryHeap<usize> = (0..N).map(|i| i * 7919 % N).collect();
    for i in 0..N {
        queue.push_back(Box::new(i));
        if i % 3 == 0 {
            assert_eq!(queue.pop_front().as_deref(), Some(&(i / 3)));
        }
    }
    assert!((0..N).all(|i| map[&format!("key {i}")] == i));
    assert!((0..N).all(|i| tree[&(i * 7919 % N)] == i.to_string()));
    assert!((0..N).all(|i| set.contains(&vec![i as u8; i % 300])));
    assert!(list.iter().enumerate().all(|(i, array)| array == &[i; 9]));
    assert_eq!(heap.into_sorted_vec(), (0..N).collect::<Vec<_>>());
}

#[test]
fn vectors_grow_and_shrink() {
    let mut all: Vec<Vec<usize>> = vec![Vec::new(); 50];
    for i in 0..400_000 {
        all[i * i % 50].push(i);
    }
    for vector in &mut all {
        assert!(vector.is_sorted());
        vector.truncate(vector.len() / 5);
        vector.shrink_to_fit();
        assert!(vector.is_sorted());
    }
    let zeros = vec![0_u64; 1 << 20];
    assert!(zeros.iter().all(|&zero| zero == 0));
}

#[test]
fn strings_are_formatted() {
    let text: String = (0..5_000).map(|i| format!("{i:>8}|{:x}|{:?};", i * i, Some(i))).collect();
    assert_eq!(text.matches("Some(").count(), 5_000);
    assert_eq!(text.split(';').count(), 5_001);
    assert!(text.to_uppercase().starts_with("       0|0|SOME(0);"));
}

#[test]
fn threads_hand_blocks_on() {
    let (sender, receiver) = channel::<Box<[usize; 40]>>();
    let shared = Arc::new(Mutex::new(Vec::<Rc<str>>::new().len()));
    let producers: Vec<_> = (0..4)
        .map(|id| {
            let (sender, shared) = (sender.clone(), Arc::clone(&shared));
            thread::spawn(move || {
                for i in 0..5_000 {
                    sender.send(Box::new([id * 5_000 + i; 40])).unwrap();
                    *shared.lock().unwrap() += vec![i; i % 50].len();
                }
            })
        })
        .collect();
    drop(sender);
    let mut seen: Vec<_> = receiver.iter().map(|array| array[39]).collect();
    for producer in producers {
        producer.join().unwrap();
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..20_000).collect::<Vec<_>>());
    assert_eq!(*shared.lock().unwrap(), 4 * 100 * (0..50).sum::<usize>());
}

/// Destructors that have run.
static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// Allocates, and frees what an earlier destructor may have used, when its thread ends.
struct Last(Vec<String>);

impl Drop for Last {
    fn drop(&mut self) {
        let copy: Vec<_> = self.0.iter().map(|text| text.repeat(3)).collect();
        assert_eq!(copy.len(), self.0.len());
        self.0.extend(copy);
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static FIRST: RefCell<Vec<Last>> = const { RefCell::new(Vec::new()) };
    static SECOND: RefCell<HashMap<usize, Last>> = RefCell::new(HashMap::new());
}

#[test]
fn a_thousand_short_threads_with_destructors() {
    for i in 0..1_000 {
        let thread = thread::spawn(move || {
            FIRST.with_borrow_mut(|first| first.push(Last(vec![i.to_string(); i % 70])));
            SECOND.with_borrow_mut(|second| {
                second.insert(i, Last(vec!["text".to_owned(); 10]));
            });
            vec![i; 1_000]
        });
        assert_eq!(thread.join().unwrap(), vec![i; 1_000]);
    }
    assert_eq!(DROPPED.load(Ordering::SeqCst), 2_000);
}
