//! Prints every statement as PostgreSQL reads it, each ended by a semicolon, for tools that read SQL.

#![expect(clippy::print_stdout, reason = "printing is what this is for")]

fn main() {
    for statement in guildhall_core::statements() {
        println!("{};", statement.postgres());
    }
}
