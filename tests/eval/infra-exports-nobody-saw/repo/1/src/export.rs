//! Orders for exports.

/// An order: which report, of which customer, in which form.
#[derive(Debug, PartialEq)]
pub struct Order {
    pub export: String,
    pub customer: String,
    pub form: Form,
}

#[derive(Debug, PartialEq)]
pub enum Form {
    Csv,
}

impl Order {
    /// Parses `export;customer;form`.
    pub fn parse(body: &str) -> Result<Self, String> {
        let parts: Vec<&str> = body.trim().split(';').collect();
        let [export, customer, form] = parts[..] else {
            return Err(format!("{} fields instead of 3", parts.len()));
        };
        let form = match form {
            "csv" => Form::Csv,
            other => return Err(format!("unknown form {other}")),
        };
        Ok(Self { export: export.into(), customer: customer.into(), form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_has_three_fields() {
        let order = Order::parse("EX-1;customer-7;csv").unwrap();
        assert_eq!((order.export.as_str(), order.form), ("EX-1", Form::Csv));
        assert!(Order::parse("EX-1;csv").is_err());
    }
}
