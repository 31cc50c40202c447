"""Events and webhook endpoints: what happened, told in order, and who is told."""

import itertools

import stripe

from support import DAY_MS, SECOND_MS, Judge, advance, challenge, unique

# Loopback, and a port where nobody listens.
NOWHERE = "http://127.0.0.1:9/"


class Events(Judge):
    def setUp(self):
        super().setUp()
        newest = self.stripe.events.list({"limit": 1}).data
        self.before = newest[0].id if newest else None

    def told(self, kind=""):
        """The events since this test began whose type begins so, oldest first."""
        since = {"ending_before": self.before} if self.before else {}
        page = self.stripe.events.list({"limit": 100} | since)
        self.assertFalse(page.has_more, "a test tells fewer events than fit a page")
        return [event for event in page.data[::-1] if event.type.startswith(kind)]

    def check(self, *expected):
        """These types were told, in this order among themselves, each once."""
        types = [event.type for event in self.told()]
        self.assertEqual([kind for kind in types if kind in expected], list(expected), f"all: {types}")

    def test_a_payment_tells_its_steps(self):
        intent = self.intent(metadata={"order_id": "7"})
        self.stripe.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
        self.check("payment_intent.created", "charge.succeeded", "payment_intent.succeeded")
        for event in self.told("payment_intent.") + self.told("charge."):
            with self.subTest(event.type):
                self.assert_typed(event)
                self.assertRegex(event.id, r"^evt_\w+$")
                self.assertEqual((event.object, event.livemode), ("event", False))
                self.assertRegex(event.api_version, r"^20\d\d-\d\d-\d\d")
                subject = event.data.object
                self.assertEqual(intent.id, subject.id if subject.object == "payment_intent" else subject.payment_intent)
                self.assertEqual(self.stripe.events.retrieve(event.id).to_dict(), event.to_dict())
        last = self.told("payment_intent.succeeded")[0]
        self.assertEqual((last.data.object.status, last.data.object.metadata["order_id"]), ("succeeded", "7"))

    def test_an_event_names_the_request_that_caused_it(self):
        key = unique("key")
        made = self.stripe.customers.create({"name": "Ada"}, {"idempotency_key": key})
        (event,) = self.told("customer.created")
        self.assertEqual((event.request.id, event.request.idempotency_key), (made.last_response.request_id, key))

    def test_an_event_shows_the_object_as_it_was_then(self):
        customer = self.stripe.customers.create({"name": "Ada"})
        self.stripe.customers.update(customer.id, {"name": "Ada L."})
        self.stripe.customers.delete(customer.id)
        self.check("customer.created", "customer.updated", "customer.deleted")
        created, updated, _ = self.told("customer.")
        self.assertEqual((created.data.object.name, updated.data.object.name), ("Ada", "Ada L."))
        self.assertEqual(updated.data.previous_attributes["name"], "Ada")

    def test_a_decline_is_told(self):
        with self.assertRaises(stripe.CardError):
            self.intent(confirm=True, payment_method="pm_card_chargeDeclined")
        self.check("payment_intent.created", "charge.failed", "payment_intent.payment_failed")

    def test_authorisation_capture_and_cancellation_are_told(self):
        intents = [self.intent(capture_method="manual", confirm=True, payment_method="pm_card_visa") for _ in range(2)]
        self.check(*["payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated"] * 2)
        self.stripe.payment_intents.capture(intents[0].id)
        self.stripe.payment_intents.cancel(intents[1].id)
        types = {event.type for event in self.told()}
        self.assertLessEqual({"charge.captured", "payment_intent.succeeded", "payment_intent.canceled"}, types)

    def test_a_question_to_the_customer_is_told(self):
        intent = self.intent(confirm=True, payment_method="pm_card_authenticationRequired", return_url="https://shop.example/")
        self.check("payment_intent.created", "payment_intent.requires_action")
        challenge(intent.next_action.redirect_to_url.url, "success")
        self.check("payment_intent.created", "payment_intent.requires_action", "charge.succeeded", "payment_intent.succeeded")

    def test_refunds_are_told_also_when_they_fail_later(self):
        intent = self.paid(payment_method="pm_card_refundFail")
        self.stripe.refunds.create({"payment_intent": intent.id})
        types = {event.type for event in self.told()}
        self.assertLessEqual({"refund.created", "charge.refunded"}, types)
        advance(3_600 * SECOND_MS)
        (failed,) = self.told("refund.failed")
        self.assertEqual((failed.data.object.status, failed.request.id), ("failed", None))

    def test_disputes_are_told_to_their_end(self):
        intent = self.paid(payment_method="pm_card_createDispute")
        advance(60 * SECOND_MS)
        (dispute,) = self.stripe.disputes.list({"payment_intent": intent.id}).data
        self.stripe.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": True})
        advance(60 * SECOND_MS)
        types = [event.type for event in self.told("charge.dispute.")]
        self.assertEqual(types[:2], ["charge.dispute.created", "charge.dispute.funds_withdrawn"])
        self.assertLessEqual({"charge.dispute.closed", "charge.dispute.funds_reinstated"}, set(types[2:]))

    def test_setups_and_kept_methods_are_told(self):
        customer = self.stripe.customers.create().id
        parameters = {"customer": customer, "payment_method": "pm_card_visa", "payment_method_types": ["card"], "confirm": True}
        self.stripe.setup_intents.create(parameters)
        types = {event.type for event in self.told()}
        self.assertLessEqual({"setup_intent.created", "payment_method.attached", "setup_intent.succeeded"}, types)

    def test_payouts_are_told(self):
        currency = self.paid(amount=1_000_000, payment_method="pm_card_bypassPending").latest_charge.balance_transaction.currency
        payout = self.stripe.payouts.create({"amount": 5_000, "currency": currency})
        advance(8 * DAY_MS)
        events = [event for event in self.told("payout.") if event.data.object.id == payout.id]
        self.assertEqual((events[0].type, events[-1].type), ("payout.created", "payout.paid"))

    def test_events_are_listed_by_type_and_page_by_themselves(self):
        customers = [self.stripe.customers.create({"name": str(number)}).id for number in range(5)][::-1]
        self.intent()
        subjects = lambda page: [event.data.object.id for event in page]
        self.assertEqual(subjects(self.stripe.events.list({"types": ["customer.created", "charge.failed"], "limit": 5})), customers)
        self.assertEqual(subjects(self.stripe.events.list({"type": "customer.*", "limit": 5})), customers)
        page = self.stripe.events.list({"type": "customer.created", "limit": 2})
        self.assertEqual((subjects(itertools.islice(page.auto_paging_iter(), 5)), page.has_more), (customers, True))

    def test_events_are_forgotten_after_thirty_days(self):
        self.intent()
        (event,) = self.told("payment_intent.created")
        advance(31 * DAY_MS)
        with self.refused(stripe.InvalidRequestError, "resource_missing", http_status=404):
            self.stripe.events.retrieve(event.id)


