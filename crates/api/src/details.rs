//! What is sealed per subject: personal and free-text fields of payments and refunds, as JSON inside the seal.
//!
//! The JSON is journaled (sealed), so fields are only added, never renamed, and unknown ones are ignored.

use crate::platform::{Opened, Platform};
use engine::Sealed;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Customer {
    /// A stored customer, `cus_…`, or the merchant's own id of the customer; at most 200 bytes.
    #[schema(max_length = 200)]
    pub(crate) id: Option<String>,
    /// E-mail address, at most 320 bytes.
    #[schema(max_length = 320)]
    pub(crate) email: Option<String>,
    /// Two capital letters of ISO 3166-1.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub(crate) country: Option<String>,
}

/// What a payment seals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PaymentDetails {
    /// The merchant's reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    /// Who pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<Customer>,
    /// What for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The merchant's own fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

/// What a refund seals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundDetails {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The merchant's own fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

/// What a customer seals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CustomerDetails {
    /// The merchant's own id of its customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Whatever the merchant wants to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The merchant's own fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

/// Details as they can be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown<T> {
    /// The plaintext; empty when there was none or it cannot be read.
    pub(crate) details: T,
    /// Whether the subject's key is destroyed.
    pub(crate) erased: bool,
}

/// The bytes to seal; `None` when there is nothing to keep.
pub(crate) fn plaintext<T: Serialize + Default + PartialEq>(details: &T) -> Option<Vec<u8>> {
    (*details != T::default()).then(|| serde_json::to_vec(details).expect("texts and maps of texts are always JSON"))
}

/// Opens what was sealed. Unreadable plaintext is logged and shown as nothing: an answer about money is worth more.
pub(crate) fn open<T: DeserializeOwned + Default>(platform: &dyn Platform, sealed: Option<&Sealed>) -> Shown<T> {
    let Some(sealed) = sealed else {
        return Shown { details: T::default(), erased: false };
    };
    match platform.open(sealed) {
        Opened::Erased => Shown { details: T::default(), erased: true },
        Opened::Plain(bytes) => {
            let details = serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::error!({ telemetry::names::field::ERROR } = category(&error), "sealed details cannot be read");
                T::default()
            });
            Shown { details, erased: false }
        }
    }
}

/// The class of an error; its text might repeat what was sealed.
fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Io => "i/o",
        serde_json::error::Category::Syntax => "syntax",
        serde_json::error::Category::Data => "data",
        serde_json::error::Category::Eof => "end of input",
    }
}

#[cfg(test)]
mod tests {
    use super::{Customer, PaymentDetails, RefundDetails, plaintext};

    #[test]
    fn nothing_to_keep_is_not_sealed() {
        assert_eq!(plaintext(&PaymentDetails::default()), None);
        assert_eq!(plaintext(&RefundDetails::default()), None);
    }

    #[test]
    fn the_sealed_form_is_frozen() {
        let details = PaymentDetails {
            reference: Some("order-1".into()),
            customer: Some(Customer { id: None, email: Some("a@example.com".into()), country: Some("DE".into()) }),
            description: Some("two books".into()),
            metadata: Some([("b".into(), "2".into()), ("a".into(), "1".into())].into()),
        };
        let text = r#"{"reference":"order-1","customer":{"id":null,"email":"a@example.com","country":"DE"},"description":"two books","metadata":{"a":"1","b":"2"}}"#;
        assert_eq!(String::from_utf8(plaintext(&details).unwrap()).unwrap(), text);
        assert_eq!(serde_json::from_str::<PaymentDetails>(text).unwrap(), details);
        assert_eq!(serde_json::from_str::<PaymentDetails>(r#"{"later":1}"#).unwrap(), PaymentDetails::default());
    }
}
