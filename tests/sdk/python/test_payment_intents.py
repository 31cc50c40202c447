"""Payment intents through their life, as docs.stripe.com/api/payment_intents has it."""

import stripe

from support import SEARCH_LAG_MS, Judge, advance, settings, unique


class PaymentIntents(Judge):
    def test_a_new_intent_waits_for_a_payment_method(self):
        intent = self.assert_typed(self.stripe.payment_intents.create({"amount": 1_999, "currency": "eur"}))
        self.assertRegex(intent.id, r"^pi_\w+$")
        self.assertEqual((intent.object, intent.status, intent.amount, intent.currency), ("payment_intent", "requires_payment_method", 1_999, "eur"))
        self.assertTrue(intent.client_secret.startswith(intent.id + "_secret_"))
        self.assertEqual((intent.amount_received, intent.amount_capturable, intent.livemode), (0, 0, False))
        self.assertEqual((intent.capture_method, intent.confirmation_method), ("automatic_async", "automatic"))
        self.assertIsNone(intent.latest_charge)
        self.assertEqual(intent.metadata.to_dict(), {})
        self.assertTrue(intent.automatic_payment_methods.enabled)

    def test_an_intent_with_a_method_waits_for_its_confirmation_and_is_paid_by_it(self):
        intent = self.intent(payment_method="pm_card_visa")
        self.assertEqual(intent.status, "requires_confirmation")
        self.assertRegex(intent.payment_method, r"^pm_(?!card_)\w+$")
        confirmed = self.assert_typed(self.stripe.payment_intents.confirm(intent.id))
        self.assertEqual((confirmed.status, confirmed.amount_received), ("succeeded", 1_000))
        self.assertRegex(confirmed.latest_charge, r"^(ch|py)_\w+$")
        self.assertEqual(confirmed.payment_method, intent.payment_method)

    def test_a_method_can_come_with_the_confirmation(self):
        intent = self.stripe.payment_intents.confirm(self.intent().id, {"payment_method": "pm_card_mastercard"})
        self.assertEqual(intent.status, "succeeded")

    def test_a_raw_test_card_can_be_paid_with(self):
        card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        intent = self.paid(payment_method_data={"type": "card", "card": card})
        self.assertEqual(intent.latest_charge.payment_method_details.card.last4, "4242")

    def test_create_and_confirm_at_once_shows_the_charge_and_its_fee(self):
        intent = self.assert_typed(self.paid())
        charge = intent.latest_charge
        self.assertIsInstance(charge, stripe.Charge)
        self.assertEqual((charge.amount, charge.amount_captured, charge.captured, charge.paid), (1_000, 1_000, True, True))
        self.assertEqual((charge.status, charge.payment_intent, charge.outcome.type), ("succeeded", intent.id, "authorized"))
        transaction = charge.balance_transaction
        self.assertIsInstance(transaction, stripe.BalanceTransaction)
        self.assertEqual((transaction.type, transaction.source, transaction.amount), ("charge", charge.id, 1_000))
        self.assertEqual(transaction.net, transaction.amount - transaction.fee)
        self.assertGreater(transaction.fee, 0)

    def test_automatic_methods_without_redirects_are_kept_as_asked(self):
        automatic = {"enabled": True, "allow_redirects": "never"}
        intent = self.stripe.payment_intents.create({"amount": 500, "currency": "usd", "automatic_payment_methods": automatic})
        self.assertEqual(intent.automatic_payment_methods.allow_redirects, "never")

    def test_an_authorisation_is_captured_in_part_and_the_rest_is_released(self):
        intent = self.intent(capture_method="manual", confirm=True, payment_method="pm_card_visa")
        self.assertEqual((intent.status, intent.amount_capturable, intent.amount_received), ("requires_capture", 1_000, 0))
        self.assertFalse(self.charge(intent).captured)
        captured = self.assert_typed(self.stripe.payment_intents.capture(intent.id, {"amount_to_capture": 600}))
        self.assertEqual((captured.status, captured.amount, captured.amount_capturable, captured.amount_received), ("succeeded", 1_000, 0, 600))
        charge = self.charge(captured)
        self.assertEqual((charge.captured, charge.amount, charge.amount_captured), (True, 1_000, 600))

    def test_a_capture_without_an_amount_takes_everything(self):
        intent = self.intent(capture_method="manual", confirm=True, payment_method="pm_card_visa")
        self.assertEqual(self.stripe.payment_intents.capture(intent.id).amount_received, 1_000)

    def test_more_than_was_authorised_cannot_be_captured(self):
        intent = self.intent(capture_method="manual", confirm=True, payment_method="pm_card_visa")
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.stripe.payment_intents.capture(intent.id, {"amount_to_capture": 1_001})
        self.assertEqual(self.stripe.payment_intents.retrieve(intent.id).status, "requires_capture")

    def test_nothing_is_captured_twice(self):
        intent = self.paid()
        with self.refused(stripe.InvalidRequestError, "payment_intent_unexpected_state", http_status=400) as caught:
            self.stripe.payment_intents.capture(intent.id)
        self.assertEqual(caught.exception.error.payment_intent.id, intent.id)

    def test_an_authorisation_is_cancelled_with_a_reason(self):
        intent = self.intent(capture_method="manual", confirm=True, payment_method="pm_card_visa")
        cancelled = self.assert_typed(self.stripe.payment_intents.cancel(intent.id, {"cancellation_reason": "requested_by_customer"}))
        self.assertEqual((cancelled.status, cancelled.cancellation_reason, cancelled.amount_capturable), ("canceled", "requested_by_customer", 0))
        self.assertIsInstance(cancelled.canceled_at, int)

    def test_what_is_over_cannot_be_cancelled(self):
        paid, cancelled = self.paid(), self.stripe.payment_intents.cancel(self.intent().id)
        for intent in (paid, cancelled):
            with self.subTest(status=intent.status), self.refused(stripe.InvalidRequestError, "payment_intent_unexpected_state"):
                self.stripe.payment_intents.cancel(intent.id)

    def test_an_authorisation_that_nobody_captures_ends_after_its_time(self):
        intent = self.intent(capture_method="manual", confirm=True, payment_method="pm_card_visa")
        advance(8 * 24 * 3_600_000)
        expired = self.stripe.payment_intents.retrieve(intent.id)
        self.assertEqual((expired.status, expired.amount_capturable), ("canceled", 0))
        self.assertIn(expired.cancellation_reason, ("automatic", "expired"))

    def test_an_open_intent_can_be_changed(self):
        intent = self.intent()
        changed = self.stripe.payment_intents.update(intent.id, {"amount": 2_500, "description": "two books", "receipt_email": "ada@example.com"})
        self.assertEqual((changed.amount, changed.description, changed.receipt_email), (2_500, "two books", "ada@example.com"))
        self.assertEqual(self.stripe.payment_intents.retrieve(intent.id).amount, 2_500)
        self.assertIsNone(self.stripe.payment_intents.update(intent.id, {"description": ""}).description)

    def test_the_amount_of_a_paid_intent_cannot_be_changed_and_its_metadata_can(self):
        intent = self.paid()
        with self.refused(stripe.InvalidRequestError, "payment_intent_unexpected_state"):
            self.stripe.payment_intents.update(intent.id, {"amount": 2_000})
        self.assertEqual(self.stripe.payment_intents.update(intent.id, {"metadata": {"a": "1"}}).metadata["a"], "1")

    def test_metadata_is_merged_and_unset_key_by_key(self):
        intent = self.intent(metadata={"a": "1", "b": "two & [three]", "c": "ü"})
        self.assertEqual(intent.metadata.to_dict(), {"a": "1", "b": "two & [three]", "c": "ü"})
        changed = self.stripe.payment_intents.update(intent.id, {"metadata": {"a": "", "d": "4"}})
        self.assertEqual(changed.metadata.to_dict(), {"b": "two & [three]", "c": "ü", "d": "4"})
        self.assertEqual(self.stripe.payment_intents.update(intent.id, {"metadata": ""}).metadata.to_dict(), {})

    def test_shipping_and_statement_texts_come_back(self):
        shipping = {"name": "Ada", "address": {"line1": "1 Main St", "city": "Berlin", "country": "DE", "postal_code": "10115"}}
        intent = self.assert_typed(self.intent(shipping=shipping, statement_descriptor_suffix="BOOKS"))
        self.assertEqual((intent.shipping.name, intent.shipping.address.city, intent.statement_descriptor_suffix), ("Ada", "Berlin", "BOOKS"))

    def test_a_declined_intent_stays_open_for_another_card(self):
        intent = self.intent(payment_method="pm_card_chargeDeclined")
        with self.refused(stripe.CardError, "card_declined") as caught:
            self.stripe.payment_intents.confirm(intent.id)
        self.assertEqual(caught.exception.error.payment_intent.status, "requires_payment_method")
        paid = self.stripe.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
        self.assertEqual((paid.status, paid.last_payment_error), ("succeeded", None))
        charges = self.stripe.charges.list({"payment_intent": intent.id}).data
        self.assertEqual([charge.status for charge in charges], ["succeeded", "failed"])

    def test_zero_decimal_currencies_count_in_whole_units(self):
        intent = self.paid(amount=500, currency="jpy")
        self.assertEqual((intent.amount, intent.currency), (500, "jpy"))

    def test_a_list_pages_both_ways_newest_first(self):
        customer = self.stripe.customers.create({"name": "pages"}).id
        ids = [self.intent(customer=customer).id for _ in range(5)][::-1]
        first = self.stripe.payment_intents.list({"customer": customer, "limit": 2})
        self.assertEqual(([intent.id for intent in first], first.has_more, first.url), (ids[:2], True, "/v1/payment_intents"))
        second = self.stripe.payment_intents.list({"customer": customer, "limit": 2, "starting_after": ids[1]})
        self.assertEqual(([intent.id for intent in second], second.has_more), (ids[2:4], True))
        last = self.stripe.payment_intents.list({"customer": customer, "limit": 2, "starting_after": ids[3]})
        self.assertEqual(([intent.id for intent in last], last.has_more), (ids[4:], False))
        back = self.stripe.payment_intents.list({"customer": customer, "limit": 2, "ending_before": ids[4]})
        self.assertEqual(([intent.id for intent in back], back.has_more), (ids[2:4], True))

    def test_auto_pagination_walks_more_than_a_hundred_objects_once_each(self):
        customer = self.stripe.customers.create({"name": "many"}).id
        ids = [self.intent(customer=customer).id for _ in range(105)][::-1]
        pages = self.stripe.payment_intents.list({"customer": customer, "limit": 100})
        self.assertEqual([intent.id for intent in pages.auto_paging_iter()], ids)
        backwards = self.stripe.payment_intents.list({"customer": customer, "limit": 50, "ending_before": ids[-1]})
        self.assertEqual([intent.id for intent in backwards.auto_paging_iter()], ids[:-1][::-1])

    def test_a_list_can_be_bounded_by_creation_time(self):
        customer = self.stripe.customers.create({"name": "times"}).id
        early = self.intent(customer=customer)
        advance(10_000)
        late = self.intent(customer=customer)
        after = self.stripe.payment_intents.list({"customer": customer, "created": {"gt": early.created}})
        self.assertEqual([intent.id for intent in after], [late.id])
        until = self.stripe.payment_intents.list({"customer": customer, "created": {"lte": early.created}})
        self.assertEqual([intent.id for intent in until], [early.id])
        exact = self.stripe.payment_intents.list({"customer": customer, "created": late.created})
        self.assertEqual([intent.id for intent in exact], [late.id])

    def test_a_search_finds_by_metadata_only_after_its_lag(self):
        with settings(search_lag_ms=SEARCH_LAG_MS):
            reference = unique()
            intent = self.paid(metadata={"order_id": reference})
            query = {"query": f"metadata['order_id']:'{reference}'"}
            self.assertEqual(self.stripe.payment_intents.search(query).data, [])
            advance(SEARCH_LAG_MS)
            found = self.stripe.payment_intents.search(query)
            self.assertEqual(([each.id for each in found], found.object, found.has_more), ([intent.id], "search_result", False))
            both = {"query": query["query"] + " AND status:'succeeded' AND amount>999"}
            self.assertEqual([each.id for each in self.stripe.payment_intents.search(both)], [intent.id])
            neither = {"query": query["query"] + " AND status:'canceled'"}
            self.assertEqual(self.stripe.payment_intents.search(neither).data, [])

    def test_a_search_pages_by_itself(self):
        with settings(search_lag_ms=SEARCH_LAG_MS):
            reference = unique()
            ids = {self.intent(metadata={"batch": reference}).id for _ in range(7)}
            advance(SEARCH_LAG_MS)
            found = self.stripe.payment_intents.search({"query": f"metadata['batch']:'{reference}'", "limit": 3})
            self.assertEqual((len(found.data), found.has_more), (3, True))
            seen = [intent.id for intent in found.auto_paging_iter()]
            self.assertEqual((len(seen), set(seen)), (7, ids))

    def test_a_search_that_makes_no_sense_is_refused(self):
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.stripe.payment_intents.search({"query": "metadata['x'"})

    def test_lists_and_single_objects_expand_what_is_asked(self):
        customer = self.stripe.customers.create({"name": "expand"}).id
        intent = self.paid(customer=customer)
        page = self.stripe.payment_intents.list({"customer": customer, "expand": ["data.latest_charge", "data.customer"]})
        self.assertEqual((page.data[0].latest_charge.object, page.data[0].customer.id), ("charge", customer))
        one = self.stripe.payment_intents.retrieve(intent.id, {"expand": ["payment_method", "latest_charge.balance_transaction"]})
        self.assertEqual((one.payment_method.card.last4, one.latest_charge.balance_transaction.object), ("4242", "balance_transaction"))
        self.assertIsInstance(one.customer, str)

    def test_what_cannot_be_expanded_is_refused(self):
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.stripe.payment_intents.retrieve(self.intent().id, {"expand": ["amount"]})