class WebhookEndpoints(Judge):
    def endpoint(self, **changes):
        made = self.stripe.webhook_endpoints.create({"url": NOWHERE + unique(), "enabled_events": ["charge.dispute.closed"]} | changes)
        self.addCleanup(self.forget, made.id)
        return self.assert_typed(made)

    def forget(self, id):
        try:
            self.stripe.webhook_endpoints.delete(id)
        except stripe.InvalidRequestError as error:
            self.assertEqual(error.code, "resource_missing")

    def test_an_endpoint_shows_its_secret_once(self):
        made = self.endpoint(description="shop", metadata={"a": "1"})
        self.assertRegex(made.id, r"^we_\w+$")
        self.assertRegex(made.secret, r"^whsec_\w+$")
        self.assertEqual((made.object, made.status, made.enabled_events), ("webhook_endpoint", "enabled", ["charge.dispute.closed"]))
        self.assertEqual((made.description, made.metadata["a"], made.livemode), ("shop", "1", False))
        self.assertNotIn("secret", self.assert_typed(self.stripe.webhook_endpoints.retrieve(made.id)))

    def test_an_endpoint_can_be_changed_and_switched_off(self):
        made = self.endpoint()
        url = NOWHERE + unique()
        changed = self.stripe.webhook_endpoints.update(made.id, {"url": url, "enabled_events": ["refund.failed", "payout.paid"], "disabled": True})
        self.assertEqual((changed.url, changed.enabled_events, changed.status), (url, ["refund.failed", "payout.paid"], "disabled"))
        self.assertEqual(self.stripe.webhook_endpoints.update(made.id, {"disabled": False}).status, "enabled")

    def test_endpoints_are_listed_newest_first_and_deleted(self):
        ids = [self.endpoint().id for _ in range(3)][::-1]
        page = self.stripe.webhook_endpoints.list({"limit": 2})
        self.assertEqual(([each.id for each in page], page.has_more), (ids[:2], True))
        deleted = self.stripe.webhook_endpoints.delete(ids[0])
        self.assertEqual(deleted.to_dict(), {"id": ids[0], "object": "webhook_endpoint", "deleted": True})
        with self.refused(stripe.InvalidRequestError, "resource_missing", http_status=404):
            self.stripe.webhook_endpoints.retrieve(ids[0])
        self.assertNotIn(ids[0], [each.id for each in self.stripe.webhook_endpoints.list().auto_paging_iter()])

    def test_an_endpoint_keeps_the_version_it_was_made_for(self):
        self.assertEqual(self.endpoint(api_version="2023-08-16").api_version, "2023-08-16")

    def test_endpoints_that_make_no_sense_are_refused(self):
        for changes in ({"url": "no address"}, {"enabled_events": ["no.such.event"]}, {"url": ""}, {"enabled_events": ""}):
            with self.subTest(**changes), self.refused(stripe.InvalidRequestError, http_status=400):
                self.endpoint(**changes)
