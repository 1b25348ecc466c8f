//! The log on stderr: lines for a terminal, a JSON object a line for everything else.
//!
//! INVARIANT: no secret is ever logged. Keys have no `Debug` that shows them, and no event carries a header, a body
//! or a query string.

use std::fmt;
use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};
use crate::failure::Failure;

/// Starts the log of this process.
pub(crate) fn start(config: &LogConfig) -> Result<(), Failure> {
    // Not `EnvFilter`: for filters of spans, which nobody has, it would take a lock with each step of each request.
    let filter: Targets = config
        .filter
        .parse()
        .map_err(|error: ParseError| Failure::Usage(error.to_string()))?;
    let is_terminal = io::stderr().is_terminal();
    let json = match config.format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(is_terminal && config.colour)
        // Its words about a closed stderr would go to stderr, and panic there.
        .log_internal_errors(false);
    let log = tracing_subscriber::registry().with(filter);
    let started = if json {
        let lines = lines.json().flatten_event(true).with_span_list(false);
        log.with(lines.fmt_fields(JsonFields)).try_init()
    } else {
        log.with(lines.with_target(false)).try_init()
    };
    started.map_err(|error| Failure::Internal(error.to_string()))?;
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// The fields of a span as a JSON object, written at once.
///
/// Every request has a span, whether or not it says anything. The library's own format collects the fields in a tree
/// first, which was a quarter of the work of the whole shell.
struct JsonFields;

impl<'writer> FormatFields<'writer> for JsonFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        JsonObject::write(writer, '{', fields)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        // The object is opened again at its end, or begun if there is nothing in it.
        current.fields.pop();
        let separator = if current.fields.len() > 1 {
            ','
        } else {
            current.fields.clear();
            '{'
        };
        JsonObject::write(current.as_writer(), separator, fields)
    }
}

struct JsonObject<'writer> {
    writer: Writer<'writer>,
    separator: char,
    written: fmt::Result,
}

impl<'writer> JsonObject<'writer> {
    fn write(writer: Writer<'writer>, separator: char, fields: impl RecordFields) -> fmt::Result {
        let mut object = Self {
            writer,
            separator,
            written: Ok(()),
        };
        fields.record(&mut object);
        object.written?;
        if object.separator == '{' {
            object.writer.write_char('{')?;
        }
        object.writer.write_char('}')
    }

    fn field(&mut self, field: &Field, value: impl Serialize) {
        let separator = std::mem::replace(&mut self.separator, ',');
        let value = serde_json::to_string(&value);
        let value = value.as_deref().unwrap_or("null");
        self.written = self.written.and_then(|()| {
            self.writer.write_char(separator)?;
            // Names of fields are identifiers with dots: nothing in them is to be escaped.
            for part in ["\"", field.name(), "\":", value] {
                self.writer.write_str(part)?;
            }
            Ok(())
        });
    }
}

impl Visit for JsonObject<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, format!("{value:?}"));
    }
}

/// A panic is an event like any other, so that it is found where everything is found.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::error!(panic = message, "panicked at {place}");
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use serde_json::{Value, json};
    use tracing::field::Empty;

    use super::*;

    #[test]
    fn the_fields_of_a_span_are_one_object_whenever_they_are_told() {
        let (mut log, writer) = io::pipe().unwrap();
        let lines = tracing_subscriber::fmt::layer().with_writer(Arc::new(writer));
        let lines = lines.json().with_span_list(false).fmt_fields(JsonFields);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            let span = tracing::error_span!("s", a = "x\"y", b = 7, c = Empty, d = Empty);
            span.record("c", true);
            span.record("d", tracing::field::debug(["z"]));
            span.in_scope(|| tracing::error!("full"));
            let empty = tracing::error_span!("s", a = Empty);
            empty.in_scope(|| tracing::error!("empty"));
            empty.record("a", -1);
            empty.in_scope(|| tracing::error!("late"));
        });
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        let spans: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["span"].clone())
            .collect();
        let expected = [
            json!({"name": "s", "a": "x\"y", "b": 7, "c": true, "d": "[\"z\"]"}),
            json!({"name": "s"}),
            json!({"name": "s", "a": -1}),
        ];
        assert_eq!(spans, expected, "{text}");
    }
}
