//! Sender of a message, as SQS reports it: the system attribute `SenderId`, which no message can
//! carry.
//!
//! The name of a session in it is free text of `sts:AssumeRole`: whoever may assume a role of the
//! account that may send to the queue can choose the form of Lambda. So the account's own
//! administrators can forge it, and nobody outside of the account can, unless a role trusts them.

/// Digits of the time at the end of a session name of Lambda.
const TIME_DIGITS: usize = 17;

/// Returns whether a `SenderId` is that of the Lambda service when it sends for a function: the role
/// id and a session name of the service, `AROA[A-Z0-9]+:awslambda_[0-9]+_[0-9]{17}`. A function
/// that sends for itself has its own name there.
pub fn is_lambda_service(sender_id: &str) -> bool {
    let all =
        |text: &str, fits: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|b| fits(&b));
    let is_upper_or_digit: fn(&u8) -> bool =
        |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let parts = || {
        let (role, session) = sender_id.strip_prefix("AROA")?.split_once(':')?;
        let (number, time) = session.strip_prefix("awslambda_")?.split_once('_')?;
        Some((role, number, time))
    };
    parts().is_some_and(|(role, number, time)| {
        all(role, is_upper_or_digit)
            && all(number, u8::is_ascii_digit)
            && time.len() == TIME_DIGITS
            && all(time, u8::is_ascii_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::is_lambda_service;

    #[test]
    fn lambda_service_is_told_from_lookalikes() {
        let rows = [
            ("the service", "AROAEXAMPLE7ID:awslambda_385_20261128040102003", true),
            ("a long number", "AROA1:awslambda_123456789012_20261128040102003", true),
            ("a function's own message", "AROAEXAMPLE7ID:mailer", false),
            ("a function with such a name", "AROAEXAMPLE7ID:awslambda_x", false),
            ("a name with one number", "AROAEXAMPLE7ID:awslambda_385", false),
            ("a time of 16 digits", "AROAEXAMPLE7ID:awslambda_385_2026112804010200", false),
            ("a time of 18 digits", "AROAEXAMPLE7ID:awslambda_385_202611280401020030", false),
            ("more behind the time", "AROAEXAMPLE7ID:awslambda_385_20261128040102003x", false),
            (
                "a second time",
                "AROAEXAMPLE7ID:awslambda_3_20261128040102003_20261128040102003",
                false,
            ),
            ("no number", "AROAEXAMPLE7ID:awslambda__20261128040102003", false),
            ("other digits", "AROAEXAMPLE7ID:awslambda_٣_20261128040102003", false),
            ("no role id", "AROA:awslambda_385_20261128040102003", false),
            ("a role id in lower case", "AROAexample:awslambda_385_20261128040102003", false),
            ("a user", "AIDAEXAMPLE7ID:awslambda_385_20261128040102003", false),
            ("a space before", " AROAEXAMPLE7ID:awslambda_385_20261128040102003", false),
            ("a line feed behind", "AROAEXAMPLE7ID:awslambda_385_20261128040102003\n", false),
            ("an account", "000000000000", false),
            ("a service principal", "lambda.amazonaws.com", false),
            ("nothing", "", false),
        ];
        for (rule, sender_id, is_lambda) in rows {
            assert_eq!(is_lambda_service(sender_id), is_lambda, "{rule}");
        }
    }
}
