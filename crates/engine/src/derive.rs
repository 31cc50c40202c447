//! Ids, references and provider keys are derived, not stamped: after a lost tail the same request comes out again and
//! the provider recognises it. All are HMAC-SHA-256 (RFC 2104, FIPS 180-4) of a labelled, length-prefixed input.

use base::{CustomerId, EffectId, ErrandId, MerchantId, PaymentId, PaymentMethodId, RefundId};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The secret that derives, with its version.
#[derive(Clone)]
pub struct DeriveKey {
    version: u32,
    mac: Hmac<Sha256>,
}

impl core::fmt::Debug for DeriveKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "DeriveKey(version {})", self.version)
    }
}

impl DeriveKey {
    /// From 32 secret bytes.
    pub fn new(version: u32, secret: &[u8; 32]) -> Self {
        Self { version, mac: Hmac::new_from_slice(secret).expect("HMAC takes a key of any length") }
    }

    /// The version that is journaled with everything this key derived.
    pub const fn version(&self) -> u32 {
        self.version
    }

    fn derive(&self, label: &str, parts: &[&[u8]]) -> u128 {
        let mut mac = self.mac.clone();
        for part in core::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            let length = u32::try_from(part.len()).expect("derivation inputs are short");
            mac.update(&length.to_le_bytes());
            mac.update(part);
        }
        let digest = mac.finalize().into_bytes();
        let first: [u8; 16] = core::array::from_fn(|index| digest[index]);
        u128::from_be_bytes(first)
    }

    /// A payment's id, from the merchant and the client's permanent key (its reference, else its idempotency key).
    pub fn payment(&self, merchant: MerchantId, client_key: &[u8; 16]) -> PaymentId {
        PaymentId::from_u128(self.derive("payment", &[&merchant.as_u128().to_be_bytes(), client_key]))
    }

    /// A refund's id, from its payment and the client's key.
    pub fn refund(&self, payment: PaymentId, client_key: &[u8; 16]) -> RefundId {
        RefundId::from_u128(self.derive("refund", &[&payment.as_u128().to_be_bytes(), client_key]))
    }

    /// A customer's id, from the merchant and the client's key.
    pub fn customer(&self, merchant: MerchantId, client_key: &[u8; 16]) -> CustomerId {
        CustomerId::from_u128(self.derive("customer", &[&merchant.as_u128().to_be_bytes(), client_key]))
    }

    /// A stored payment method's id, from its customer and the client's key.
    pub fn method(&self, customer: CustomerId, client_key: &[u8; 16]) -> PaymentMethodId {
        PaymentMethodId::from_u128(self.derive("method", &[&customer.as_u128().to_be_bytes(), client_key]))
    }

    /// The id, reference and provider key of an errand for a customer or payment method. The reference names what is
    /// stored and stays the same however often that is tried; `discriminator` tells the tries apart.
    pub fn errand(&self, object: u128, operation: &str, discriminator: u16) -> (ErrandId, u128, u128) {
        let object = object.to_be_bytes();
        let parts: [&[u8]; 3] = [&object, operation.as_bytes(), &discriminator.to_be_bytes()];
        let reference = self.derive("errand reference", &parts[..2]);
        (ErrandId::from_u128(self.derive("errand", &parts)), reference, self.derive("errand key", &parts))
    }

    /// The id, reference and provider key of one operation on a payment; `discriminator` tells attempts, captures and
    /// refunds apart.
    pub fn operation(&self, payment: PaymentId, operation: &str, discriminator: u128) -> (EffectId, u128, u128) {
        let parts: [&[u8]; 3] = [&payment.as_u128().to_be_bytes(), operation.as_bytes(), &discriminator.to_be_bytes()];
        (EffectId::from_u128(self.derive("effect", &parts)), self.derive("reference", &parts), self.derive("key", &parts))
    }
}

#[cfg(test)]
mod tests {
    use super::DeriveKey;
    use base::{MerchantId, PaymentId};

    #[test]
    fn the_same_inputs_derive_the_same_ids_and_any_difference_others() {
        let key = DeriveKey::new(1, &[7; 32]);
        let again = DeriveKey::new(1, &[7; 32]);
        let merchant = MerchantId::from_u128(1);
        let payment = key.payment(merchant, &[1; 16]);
        assert_eq!(payment, again.payment(merchant, &[1; 16]));
        assert_ne!(payment, key.payment(MerchantId::from_u128(2), &[1; 16]));
        assert_ne!(payment, DeriveKey::new(2, &[8; 32]).payment(merchant, &[1; 16]));
        let (effect, reference, provider_key) = key.operation(payment, "authorize", 0);
        assert_ne!(reference, provider_key);
        assert_ne!(effect, key.operation(payment, "authorize", 1).0);
        assert_ne!(effect, key.operation(payment, "capture", 0).0);
        assert_ne!(effect, key.operation(PaymentId::from_u128(9), "authorize", 0).0);
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        assert_eq!(format!("{:?}", DeriveKey::new(3, &[0xAA; 32])), "DeriveKey(version 3)");
    }
}
