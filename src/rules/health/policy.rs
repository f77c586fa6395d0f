//! The IAM policy of the enabled features: one or more statements for each, with ids of their own, so that
//! a person can take one out.

use serde_json::{Value, json};

use super::feature::{AwsFeature, Resources};

/// The limits that the configuration sets on resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyScope {
    /// Regions; empty where a profile alone knows them.
    pub regions: Vec<String>,
    /// Patterns of the names of dead-letter queues; empty for all.
    pub queues: Vec<String>,
    /// Functions whose settings are read; empty for all.
    pub functions: Vec<String>,
    /// Log groups that are searched; empty for all.
    pub log_groups: Vec<String>,
}

/// Returns the policy. Accounts are `*`: a policy of an identity reaches no other account without the
/// consent of that one.
pub fn document(features: &[AwsFeature], scope: &PolicyScope) -> Value {
    let statements = features.iter().flat_map(|feature| feature.statements());
    let statements: Vec<Value> = statements
        .map(|one| {
            let mut statement = json!({
                "Sid": format!("DlqTools{}", one.id),
                "Effect": "Allow",
                "Action": one.actions,
                "Resource": scope.resources(one.resources),
            });
            if one.resources == Resources::Keys {
                statement["Condition"] =
                    json!({"StringLike": {"kms:ViaService": scope.services()}});
            }
            statement
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

impl PolicyScope {
    fn resources(&self, kind: Resources) -> Vec<String> {
        let arns = |service: &str, names: &[String]| self.arns(service, names);
        match kind {
            Resources::All => vec!["*".into()],
            Resources::Keys => self.arns("kms", &["key/*".into()]),
            Resources::Queues => arns("sqs", &["*".into()]),
            Resources::DeadLetterQueues => arns("sqs", &or_all(&self.queues)),
            Resources::Functions => {
                let names: Vec<String> =
                    or_all(&self.functions).iter().map(|one| format!("function:{one}")).collect();
                arns("lambda", &names)
            }
            Resources::LogGroups => {
                let names: Vec<String> = or_all(&self.log_groups)
                    .iter()
                    .map(|one| format!("log-group:{one}:*"))
                    .collect();
                arns("logs", &names)
            }
        }
    }

    /// Returns the ARNs of these names in each region.
    fn arns(&self, service: &str, names: &[String]) -> Vec<String> {
        let regions = or_all(&self.regions);
        let one = |region: &String| {
            let partition = partition(region);
            names
                .iter()
                .map(|name| format!("arn:{partition}:{service}:{region}:*:{name}"))
                .collect::<Vec<_>>()
        };
        regions.iter().flat_map(one).collect()
    }

    /// Returns SQS in each region, as KMS names it.
    fn services(&self) -> Vec<String> {
        let of_region = |region: &String| {
            let end = if partition(region) == "aws-cn" { ".cn" } else { "" };
            format!("sqs.{region}.amazonaws.com{end}")
        };
        or_all(&self.regions).iter().map(of_region).collect()
    }
}

fn or_all(names: &[String]) -> Vec<String> {
    if names.is_empty() { vec!["*".into()] } else { names.to_vec() }
}

fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Returns patterns of names as IAM reads them; empty, which is all, when one has more than IAM knows.
/// `dlq-poll` ignores the case of letters and the end `.fifo`; IAM does not, so that each has two forms.
pub fn wildcards(patterns: &[String]) -> Vec<String> {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_*?.".contains(c);
    if !patterns.iter().all(|pattern| pattern.chars().all(known)) {
        return Vec::new();
    }
    let forms = |pattern: &String| {
        let fifo = (!pattern.ends_with(".fifo") && !pattern.ends_with('*'))
            .then(|| format!("{pattern}.fifo"));
        [pattern.clone()].into_iter().chain(fifo)
    };
    patterns.iter().flat_map(forms).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(features: &[AwsFeature]) -> BTreeSet<String> {
        let document = document(features, &PolicyScope::default());
        let all = document["Statement"].as_array().unwrap().iter();
        all.map(|one| one["Sid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn feature_adds_exactly_its_statements() {
        let everything = ids(&AwsFeature::ALL);
        let count: usize = AwsFeature::ALL.iter().map(|one| one.statements().len()).sum();
        assert_eq!(everything.len(), count, "an id is used twice");
        for feature in AwsFeature::ALL {
            let others = AwsFeature::ALL.into_iter().filter(|one| *one != feature);
            let without = ids(&others.collect::<Vec<_>>());
            let own: BTreeSet<String> = everything.difference(&without).cloned().collect();
            assert_eq!(own, ids(&[feature]), "{feature}");
            assert!(without.is_subset(&everything) && !own.is_empty(), "{feature}");
        }
    }

    #[test]
    fn resources_are_those_of_the_configuration() {
        let scope = PolicyScope {
            regions: vec!["eu-west-1".into(), "cn-north-1".into()],
            queues: wildcards(&["*-dlq".into()]),
            functions: vec!["orders".into()],
            log_groups: Vec::new(),
        };
        let found = document(&AwsFeature::ALL, &scope);
        let of = |id: &str| {
            let all = found["Statement"].as_array().unwrap();
            let one = all.iter().find(|one| one["Sid"] == format!("DlqTools{id}"));
            one.unwrap()["Resource"].to_string()
        };
        let rows = [
            ("List", r#"["*"]"#),
            ("Read", r#"["arn:aws:sqs:eu-west-1:*:*","arn:aws-cn:sqs:cn-north-1:*:*"]"#),
            (
                "Redrive",
                r#"["arn:aws:sqs:eu-west-1:*:*-dlq","arn:aws:sqs:eu-west-1:*:*-dlq.fifo","arn:aws-cn:sqs:cn-north-1:*:*-dlq","arn:aws-cn:sqs:cn-north-1:*:*-dlq.fifo"]"#,
            ),
            (
                "Functions",
                r#"["arn:aws:lambda:eu-west-1:*:function:orders","arn:aws-cn:lambda:cn-north-1:*:function:orders"]"#,
            ),
            (
                "Logs",
                r#"["arn:aws:logs:eu-west-1:*:log-group:*:*","arn:aws-cn:logs:cn-north-1:*:log-group:*:*"]"#,
            ),
            (
                "PeekKeys",
                r#"["arn:aws:kms:eu-west-1:*:key/*","arn:aws-cn:kms:cn-north-1:*:key/*"]"#,
            ),
        ];
        for (id, expected) in rows {
            assert_eq!(of(id), expected, "{id}");
        }
        assert!(found.to_string().contains("sqs.cn-north-1.amazonaws.com.cn"));
    }

    #[test]
    fn pattern_that_iam_cannot_read_limits_nothing() {
        let rows: [(&[&str], &[&str]); 5] = [
            (&["*-dlq"], &["*-dlq", "*-dlq.fifo"]),
            (&["a-dlq.fifo", "b*"], &["a-dlq.fifo", "b*"]),
            (&["a", "{b,c}-dlq"], &[]),
            (&["[ab]-dlq"], &[]),
            (&[], &[]),
        ];
        for (patterns, expected) in rows {
            let patterns: Vec<String> = patterns.iter().map(|one| (*one).to_owned()).collect();
            assert_eq!(wildcards(&patterns), expected, "{patterns:?}");
        }
    }
}
