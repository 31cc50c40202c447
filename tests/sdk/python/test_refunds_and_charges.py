"""Refunds and charges: docs.stripe.com/api/refunds, docs.stripe.com/api/charges."""

import stripe

from support import SEARCH_LAG_MS, SECOND_MS, Judge, advance, settings, unique


class Refunds(Judge):
    def refund(self, intent, **changes):
        return self.assert_typed(self.stripe.refunds.create({"payment_intent": intent.id} | changes))

    def test_a_full_refund_gives_everything_back(self):
        intent = self.paid()
        refund = self.refund(intent, reason="requested_by_customer", metadata={"why": "torn"}, expand=["balance_transaction"])
        self.assertEqual((refund.object, refund.status, refund.amount, refund.currency), ("refund", "succeeded", 1_000, "eur"))
        self.assertEqual((refund.payment_intent, refund.charge, refund.reason), (intent.id, intent.latest_charge.id, "requested_by_customer"))
        self.assertEqual((refund.metadata["why"], refund.balance_transaction.type), ("torn", "refund"))
        self.assertEqual((refund.balance_transaction.amount, refund.balance_transaction.source), (-1_000, refund.id))
        charge = self.charge(intent)
        self.assertEqual((charge.refunded, charge.amount_refunded, charge.status), (True, 1_000, "succeeded"))
        self.assertEqual(self.stripe.payment_intents.retrieve(intent.id).status, "succeeded")

    def test_parts_add_up_to_the_whole_and_no_further(self):
        intent = self.paid()
        self.refund(intent, amount=300)
        charge = self.charge(intent)
        self.assertEqual((charge.refunded, charge.amount_refunded), (False, 300))
        shown = self.stripe.charges.retrieve(charge.id, {"expand": ["refunds"]}).refunds
        self.assertEqual((shown.object, [refund.amount for refund in shown]), ("list", [300]))
        with self.refused(stripe.InvalidRequestError, http_status=400) as caught:
            self.refund(intent, amount=701)
        self.assertIn("greater than", caught.exception.user_message)
        self.assertEqual(self.refund(intent).amount, 700)
        self.assertTrue(self.charge(intent).refunded)
        with self.refused(stripe.InvalidRequestError, "charge_already_refunded", http_status=400):
            self.refund(intent, amount=1)

    def test_a_refund_by_charge_is_the_same(self):
        intent = self.paid()
        refund = self.stripe.refunds.create({"charge": intent.latest_charge.id, "amount": 100})
        self.assertEqual((refund.payment_intent, refund.amount), (intent.id, 100))

    def test_a_pending_refund_succeeds_later(self):
        intent = self.paid(payment_method="pm_card_pendingRefund")
        refund = self.refund(intent)
        self.assertEqual(refund.status, "pending")
        advance(3_600 * SECOND_MS)
        self.assertEqual(self.stripe.refunds.retrieve(refund.id).status, "succeeded")

    def test_a_refund_may_fail_after_it_succeeded_and_its_money_comes_back(self):
        intent = self.paid(payment_method="pm_card_refundFail")
        refund = self.refund(intent)
        self.assertEqual(refund.status, "succeeded")
        advance(3_600 * SECOND_MS)
        failed = self.assert_typed(self.stripe.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]}))
        self.assertEqual((failed.status, failed.failure_reason), ("failed", "expired_or_canceled_card"))
        self.assertEqual((failed.failure_balance_transaction.type, failed.failure_balance_transaction.amount), ("refund_failure", 1_000))

    def test_what_was_never_taken_cannot_be_given_back(self):
        held = self.intent(capture_method="manual", confirm=True, payment_method="pm_card_visa")
        for intent in (self.intent(), held, self.stripe.payment_intents.cancel(held.id)):
            with self.subTest(intent.status), self.refused(stripe.InvalidRequestError, http_status=400):
                self.refund(intent)

    def test_only_what_was_captured_can_be_given_back(self):
        intent = self.intent(capture_method="manual", confirm=True, payment_method="pm_card_visa")
        self.stripe.payment_intents.capture(intent.id, {"amount_to_capture": 400})
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.refund(intent, amount=401)
        self.assertEqual(self.refund(intent).amount, 400)

    def test_refunds_are_listed_by_intent_and_by_charge_and_can_be_annotated(self):
        intent = self.paid()
        ids = [self.refund(intent, amount=amount).id for amount in (100, 200, 300)][::-1]
        self.assertEqual([refund.id for refund in self.stripe.refunds.list({"payment_intent": intent.id})], ids)
        by_charge = self.stripe.refunds.list({"charge": intent.latest_charge.id, "limit": 2})
        self.assertEqual(([refund.id for refund in by_charge], by_charge.has_more), (ids[:2], True))
        self.assertEqual([refund.id for refund in by_charge.auto_paging_iter()], ids)
        changed = self.stripe.refunds.update(ids[0], {"metadata": {"ticket": "9"}})
        self.assertEqual((changed.metadata["ticket"], self.stripe.refunds.retrieve(ids[0]).metadata["ticket"]), ("9", "9"))

    def test_a_refund_that_is_done_cannot_be_cancelled(self):
        refund = self.refund(self.paid())
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.stripe.refunds.cancel(refund.id)

    def test_both_a_charge_and_an_intent_or_neither_is_refused(self):
        intent = self.paid()
        for parameters in ({"amount": 100}, {"payment_intent": intent.id, "charge": intent.latest_charge.id}):
            with self.subTest(**parameters), self.refused(stripe.InvalidRequestError, http_status=400):
                self.stripe.refunds.create(parameters)


