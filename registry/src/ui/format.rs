//! Dates, sizes and numbers as people read them.

use time::{OffsetDateTime, macros::format_description};

/// `2026-11-21`, in UTC; `None` for 0, which means unknown.
pub(super) fn day(milliseconds: u64) -> Option<String> {
    moment(milliseconds)?
        .format(format_description!("[year]-[month]-[day]"))
        .ok()
}

/// `18:01 UTC`; `None` for 0.
pub(super) fn clock(milliseconds: u64) -> Option<String> {
    moment(milliseconds)?
        .format(format_description!("[hour]:[minute] UTC"))
        .ok()
}

/// `2026-11-21 18:01 UTC`; `None` for 0.
pub(super) fn minute(milliseconds: u64) -> Option<String> {
    Some(format!("{} {}", day(milliseconds)?, clock(milliseconds)?))
}

/// `13.4 kB`, as browsers' tools tell sizes.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// `5,000`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn moment(milliseconds: u64) -> Option<OffsetDateTime> {
    if milliseconds == 0 {
        return None;
    }
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_sizes_are_short() {
        assert_eq!(day(1_795_284_103_010).as_deref(), Some("2026-11-21"));
        assert_eq!(
            minute(1_795_284_103_010).as_deref(),
            Some("2026-11-21 18:01 UTC")
        );
        assert_eq!((day(0), minute(u64::MAX)), (None, None));
        assert_eq!(
            [size(999), size(13_460), size(1_250_000)],
            ["999 B", "13.4 kB", "1.2 MB"]
        );
        assert_eq!(
            [grouped(7), grouped(5_000), grouped(123_456)],
            ["7", "5,000", "123,456"]
        );
    }
}
