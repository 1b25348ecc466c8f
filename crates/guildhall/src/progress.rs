//! Progress bars on stderr, where there is a terminal to see them.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that is there until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar of `total` steps under a word that says what is done; a total of 0 is not known yet.
    pub(crate) fn new(doing: &'static str, total: u64) -> Self {
        let bar = ProgressBar::new(total).with_message(doing);
        if let Ok(style) = ProgressStyle::with_template("{msg:>10} [{bar:40}] {percent:>3}% {eta}")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// How many of how many steps are done.
    pub(crate) fn set(&self, done: u64, total: u64) {
        // Called for every step, of which there may be millions: a new length is drawn at once, a new position seldom.
        if self.0.length() != Some(total) {
            self.0.set_length(total);
        }
        self.0.set_position(done);
    }

    /// One more step is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// Changes the word that says what is done.
    pub(crate) fn doing(&self, what: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
