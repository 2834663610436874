use super::keys::Quality;

fn quality(is_verified: bool, first_message_index: u64, forwarded_count: u64) -> Quality {
    Quality {
        is_verified,
        first_message_index,
        forwarded_count,
    }
}

#[test]
fn verified_key_replaces_an_unverified_one_and_never_the_other_way_round() {
    assert!(quality(true, 9, 9).is_better_than(quality(false, 0, 0)));
    assert!(!quality(false, 0, 0).is_better_than(quality(true, 9, 9)));
}

#[test]
fn key_that_reads_more_messages_replaces_one_that_reads_fewer() {
    assert!(quality(true, 1, 9).is_better_than(quality(true, 2, 0)));
    assert!(!quality(true, 2, 0).is_better_than(quality(true, 1, 9)));
}

#[test]
fn key_forwarded_less_often_replaces_one_that_reads_the_same() {
    assert!(quality(false, 1, 0).is_better_than(quality(false, 1, 1)));
    assert!(!quality(false, 1, 1).is_better_than(quality(false, 1, 1)));
}
