//! The resources that a producer names beside an error: whose failure it is.

use serde_json::Value;

use super::truncated;

/// Limit on the length of a name.
const NAME_MAX: usize = 96;

/// Returns the name of a function from its ARN, without version or alias.
pub(super) fn function(arn: &str) -> Option<String> {
    let name = resource(arn)?.1.strip_prefix("function:")?;
    Some(name.split(':').next().unwrap_or(name).to_owned()).filter(|name| !name.is_empty())
}

/// Returns the rule of `arn:aws:events:…:rule/[BUS/]RULE`, with its bus.
pub(super) fn rule(arn: &str) -> Option<String> {
    Some(resource(arn)?.1.strip_prefix("rule/")?.to_owned())
}

/// Returns the schedule of `arn:aws:scheduler:…:schedule/GROUP/NAME`, with its group unless that is
/// the default one.
pub(super) fn schedule(arn: &str) -> Option<String> {
    let name = resource(arn)?.1.strip_prefix("schedule/")?;
    Some(name.strip_prefix("default/").unwrap_or(name).to_owned())
}

/// Returns a target as its service and its name: `sqs:crm`, `lambda:bill`,
/// `events:api-destination/crm`.
pub(super) fn target(arn: &str) -> Option<String> {
    let (service, resource) = resource(arn)?;
    let name = ["function:", "stateMachine:"].iter().find_map(|kind| resource.strip_prefix(kind));
    let name = name.map_or(resource, |name| name.split(':').next().unwrap_or(name));
    // The third part of a name is an id.
    let end = name.match_indices('/').nth(1).map_or(name.len(), |(at, _)| at);
    Some(format!("{service}:{}", &name[..end]))
}

/// Returns the table, stream or queue of `arn:aws:dynamodb:…:table/NAME/stream/…`,
/// `arn:aws:kinesis:…:stream/NAME` or `arn:aws:sqs:…:NAME`.
pub(in crate::rules::evidence) fn stream(arn: &str) -> Option<&str> {
    let (service, resource) = resource(arn)?;
    let name = if service == "sqs" { Some(resource) } else { resource.split('/').nth(1) };
    name.filter(|name| !name.is_empty())
}

/// Returns the function, and for a batch of a stream the stream, of Lambda's record.
pub(super) fn of_record(record: &Value) -> Vec<(&'static str, String)> {
    let arn = |path: &str| record.pointer(path).and_then(Value::as_str);
    let streams = ["/KinesisBatchInfo/streamArn", "/DDBStreamBatchInfo/streamArn"];
    let name = streams.iter().find_map(|path| stream(arn(path)?)).map(str::to_owned);
    let function = arn("/requestContext/functionArn").and_then(function);
    let named = [("function", function), ("stream", name)];
    named.into_iter().filter_map(|(kind, name)| Some((kind, name?))).collect()
}

/// Returns the pipe and the stream of a record of EventBridge Pipes.
pub(super) fn of_pipe(record: &Value) -> Vec<(&'static str, String)> {
    let pipe = record.pointer("/context/partnerResourceArn").and_then(Value::as_str);
    let pipe = pipe.and_then(|arn| Some(resource(arn)?.1.strip_prefix("pipe/")?.to_owned()));
    let Some(pipe) = pipe else { return Vec::new() };
    std::iter::once(("pipe", pipe)).chain(of_record(record)).collect()
}

/// Returns the service and the resource of an ARN, both shortened.
fn resource(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2)?;
    Some((truncated(service, 32), truncated(parts.nth(2)?, NAME_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_is_the_name_in_an_arn() {
        let arn = |rest: &str| format!("arn:aws:{rest}");
        let lambda = arn("lambda:eu-west-1:1:function:bill:live");
        assert_eq!(function(&lambda).as_deref(), Some("bill"));
        assert_eq!(target(&lambda).as_deref(), Some("lambda:bill"));
        assert_eq!(rule(&arn("events:eu-west-1:1:rule/bus/r")).as_deref(), Some("bus/r"));
        let schedule =
            |name: &str| super::schedule(&arn(&format!("scheduler:r:1:schedule/{name}")));
        assert_eq!(schedule("default/nightly").as_deref(), Some("nightly"));
        assert_eq!(schedule("billing/nightly").as_deref(), Some("billing/nightly"));
        let rows = [
            ("events:eu-west-1:1:api-destination/crm/0e5f", Some("events:api-destination/crm")),
            ("states:eu-west-1:1:stateMachine:dunning", Some("states:dunning")),
            ("sqs:eu-west-1:1:crm", Some("sqs:crm")),
            ("sqs", None),
        ];
        for (text, expected) in rows {
            assert_eq!(target(&arn(text)).as_deref(), expected, "{text}");
        }
        assert_eq!(stream(&arn("dynamodb:eu-west-1:1:table/t/stream/2026")), Some("t"));
        assert_eq!(stream(&arn("sqs:eu-west-1:1:q")), Some("q"));
        assert_eq!(stream("text"), None);
    }
}
