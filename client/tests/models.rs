//! The models against plain lists: whatever happens to the one happens to the other, and a view that hears only the
//! notifications ends with the same rows.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
};

use client::model::{
    diff_model::DiffModel,
    kept_map::KeptMap,
    window::{LIMIT, MOST, PAGE, STEP, Window},
};
use eyeball_im::VectorDiff;
use i_slint_core::model::{Model, ModelChangeListener, ModelChangeListenerContainer};
use imbl::Vector;
use proptest::prelude::*;

/// A view that knows only what it was told.
#[derive(Default)]
struct Shadow {
    model: RefCell<Option<Rc<DiffModel<u32>>>>,
    rows: RefCell<Vec<u32>>,
}

impl Shadow {
    fn read(&self, row: usize) -> u32 {
        self.model.borrow().as_ref().unwrap().row_data(row).unwrap()
    }
}

impl ModelChangeListener for Shadow {
    fn row_changed(self: Pin<&Self>, row: usize) {
        let value = self.read(row);
        self.rows.borrow_mut()[row] = value;
    }

    fn row_added(self: Pin<&Self>, index: usize, count: usize) {
        for row in index..index + count {
            let value = self.read(row);
            self.rows.borrow_mut().insert(row, value);
        }
    }

    fn row_removed(self: Pin<&Self>, index: usize, count: usize) {
        self.rows.borrow_mut().drain(index..index + count);
    }

    fn reset(self: Pin<&Self>) {
        let rows = self.model.borrow().as_ref().unwrap().to_vec();
        self.rows.replace(rows);
    }
}

fn watch(model: Rc<DiffModel<u32>>) -> Pin<Box<ModelChangeListenerContainer<Shadow>>> {
    let shadow = Box::pin(ModelChangeListenerContainer::<Shadow>::default());
    shadow.rows.replace(model.to_vec());
    shadow.model.replace(Some(model.clone()));
    model
        .model_tracker()
        .attach_peer(Pin::as_ref(&shadow).model_peer());
    shadow
}

/// A change to be fitted to whatever list it meets.
#[derive(Debug, Clone)]
enum Change {
    Append(Vec<u32>),
    PushFront(u32),
    PushBack(u32),
    Insert(usize, u32),
    Set(usize, u32),
    Remove(usize),
    PopFront,
    PopBack,
    Truncate(usize),
    Clear,
    Reset(Vec<u32>),
}

impl Change {
    fn fit(self, length: usize) -> Option<VectorDiff<u32>> {
        let at = |index: usize| (length > 0).then(|| index % length);
        Some(match self {
            Self::Append(values) => VectorDiff::Append {
                values: values.into(),
            },
            Self::PushFront(value) => VectorDiff::PushFront { value },
            Self::PushBack(value) => VectorDiff::PushBack { value },
            Self::Insert(index, value) => VectorDiff::Insert {
                index: index % (length + 1),
                value,
            },
            Self::Set(index, value) => VectorDiff::Set {
                index: at(index)?,
                value,
            },
            Self::Remove(index) => VectorDiff::Remove { index: at(index)? },
            Self::PopFront => at(0).map(|_| VectorDiff::PopFront)?,
            Self::PopBack => at(0).map(|_| VectorDiff::PopBack)?,
            Self::Truncate(index) => VectorDiff::Truncate { length: at(index)? },
            Self::Clear => VectorDiff::Clear,
            Self::Reset(values) => VectorDiff::Reset {
                values: values.into(),
            },
        })
    }
}

fn change() -> impl Strategy<Value = Change> {
    let many = || prop::collection::vec(any::<u32>(), 0..120);
    prop_oneof![
        4 => many().prop_map(Change::Append),
        3 => any::<u32>().prop_map(Change::PushFront),
        3 => any::<u32>().prop_map(Change::PushBack),
        6 => any::<(usize, u32)>().prop_map(|(index, value)| Change::Insert(index, value)),
        6 => any::<(usize, u32)>().prop_map(|(index, value)| Change::Set(index, value)),
        4 => any::<usize>().prop_map(Change::Remove),
        1 => Just(Change::PopFront),
        1 => Just(Change::PopBack),
        1 => any::<usize>().prop_map(Change::Truncate),
        1 => Just(Change::Clear),
        1 => many().prop_map(Change::Reset),
    ]
}

