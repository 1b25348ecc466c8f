//! The tables in the documentation that the constants of the code write.

use guildhall_types::{ErrorCode, limits};

/// Every limit, in the order in which the code declares them.
pub(super) fn limits() -> String {
    let rows = limits::ALL.iter().map(|(name, value, unit, meaning)| {
        [format!("`{name}`"), amount(*value, unit), cell(meaning)]
    });
    table(["Limit", "Value", "Bounds"], rows)
}

/// Every error code, in the order in which the code declares them.
pub(super) fn errors() -> String {
    let rows = ErrorCode::ALL.iter().map(|code| {
        [
            format!("`{}`", code.word()),
            code.status().to_string(),
            cell(code.title()),
        ]
    });
    table(["Code", "Status", "Title"], rows)
}

/// The page with the table between the markers of this name, whatever stood there before.
pub(super) fn replace(page: &str, name: &str, table: &str) -> Result<String, String> {
    let (begin, end) = (
        format!("<!-- {name}:begin -->"),
        format!("<!-- {name}:end -->"),
    );
    let (before, rest) = page
        .split_once(&begin)
        .ok_or_else(|| format!("the marker `{begin}` is missing"))?;
    let (_, after) = rest
        .split_once(&end)
        .ok_or_else(|| format!("the marker `{end}` is missing after `{begin}`"))?;
    Ok(format!("{before}{begin}\n\n{table}\n{end}{after}"))
}

fn table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(COLUMNS));
    for row in rows {
        text.push_str("| ");
        text.push_str(&row.join(" | "));
        text.push_str(" |\n");
    }
    text
}

/// Text that cannot end its cell.
fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|")
}

/// A number for people: `2,000 characters`, and bytes in the largest unit that leaves no rest.
fn amount(value: u64, unit: &str) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = KIB * KIB;
    match unit {
        "bytes" if value >= MIB && value.is_multiple_of(MIB) => {
            format!("{} MiB", grouped(value / MIB))
        }
        "bytes" if value >= KIB && value.is_multiple_of(KIB) => {
            format!("{} KiB", grouped(value / KIB))
        }
        _ => format!("{} {unit}", grouped(value)),
    }
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let page = "# A\n<!-- x:begin -->\nold\n<!-- x:end -->\nrest\n";
        let new = replace(page, "x", "| new |\n").unwrap();
        assert_eq!(
            new,
            "# A\n<!-- x:begin -->\n\n| new |\n\n<!-- x:end -->\nrest\n"
        );
        assert_eq!(replace(&new, "x", "| new |\n").unwrap(), new);
    }

    #[test]
    fn a_page_without_its_markers_is_refused() {
        assert!(
            replace("# A\n", "x", "")
                .unwrap_err()
                .contains("`<!-- x:begin -->` is missing")
        );
        assert!(
            replace("<!-- x:begin -->", "x", "")
                .unwrap_err()
                .contains("`<!-- x:end -->` is missing")
        );
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(amount(2 * 1024 * 1024, "bytes"), "2 MiB");
        assert_eq!(amount(65_536, "bytes"), "64 KiB");
        assert_eq!(amount(1_500, "bytes"), "1,500 bytes");
        assert_eq!(amount(24_000_000, "pixels"), "24,000,000 pixels");
        assert_eq!(amount(24, "hours"), "24 hours");
    }

    #[test]
    fn every_limit_and_every_code_has_a_row() {
        assert_eq!(limits().lines().count(), limits::ALL.len() + 2);
        assert_eq!(errors().lines().count(), ErrorCode::ALL.len() + 2);
        assert!(errors().contains("| `member_exists` | 409 | the user is a member already |\n"));
        assert_eq!(cell(" a | b "), "a \\| b");
    }
}
