//! As much of JSON Schema as the schemas of AuthZEN use; a keyword that is not known fails the test.

use serde_json::Value;

/// Words that say something to people only.
const SILENT: [&str; 7] = [
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "example",
    "examples",
];

/// What is wrong with a value, by a schema.
pub(super) fn faults(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "type" => {
                let fits = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    other => panic!("the check does not know the type {other}"),
                };
                if !fits {
                    faults.push(format!("{path}: {value} is not of the type {rule}"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        faults.push(format!("{path}: {name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        faults.extend(self::faults(rule, value, &format!("{path}/{name}")));
                    }
                }
            }
            silent if SILENT.contains(&silent) => {}
            other => panic!("the check does not know the keyword {other}"),
        }
    }
    faults
}