/// What a view does with its window.
#[derive(Debug, Clone)]
enum Move {
    Change(Change),
    Older(bool),
    Newer(bool),
    End,
    Settle(bool, bool),
    Follow(bool),
    Reveal(usize),
}

fn step() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => change().prop_map(Move::Change),
        4 => any::<bool>().prop_map(Move::Older),
        3 => any::<bool>().prop_map(Move::Newer),
        1 => Just(Move::End),
        4 => any::<(bool, bool)>().prop_map(|(near_end, spare)| Move::Settle(near_end, spare)),
        2 => any::<bool>().prop_map(Move::Follow),
        1 => any::<usize>().prop_map(Move::Reveal),
    ]
}

proptest! {
    #[test]
    fn a_diff_model_agrees_with_a_vector_and_with_its_notifications(changes in prop::collection::vec(change(), 0..60)) {
        let model = Rc::new(DiffModel::new());
        let shadow = watch(model.clone());
        let mut expected = Vector::new();
        for change in changes {
            let Some(diff) = change.fit(expected.len()) else { continue };
            model.apply(diff.clone());
            diff.apply(&mut expected);
            prop_assert_eq!(model.to_vec(), expected.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(&*shadow.rows.borrow(), &model.to_vec());
        }
    }

    #[test]
    fn a_kept_map_agrees_with_its_model_and_maps_what_is_unchanged_once(changes in prop::collection::vec(change(), 0..60)) {
        let model = Rc::new(DiffModel::new());
        let mapped = Rc::new(Cell::new(0));
        let count = mapped.clone();
        let map = KeptMap::new(model.clone(), move |row: &u32, _| {
            count.set(count.get() + 1);
            u64::from(*row) + 1
        });
        let mut length = 0;
        for change in changes {
            let Some(diff) = change.fit(length) else { continue };
            model.apply(diff);
            length = model.len();
            let expected: Vec<_> = model.to_vec().into_iter().map(|row| u64::from(row) + 1).collect();
            prop_assert_eq!(map.iter().collect::<Vec<_>>(), expected.clone());
            let before = mapped.get();
            model.apply(VectorDiff::PushFront { value: 7 });
            prop_assert_eq!(map.iter().skip(1).collect::<Vec<_>>(), expected);
            prop_assert_eq!(mapped.get(), before);
            model.apply(VectorDiff::PopFront);
        }
    }

    #[test]
    fn diffs_that_do_not_fit_do_no_harm(index in 0_usize..50, length in 0_usize..5) {
        let model = DiffModel::new();
        model.apply(VectorDiff::Append { values: (0..length as u32).collect() });
        model.apply(VectorDiff::Insert { index: length + 1 + index, value: 9 });
        model.apply(VectorDiff::Set { index: length + index, value: 9 });
        model.apply(VectorDiff::Remove { index: length + index });
        prop_assert_eq!(model.len(), length);
    }

    #[test]
    fn a_window_is_always_a_bounded_run_of_the_whole(steps in prop::collection::vec(step(), 0..80)) {
        let mut window = Window::new();
        let shadow = watch(window.model());
        let mut expected = Vector::new();
        for step in steps {
            match step {
                Move::Change(change) => {
                    let Some(diff) = change.fit(expected.len()) else { continue };
                    diff.clone().apply(&mut expected);
                    window.apply_all([diff]);
                }
                Move::Older(short) => drop(window.show_older(short)),
                Move::Newer(short) => drop(window.show_newer(short)),
                Move::End => window.show_end(),
                Move::Settle(near_end, spare) => {
                    window.settle(near_end, spare);
                    let most = if spare { LIMIT } else { MOST };
                    prop_assert!(window.model().len() <= most);
                }
                Move::Follow(following) => window.set_following(following),
                Move::Reveal(row) => drop(window.reveal(|value| *value as usize % 7 == row % 7)),
            }
            check(&window, &expected)?;
            prop_assert_eq!(&*shadow.rows.borrow(), &window.model().to_vec());
        }
    }
}

fn check(window: &Window<u32>, expected: &Vector<u32>) -> Result<(), TestCaseError> {
    prop_assert_eq!(window.all(), expected);
    let shown = window.model().to_vec();
    let end = expected.len() - window.newer_rows();
    let start = end - shown.len();
    prop_assert_eq!(
        &shown,
        &expected
            .iter()
            .skip(start)
            .take(shown.len())
            .copied()
            .collect::<Vec<_>>()
    );
    prop_assert_eq!(window.at_start(), start == 0);
    prop_assert!(
        shown.len() >= expected.len().min(PAGE),
        "a window smaller than a page hides rows"
    );
    Ok(())
}

fn filled(rows: u32) -> Window<u32> {
    let mut window = Window::new();
    window.apply_all([VectorDiff::Reset {
        values: (0..rows).collect(),
    }]);
    window
}

#[test]
fn a_window_opens_at_the_newest_page() {
    let window = filled(1000);
    assert_eq!(window.model().to_vec(), (950..1000).collect::<Vec<_>>());
    assert!(window.at_end() && !window.at_start());
}

#[test]
fn older_rows_come_at_the_front_and_are_announced() {
    let mut window = filled(1000);
    let epoch = window.front_epoch();
    assert!(window.show_older(false));
    assert_eq!(window.model().to_vec().first(), Some(&(950 - STEP as u32)));
    assert_eq!(window.front_epoch(), epoch + 1);
}

#[test]
fn walking_back_drops_the_newest_rows_only_when_settled() {
    let mut window = filled(1000);
    for _ in 0..3 * PAGE / STEP {
        window.show_older(false);
    }
    assert_eq!(window.model().len(), 4 * PAGE);
    let epoch = window.front_epoch();
    window.settle(false, true);
    let newer = 4 * PAGE - LIMIT;
    assert_eq!((window.model().len(), window.newer_rows()), (LIMIT, newer));
    assert_eq!(window.front_epoch(), epoch, "nothing moved at the front");
}

#[test]
fn rows_paged_in_from_the_server_wait_above_the_window() {
    let mut window = filled(PAGE as u32);
    let shown = window.model().to_vec();
    window.apply_all((0..20).map(|value| VectorDiff::PushFront {
        value: 5000 + value,
    }));
    assert_eq!(window.model().to_vec(), shown);
    assert!(!window.at_start());
    window.show_older(false);
    assert_eq!(
        window.model().to_vec().first(),
        Some(&(5000 + STEP as u32 - 1))
    );
}

#[test]
fn at_the_bottom_new_rows_push_old_ones_out() {
    let mut window = filled(1000);
    for value in 0..300 {
        window.apply_all([VectorDiff::PushBack {
            value: 5000 + value,
        }]);
    }
    assert!(window.model().len() <= MOST);
    assert_eq!(window.model().to_vec().last(), Some(&5299));
}

#[test]
fn rows_that_are_replaced_all_at_once_stay_in_sight() {
    let mut window = filled(2);
    window.apply_all([
        VectorDiff::PushFront { value: 10 },
        VectorDiff::Remove { index: 2 },
        VectorDiff::Remove { index: 1 },
        VectorDiff::PushFront { value: 11 },
        VectorDiff::PushBack { value: 12 },
    ]);
    assert_eq!(window.model().to_vec(), [11, 10, 12]);
}

#[test]
fn away_from_the_bottom_new_rows_wait_below() {
    let mut window = filled(1000);
    window.show_older(false);
    window.set_following(false);
    let shown = window.model().to_vec();
    window.apply_all([VectorDiff::PushBack { value: 5000 }]);
    assert_eq!(window.model().to_vec(), shown);
    assert_eq!(window.newer_rows(), 1);
    window.show_end();
    assert_eq!(window.model().to_vec().last(), Some(&5000));
}

#[test]
fn a_list_that_begins_anew_leads_nobody_to_its_end() {
    let mut window = filled(1000);
    window.show_older(false);
    window.set_following(false);
    let values = (5000..5060).collect();
    window.apply_all([VectorDiff::Clear, VectorDiff::Append { values }]);
    assert!(!window.is_following());
    let shown = window.model().to_vec();
    window.apply_all([VectorDiff::PushBack { value: 6000 }]);
    assert_eq!(window.model().to_vec(), shown);
}

#[test]
fn a_known_row_can_be_brought_into_view() {
    let mut window = filled(1000);
    let position = window.reveal(|value| *value == 10).unwrap();
    assert_eq!(window.model().to_vec()[position], 10);
    assert_eq!(window.reveal(|value| *value == 4000), None);
}
