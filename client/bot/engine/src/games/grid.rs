//! What board games share: numbers and letters of squares, lines of signs.

/// A digit as people write it, also as the sign of a key.
pub(crate) fn digit(text: &str) -> Option<usize> {
    let text = text.trim().replace(['\u{fe0f}', '\u{20e3}'], "");
    match text.as_bytes() {
        [byte @ b'0'..=b'9'] => Some(usize::from(byte - b'0')),
        _ => None,
    }
}

/// Digits as buttons.
pub(crate) const KEYS: [&str; 9] = ["1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣"];

/// Whether a cell is part of a line of `length` equal signs on a board of this width.
pub(crate) fn in_line(cells: &[u8], width: usize, at: usize, length: usize) -> bool {
    let Some(&sign) = cells.get(at).filter(|sign| **sign != 0) else {
        return false;
    };
    [(1, 0), (0, 1), (1, 1), (1, -1)].iter().any(|&direction| {
        let ahead = run(cells, width, at, direction, sign);
        let behind = run(cells, width, at, (-direction.0, -direction.1), sign);
        ahead + behind + 1 >= length
    })
}

/// How many equal signs follow a cell in one direction.
pub(crate) fn run(
    cells: &[u8],
    width: usize,
    at: usize,
    direction: (isize, isize),
    sign: u8,
) -> usize {
    let mut length = 0;
    let mut here = at;
    while let Some(next) = step(cells.len(), width, here, direction) {
        if cells[next] != sign {
            break;
        }
        length += 1;
        here = next;
    }
    length
}

/// The neighbour of a cell, if it is on the board. A direction is (right, down).
pub(crate) fn step(
    cells: usize,
    width: usize,
    at: usize,
    (right, down): (isize, isize),
) -> Option<usize> {
    let column = (at % width).checked_add_signed(right)?;
    let row = (at / width).checked_add_signed(down)?;
    (column < width && row < cells / width).then_some(row * width + column)
}

#[cfg(test)]
mod tests {
    use super::{digit, in_line};

    #[test]
    fn digits_are_read_with_and_without_a_key() {
        assert_eq!(digit(" 7 "), Some(7));
        assert_eq!(digit("7️⃣"), Some(7));
        assert_eq!(digit("17"), None);
    }

    #[test]
    fn lines_do_not_go_around_the_edge() {
        let mut cells = [0; 9];
        for at in [2, 3, 4] {
            cells[at] = 1;
        }
        assert!(!in_line(&cells, 3, 3, 3));
        cells[5] = 1;
        assert!(in_line(&cells, 3, 4, 3));
    }
}
