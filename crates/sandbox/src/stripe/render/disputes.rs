//! Disputes and early fraud warnings.

use super::{metadata_field, seconds, status_field};
use crate::form::Node;
use crate::json::Json;
use crate::stripe::Stripe;
use crate::stripe::answers::Show;
use crate::stripe::cards::{Card, DisputeKind};
use crate::stripe::disputes::{EVIDENCE_FIELDS, has_evidence};
use crate::stripe::objects::Row;
use crate::stripe::records::{Dispute, DisputeStatus, Evidence, Warning};

/// Most levels of `enhanced_evidence` that are shown; forms have no more.
const LEVELS_MAX: usize = crate::form::DEPTH_MAX;

fn card_field(json: &mut Json, dispute: &Dispute, card: &Card) {
    json.object_field("payment_method_details", |json| {
        json.object_field("card", |json| {
            json.text("brand", card.brand);
            let case = match dispute.kind {
                DisputeKind::Inquiry if dispute.status.is_inquiry() => "inquiry",
                DisputeKind::Compliance => "compliance",
                DisputeKind::Inquiry
                | DisputeKind::Fraudulent
                | DisputeKind::ProductNotReceived
                | DisputeKind::EarlyWarning
                | DisputeKind::Multiple
                | DisputeKind::CompellingEvidence => "chargeback",
            };
            json.text("case_type", case);
            json.text("network", card.brand);
            json.text("network_reason_code", if dispute.kind == DisputeKind::ProductNotReceived { "13.1" } else { "10.4" });
        });
        json.text("type", "card");
    });
}

/// Writes what was sent as it was: groups of consecutive indices as arrays, other groups as objects.
fn sent_field(json: &mut Json, name: &str, node: &Node, levels: usize) {
    match node {
        Node::Text(text) => json.text(name, text),
        Node::Group(_) if levels == 0 => json.null(name),
        Node::Group(members) if !members.is_empty() && members.iter().all(|(name, _)| name.parse::<u32>().is_ok()) => {
            json.array_field(name, |json| {
                for (_, node) in members {
                    match node {
                        Node::Text(text) => json.text_element(text),
                        Node::Group(members) => json.object(|json| {
                            members.iter().for_each(|(name, node)| sent_field(json, name, node, levels - 1));
                        }),
                    }
                }
            });
        }
        Node::Group(members) => json.object_field(name, |json| {
            members.iter().for_each(|(name, node)| sent_field(json, name, node, levels - 1));
        }),
    }
}

fn evidence_field(json: &mut Json, evidence: &Evidence) {
    json.object_field("evidence", |json| {
        for field in EVIDENCE_FIELDS {
            // The wire has its fields in alphabetical order.
            if field == "product_description" {
                match &evidence.enhanced {
                    Some(node) => sent_field(json, "enhanced_evidence", node, LEVELS_MAX),
                    None => json.object_field("enhanced_evidence", |_| {}),
                }
            }
            let text = evidence.texts.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str());
            json.text_or_null(field, text);
        }
    });
}

fn evidence_details_field(json: &mut Json, dispute: &Dispute, at_ms: u64) {
    json.object_field("evidence_details", |json| {
        json.unsigned("due_by", seconds(dispute.due_ms));
        json.object_field("enhanced_eligibility", |_| {});
        json.boolean("has_evidence", has_evidence(&dispute.evidence));
        json.boolean("past_due", dispute.due_ms <= at_ms && dispute.submission_count == 0);
        json.unsigned("submission_count", dispute.submission_count);
        json.text("submission_method", if dispute.submission_count > 0 { "manual" } else { "not_submitted" });
    });
}

impl Stripe {
    pub(in crate::stripe) fn render_dispute(&self, json: &mut Json, row: Row<Dispute>, dispute: &Dispute, show: Show<'_>) {
        let charge = self.charges.at(dispute.charge);
        let card = self.methods.at(charge.method).card.card();
        json.object(|json| {
            json.text("id", &self.disputes.id(row));
            json.text("object", "dispute");
            json.unsigned("amount", dispute.amount);
            json.array_field("balance_transactions", |json| {
                for transaction in dispute.withdrawal.into_iter().chain(dispute.reinstatement) {
                    self.render_transaction(json, transaction, Show::plain(show.at_ms));
                }
            });
            self.charge_field_of(json, dispute.charge, show);
            json.unsigned("created", seconds(dispute.created_ms));
            json.text("currency", charge.currency.code());
            json.array_field("enhanced_eligibility_types", |json| match dispute.kind {
                DisputeKind::CompellingEvidence => json.text_element("visa_compelling_evidence_3"),
                DisputeKind::Compliance => json.text_element("visa_compliance"),
                DisputeKind::Inquiry
                | DisputeKind::Fraudulent
                | DisputeKind::ProductNotReceived
                | DisputeKind::EarlyWarning
                | DisputeKind::Multiple => {}
            });
            evidence_field(json, &dispute.evidence);
            evidence_details_field(json, dispute, show.at_ms);
            json.null("intended_submission_method");
            let refundable = matches!(dispute.status, DisputeStatus::WarningNeedsResponse | DisputeStatus::WarningUnderReview);
            json.boolean("is_charge_refundable", refundable);
            json.boolean("livemode", false);
            metadata_field(json, &dispute.evidence.metadata);
            self.intent_field(json, charge.intent, show);
            if !card.is_bank_account() {
                card_field(json, dispute, card);
            }
            json.text(
                "reason",
                match dispute.kind {
                    DisputeKind::ProductNotReceived => "product_not_received",
                    DisputeKind::Compliance => "noncompliant",
                    DisputeKind::Inquiry
                    | DisputeKind::Fraudulent
                    | DisputeKind::EarlyWarning
                    | DisputeKind::Multiple
                    | DisputeKind::CompellingEvidence => "fraudulent",
                },
            );
            status_field(json, dispute.status.name(), show);
        });
    }

    pub(in crate::stripe) fn render_warning(&self, json: &mut Json, row: Row<Warning>, warning: &Warning, show: Show<'_>) {
        let charge = self.charges.at(warning.charge);
        json.object(|json| {
            json.text("id", &self.warnings.id(row));
            json.text("object", "radar.early_fraud_warning");
            // A warning can be acted on as long as there is something left to give back.
            json.boolean("actionable", charge.refunded + charge.refund_pending < charge.captured && !charge.has_dispute);
            self.charge_field_of(json, warning.charge, show);
            json.unsigned("created", seconds(warning.created_ms));
            json.text("fraud_type", "unauthorized_use_of_card");
            json.boolean("livemode", false);
            self.intent_field(json, charge.intent, show);
        });
    }
}
