//! Events: the object as it was, and what an update changed of it.

use super::seconds;
use crate::json::Json;
use crate::stripe::STREAM_POSTS;
use crate::stripe::Stripe;
use crate::stripe::answers::{Show, StatusShown};
use crate::stripe::events::{Event, Snapshot};
use crate::stripe::objects::Row;
use serde_json::{Map, Value};

/// The parts of `old` that `new` has otherwise; names that `old` lacks are null.
fn difference(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut changed = Map::new();
    for (name, after) in new {
        match (old.get(name), after) {
            (Some(before), after) if before == after => {}
            // One level down is as deep as changes of metadata and settings go; anything below is given whole.
            (Some(Value::Object(before)), Value::Object(after)) => {
                let mut inner = Map::new();
                for (name, after) in after {
                    if before.get(name) != Some(after) {
                        inner.insert(name.clone(), before.get(name).cloned().unwrap_or(Value::Null));
                    }
                }
                inner.extend(
                    before.iter().filter(|(name, _)| !after.contains_key(*name)).map(|(name, value)| (name.clone(), value.clone())),
                );
                changed.insert(name.clone(), Value::Object(inner));
            }
            (before, _) => {
                changed.insert(name.clone(), before.cloned().unwrap_or(Value::Null));
            }
        }
    }
    changed.extend(old.iter().filter(|(name, _)| !new.contains_key(*name)).map(|(name, value)| (name.clone(), value.clone())));
    changed
}

fn parsed(json: Json) -> Map<String, Value> {
    match serde_json::from_slice(&json.into_bytes()) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

impl Stripe {
    fn render_snapshot(&self, json: &mut Json, snapshot: &Snapshot, show: Show<'_>) {
        match snapshot {
            Snapshot::Intent(row, intent) => self.render_intent(json, *row, intent, show),
            Snapshot::Charge(row, charge) => self.render_charge(json, *row, charge, show),
            Snapshot::Refund(row, refund) => self.render_refund(json, *row, refund, show),
            Snapshot::Dispute(row, dispute) => self.render_dispute(json, *row, dispute, show),
            Snapshot::Method(row, method) => self.render_method(json, *row, method, show),
            Snapshot::Customer(row, customer) => self.render_customer(json, *row, customer, show),
            Snapshot::Setup(row, setup) => self.render_setup(json, *row, setup, show),
            Snapshot::Payout(row, payout) => self.render_payout(json, *row, payout, show),
            Snapshot::Warning(row, warning) => self.render_warning(json, *row, warning, show),
        }
    }

    /// An event as a text of its own, as webhooks carry it.
    pub(in crate::stripe) fn event_text(&self, row: Row<Event>, api_version: Option<&str>, status: StatusShown) -> Vec<u8> {
        let mut json = Json::with_capacity(super::ANSWER_BYTES);
        self.render_event(&mut json, row, api_version, status);
        json.into_bytes()
    }

    pub(in crate::stripe) fn render_event(&self, json: &mut Json, row: Row<Event>, api_version: Option<&str>, status: StatusShown) {
        let event = self.events.at(row);
        let show = Show { status, ..Show::plain(event.created_ms) };
        json.object(|json| {
            json.text("id", &self.events.id(row));
            json.text("object", "event");
            let account = self.account_name(event.account);
            if !account.is_empty() {
                json.text("account", account);
            }
            json.text("api_version", api_version.unwrap_or(&self.config.api_version));
            json.unsigned("created", seconds(event.created_ms));
            json.object_field("data", |json| {
                json.key("object");
                self.render_snapshot(json, &event.object, show);
                if let Some(previous) = &event.previous {
                    let (mut old, mut new) = (Json::default(), Json::default());
                    self.render_snapshot(&mut old, previous, show);
                    self.render_snapshot(&mut new, &event.object, show);
                    let changed = Value::Object(difference(&parsed(old), &parsed(new)));
                    json.raw("previous_attributes", changed.to_string().as_bytes());
                }
            });
            json.boolean("livemode", false);
            json.unsigned("pending_webhooks", u64::from(event.pending));
            json.object_field("request", |json| {
                let cause = event.cause.as_ref();
                json.text_or_null("id", cause.map(|cause| self.request_id(STREAM_POSTS, cause.number)).as_deref());
                json.text_or_null("idempotency_key", cause.and_then(|cause| cause.key.as_deref()));
            });
            json.text("type", event.kind);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_holds_what_was_there_before() {
        let object = |value: Value| match value {
            Value::Object(object) => object,
            other => panic!("{other}"),
        };
        let old = object(serde_json::json!({"same": 1, "name": "a", "gone": true, "metadata": {"a": "1", "b": "2"}, "list": [1]}));
        let new = object(serde_json::json!({"same": 1, "name": "b", "new": 3, "metadata": {"a": "1", "c": "3"}, "list": [2]}));
        let expected = serde_json::json!({"name": "a", "gone": true, "new": null, "metadata": {"b": "2", "c": null}, "list": [1]});
        assert_eq!(Value::Object(difference(&old, &new)), expected);
    }
}
