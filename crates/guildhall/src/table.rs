//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets};
use guildhall_types::Timestamp;

/// Rows under a header, in columns, ended by a newline; long cells are wrapped where there is a terminal.
pub(crate) fn table<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}

/// A point in time to the minute, in UTC: what a person compares.
pub(crate) fn minute(at: Timestamp) -> String {
    at.to_string()
        .chars()
        .take("2026-05-03T12:00".len())
        .collect::<String>()
        .replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_enough_for_people() {
        assert_eq!(
            minute(Timestamp::from_micros(1_735_787_045_123_456)),
            "2025-01-02 03:04"
        );
    }

    #[test]
    fn columns_line_up_whatever_the_script() {
        let rows = [
            ["東京".to_owned(), "1".to_owned()],
            ["Oslo".to_owned(), "2".to_owned()],
        ];
        assert_eq!(table(["CITY", "N"], rows), "CITY  N\n東京  1\nOslo  2\n");
    }
}
