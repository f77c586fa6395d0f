//! The names of AWS regions: their form, and those that are known.
//!
//! A region that is not known may be new; one of another form does not exist. Pure.

use crate::text::nearest;

/// The regions at the time of writing, in all partitions.
const KNOWN: [&str; 42] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "us-west-1",
    "us-west-2",
];

/// Whether a text has the form of a region: `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`.
pub(super) fn has_form(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.as_slice() {
        [first, middle @ .., number] => {
            (2..=4).contains(&first.len())
                && word(first)
                && (1..=2).contains(&middle.len())
                && middle.iter().all(word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    }
}

/// Whether a text is an availability zone, such as `us-east-1a`.
pub(super) fn is_zone(text: &str) -> bool {
    let region = text.strip_suffix(|c: char| c.is_ascii_lowercase());
    region.is_some_and(|region| KNOWN.contains(&region))
}

/// Returns the sentence about a region that is not known; `None` for a known one.
pub(super) fn hint(region: &str) -> Option<String> {
    if KNOWN.contains(&region) {
        return None;
    }
    let near = match nearest(region, KNOWN) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "a region is written like 'sa-east-1'".into(),
    };
    Some(format!("region '{region}' is not known; {near}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_form_is_that_of_every_known_region() {
        assert_eq!(KNOWN.into_iter().find(|region| !has_form(region)), None);
        let bad = [
            "",
            "mars",
            "us-east",
            "us_east_1",
            "useast1",
            "us-east-1a",
            "US-EAST-1",
            "us-east-1 ",
            "us--1",
            "-us-east-1",
            "us-east-123",
            "a-b-c-d-1",
            "us-east-1\n",
            "u-east-1",
        ];
        for region in bad {
            assert!(!has_form(region), "{region}");
        }
    }

    #[test]
    fn unknown_region_gets_nearest() {
        assert_eq!(hint("eu-west-1"), None);
        let near = "region 'eu-wset-1' is not known; did you mean 'eu-west-1'?";
        assert_eq!(hint("eu-wset-1").as_deref(), Some(near));
        let form = "region 'mars' is not known; a region is written like 'sa-east-1'";
        assert_eq!(hint("mars").as_deref(), Some(form));
    }
}
