//! Turning one list into another with few notifications.

use eyeball_im::VectorDiff;

use super::diff_model::DiffModel;

/// Changes the model to hold `wanted`, telling the views only what differs. `is_same` says whether two rows are the
/// same line with possibly other content. Lists of rooms are short (hundreds) and change in few places, so looking
/// ahead linearly is cheaper than a real edit script.
pub(crate) fn patch<T: Clone + PartialEq + 'static>(
    model: &DiffModel<T>,
    wanted: Vec<T>,
    is_same: impl Fn(&T, &T) -> bool,
) {
    let mut current = model.to_vec();
    for (index, row) in wanted.iter().enumerate() {
        let found = current
            .get(index..)
            .and_then(|rest| rest.iter().position(|old| is_same(old, row)));
        match found {
            Some(0) => {}
            Some(distance) if is_gone(&current[index], &wanted[index..], &is_same) => {
                let gone = (0..distance)
                    .take_while(|step| is_gone(&current[index + step], &wanted[index..], &is_same))
                    .count();
                current.drain(index..index + gone);
                model.remove_range(index, gone);
                if gone < distance {
                    move_up(model, &mut current, index + distance - gone, index);
                }
            }
            Some(distance) => move_up(model, &mut current, index + distance, index),
            None => {
                current.insert(index, row.clone());
                model.insert_all(index, vec![row.clone()]);
            }
        }
        if current[index] != *row {
            current[index] = row.clone();
            model.apply(VectorDiff::Set {
                index,
                value: row.clone(),
            });
        }
    }
    model.remove_range(wanted.len(), current.len() - wanted.len());
}

fn is_gone<T>(row: &T, wanted: &[T], is_same: &impl Fn(&T, &T) -> bool) -> bool {
    !wanted.iter().any(|other| is_same(row, other))
}

fn move_up<T: Clone + 'static>(model: &DiffModel<T>, current: &mut Vec<T>, from: usize, to: usize) {
    let row = current.remove(from);
    model.remove_range(from, 1);
    current.insert(to, row.clone());
    model.insert_all(to, vec![row]);
}