class Charges(Judge):
    def test_a_charge_says_how_it_was_paid(self):
        billing = {"name": "Ada", "email": "ada@example.com", "address": {"country": "DE", "postal_code": "10115"}}
        method = self.stripe.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}, "billing_details": billing})
        intent = self.paid(payment_method=method.id, description="two books", metadata={"basket": "b1"}, receipt_email="ada@example.com")
        charge = self.assert_typed(self.charge(intent))
        self.assertEqual((charge.object, charge.livemode, charge.currency, charge.disputed), ("charge", False, "eur", False))
        self.assertEqual((charge.description, charge.metadata["basket"], charge.receipt_email), ("two books", "b1", "ada@example.com"))
        self.assertEqual((charge.billing_details.name, charge.billing_details.address.country), ("Ada", "DE"))
        self.assertEqual((charge.payment_method, charge.payment_method_details.type), (method.id, "card"))
        self.assertEqual((charge.outcome.network_status, charge.outcome.risk_level), ("approved_by_network", "normal"))

    def test_charges_are_listed_by_intent_and_by_customer(self):
        customer = self.stripe.customers.create({"name": "charges"}).id
        intents = [self.paid(customer=customer) for _ in range(3)]
        ids = [intent.latest_charge.id for intent in intents][::-1]
        self.assertEqual([charge.id for charge in self.stripe.charges.list({"customer": customer})], ids)
        self.assertEqual([charge.id for charge in self.stripe.charges.list({"payment_intent": intents[0].id})], ids[-1:])
        self.assertEqual([charge.id for charge in self.stripe.charges.list({"customer": customer, "limit": 1}).auto_paging_iter()], ids)

    def test_a_charge_can_be_annotated_on_its_own(self):
        intent = self.paid(metadata={"a": "1"})
        changed = self.stripe.charges.update(intent.latest_charge.id, {"metadata": {"b": "2"}, "description": "late"})
        self.assertEqual((changed.metadata.to_dict(), changed.description), ({"a": "1", "b": "2"}, "late"))
        self.assertEqual(self.stripe.payment_intents.retrieve(intent.id).metadata.to_dict(), {"a": "1"})

    def test_charges_are_found_by_metadata_after_the_lag(self):
        with settings(search_lag_ms=SEARCH_LAG_MS):
            reference = unique()
            intent = self.paid(metadata={"order_id": reference})
            query = {"query": f"metadata['order_id']:'{reference}'"}
            self.assertEqual(self.stripe.charges.search(query).data, [])
            advance(SEARCH_LAG_MS)
            self.assertEqual([charge.id for charge in self.stripe.charges.search(query)], [intent.latest_charge.id])

    def test_a_token_is_charged_without_an_intent(self):
        charge = self.assert_typed(self.stripe.charges.create({"amount": 700, "currency": "usd", "source": "tok_visa"}))
        self.assertEqual((charge.status, charge.captured, charge.amount, charge.payment_intent), ("succeeded", True, 700, None))
        self.assertEqual(self.stripe.refunds.create({"charge": charge.id}).amount, 700)

    def test_a_charge_without_an_intent_is_captured_later(self):
        charge = self.stripe.charges.create({"amount": 700, "currency": "usd", "source": "tok_mastercard", "capture": False})
        self.assertEqual((charge.captured, charge.amount_captured), (False, 0))
        captured = self.stripe.charges.capture(charge.id, {"amount": 500})
        self.assertEqual((captured.captured, captured.amount_captured), (True, 500))
        with self.refused(stripe.InvalidRequestError, "charge_already_captured", http_status=400):
            self.stripe.charges.capture(charge.id)

    def test_a_declined_token_is_a_card_error(self):
        for token, decline_code in (("tok_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"), ("tok_visa_chargeDeclinedFraudulent", "fraudulent")):
            with self.subTest(token):
                with self.refused(stripe.CardError, "card_declined", http_status=402) as caught:
                    self.stripe.charges.create({"amount": 700, "currency": "usd", "source": token})
                self.assertEqual(caught.exception.error.decline_code, decline_code)
