//! Validator of the part of JSON Schema that `--schema` and the schema of a verdict use.

use dlq::time::Timestamp;
use serde_json::Value;

/// Checks a value; the error names the violated keyword.
pub fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    let no = |what: &str| Err(format!("{what}: {value} against {schema}"));
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "type" => {
                let is = |kind: &Value| match kind.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("the type {other}"),
                };
                if !rule.as_array().map_or_else(|| is(rule), |kinds| kinds.iter().any(is)) {
                    return no("type");
                }
            }
            "const" if rule != value => return no("const"),
            "enum" if !rule.as_array().unwrap().contains(value) => return no("enum"),
            "minimum" if value.is_number() && value.as_f64() < rule.as_f64() => {
                return no("minimum");
            }
            "maximum" if value.as_f64() > rule.as_f64() => return no("maximum"),
            "maxLength"
                if value.as_str().map(|text| text.chars().count() as u64) > rule.as_u64() =>
            {
                return no("maxLength");
            }
            "maxItems" if value.as_array().map(|list| list.len() as u64) > rule.as_u64() => {
                return no("maxItems");
            }
            "anyOf" => {
                if !rule.as_array().unwrap().iter().any(|one| validate(one, value).is_ok()) {
                    return no("anyOf");
                }
            }
            "format" => {
                let text = value.as_str().unwrap_or_default();
                let is = match rule.as_str().unwrap() {
                    "date-time" => Timestamp::parse(text).is_some() && text.ends_with('Z'),
                    "uuid" => text.len() == 36,
                    other => panic!("the format {other}"),
                };
                if !is {
                    return no("format");
                }
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    validate(rule, item)?;
                }
            }
            "required" => {
                for key in rule.as_array().unwrap() {
                    if value.get(key.as_str().unwrap()).is_none() {
                        return no("required");
                    }
                }
            }
            "properties" => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(rule) => validate(rule, item)?,
                        None if schema["additionalProperties"] == false => return no(key),
                        None => {}
                    }
                }
            }
            "const" | "enum" | "minimum" | "maximum" | "maxLength" | "maxItems" => {}
            "additionalProperties" | "title" | "description" => {}
            other => panic!("the word {other}"),
        }
    }
    Ok(())
}
