//! What can go wrong in the database, told apart as far as a rule may care.

/// A failed statement, transaction or connection.
///
/// Engine codes appear in no other room: a rule that minds a duplicate asks for [`DbError::Unique`].
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A unique index refused a row. The name is `table.column`, the last column of the index.
    #[error("a row with the same `{0}` exists")]
    Unique(String),
    /// A foreign key refused a row or a deletion.
    #[error("a row that is referred to is missing, or is still referred to")]
    ForeignKey,
    /// A guarded write touched another number of rows than it must.
    #[error("`{statement}` touched {actual} rows, {expected} were expected")]
    RowsAffected {
        /// The first words of the statement.
        statement: &'static str,
        /// How many rows the caller relied on.
        expected: u64,
        /// How many there were.
        actual: u64,
    },
    /// A column holds what this server never writes.
    #[error("column {index} of `{statement}` cannot be read: {reason}")]
    Corrupt {
        /// The first words of the statement.
        statement: &'static str,
        /// The position of the column, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// More work is queued than the writer can take; nothing was done.
    #[error("the database has more work than it can take")]
    Overloaded,
    /// Somebody else was in the way, again and again; nothing was done, the same again may succeed.
    #[error("others changed the same at the same time")]
    Conflict,
    /// The database cannot be reached, or does not take work just now; nothing was done.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection was lost while the change was being committed, and nobody could be asked since.
    #[error("the connection was lost during the commit: the change may have been made, or not")]
    OutcomeUnknown,
    /// The address of the database cannot be read. It is not shown, because it may hold a password.
    #[error("the address of the database cannot be read")]
    Address(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file of trusted authorities cannot be read.
    #[error("`{path}` holds no certificates that can be read")]
    Authorities {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A read ran past its deadline and was stopped.
    #[error("the query took longer than it may and was stopped")]
    QueryTimeout,
    /// The disk is full; nothing was changed.
    #[error("the disk is full")]
    StorageFull,
    /// A command panicked; its changes were taken back.
    #[error("a command ended in a panic and was taken back")]
    Panicked,
    /// The writer has ended; nothing can be changed any more.
    #[error("the database is closed")]
    Closed,
    /// The file belongs to another program.
    #[error("`{path}` is not a Guildhall database")]
    Foreign {
        /// The file.
        path: String,
    },
    /// The schema is newer than this program.
    #[error("the database has schema {found}, this program knows {known}: use a newer Guildhall")]
    SchemaTooNew {
        /// The number of the newest migration in the database.
        found: i64,
        /// The number of the newest migration that this program has.
        known: i64,
    },
    /// The schema is older than this program, which was told to leave it as it is.
    #[error("the database has schema {found}, this program needs {known}")]
    SchemaTooOld {
        /// The number of the newest migration in the database; 0 if it has none.
        found: i64,
        /// The number of the newest migration that this program has.
        known: i64,
    },
    /// The bundled SQLite has a known way to corrupt its log.
    #[error("SQLite {found} can corrupt its write-ahead log; 3.51.3 or newer is needed")]
    SqliteTooOld {
        /// The version found.
        found: &'static str,
    },
    /// Anything else that the engine says.
    #[error("the database failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}
