"""Customers, their payment methods, and payments while they are away."""

import stripe

from support import SEARCH_LAG_MS, Judge, advance, challenge, settings, unique

CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


class Customers(Judge):
    def test_a_customer_is_made_changed_and_read(self):
        address = {"line1": "1 Main St", "city": "Berlin", "country": "DE", "postal_code": "10115"}
        parameters = {"name": "Ada", "email": "ada@example.com", "phone": "+491234", "address": address, "metadata": {"a": "1"}}
        made = self.assert_typed(self.stripe.customers.create(parameters))
        self.assertRegex(made.id, r"^cus_\w+$")
        self.assertEqual((made.object, made.name, made.email, made.phone), ("customer", "Ada", "ada@example.com", "+491234"))
        self.assertEqual((made.address.city, made.address.line2, made.balance, made.delinquent), ("Berlin", None, 0, False))
        changed = self.stripe.customers.update(made.id, {"name": "Ada L.", "email": "", "metadata": {"a": "", "b": "2"}})
        self.assertEqual((changed.name, changed.email, changed.metadata.to_dict()), ("Ada L.", None, {"b": "2"}))
        self.assertEqual(self.stripe.customers.retrieve(made.id).name, "Ada L.")

    def test_a_customer_without_anything_is_one_too(self):
        made = self.assert_typed(self.stripe.customers.create())
        self.assertEqual((made.name, made.email, made.description), (None, None, None))

    def test_a_deleted_customer_leaves_a_mark_and_nothing_else(self):
        email = f"{unique()}@example.com"
        made = self.stripe.customers.create({"email": email})
        deleted = self.stripe.customers.delete(made.id)
        self.assertEqual(deleted.to_dict(), {"id": made.id, "object": "customer", "deleted": True})
        self.assertEqual(self.stripe.customers.retrieve(made.id).to_dict(), {"id": made.id, "object": "customer", "deleted": True})
        self.assertEqual(self.stripe.customers.list({"email": email}).data, [])
        with self.refused(stripe.InvalidRequestError, "resource_missing"):
            self.stripe.customers.update(made.id, {"name": "Ada"})
        with self.refused(stripe.InvalidRequestError, "resource_missing"):
            self.intent(customer=made.id)

    def test_the_methods_of_a_deleted_customer_are_detached(self):
        customer = self.stripe.customers.create()
        method = self.stripe.payment_methods.attach("pm_card_visa", {"customer": customer.id})
        self.stripe.customers.delete(customer.id)
        self.assertIsNone(self.stripe.payment_methods.retrieve(method.id).customer)

    def test_customers_are_listed_by_email_newest_first(self):
        email = f"{unique()}@example.com"
        ids = [self.stripe.customers.create({"email": email}).id for _ in range(3)][::-1]
        page = self.stripe.customers.list({"email": email, "limit": 2})
        self.assertEqual(([customer.id for customer in page], page.has_more), (ids[:2], True))
        self.assertEqual([customer.id for customer in page.auto_paging_iter()], ids)

    def test_customers_are_found_after_the_lag(self):
        with settings(search_lag_ms=SEARCH_LAG_MS):
            mark = unique()
            made = self.stripe.customers.create({"email": f"{mark}@example.com", "metadata": {"mark": mark}})
            queries = (f"email:'{mark}@example.com'", f"metadata['mark']:'{mark}'", f"email~'{mark}'")
            self.assertEqual(self.stripe.customers.search({"query": queries[0]}).data, [])
            advance(SEARCH_LAG_MS)
            for query in queries:
                with self.subTest(query):
                    self.assertEqual([customer.id for customer in self.stripe.customers.search({"query": query})], [made.id])


class PaymentMethods(Judge):
    def method(self, **changes):
        return self.assert_typed(self.stripe.payment_methods.create({"type": "card", "card": CARD} | changes))

    def test_a_method_shows_what_a_receipt_may_show(self):
        billing = {"name": "Ada", "email": "ada@example.com", "address": {"country": "DE", "postal_code": "10115"}}
        method = self.method(billing_details=billing, metadata={"a": "1"})
        self.assertEqual((method.object, method.type, method.customer, method.livemode), ("payment_method", "card", None, False))
        card = method.card
        self.assertEqual((card.brand, card.last4, card.exp_month, card.exp_year, card.funding, card.country), ("visa", "4242", 12, 2040, "credit", "US"))
        self.assertEqual((method.billing_details.name, method.billing_details.address.country, method.metadata["a"]), ("Ada", "DE", "1"))
        self.assertNotIn("number", card)
        self.assertEqual(self.stripe.payment_methods.retrieve(method.id).card.fingerprint, card.fingerprint)

    def test_the_same_number_has_the_same_fingerprint_and_another_has_another(self):
        first, second = self.method(), self.method(card={"token": "tok_visa"})
        third = self.method(card={"token": "tok_mastercard"})
        self.assertEqual(first.card.fingerprint, second.card.fingerprint)
        self.assertNotEqual(first.card.fingerprint, third.card.fingerprint)

    def test_a_published_method_becomes_one_of_its_own_when_attached(self):
        customer = self.stripe.customers.create().id
        method = self.assert_typed(self.stripe.payment_methods.attach("pm_card_visa", {"customer": customer}))
        self.assertRegex(method.id, r"^pm_(?!card_)\w+$")
        self.assertEqual(method.customer, customer)

    def test_an_attached_method_is_listed_and_a_detached_one_is_not(self):
        customer = self.stripe.customers.create().id
        visa = self.stripe.payment_methods.attach(self.method().id, {"customer": customer})
        other = self.stripe.payment_methods.attach("pm_card_mastercard", {"customer": customer})
        listed = self.stripe.payment_methods.list({"customer": customer, "type": "card"})
        self.assertEqual([method.id for method in listed], [other.id, visa.id])
        below = self.stripe.customers.payment_methods.list(customer, {"limit": 1})
        self.assertEqual([method.id for method in below.auto_paging_iter()], [other.id, visa.id])
        self.assertIsNone(self.stripe.payment_methods.detach(visa.id).customer)
        self.assertEqual([method.id for method in self.stripe.customers.payment_methods.list(customer)], [other.id])
        self.assertEqual(self.stripe.customers.payment_methods.retrieve(customer, other.id).id, other.id)

    def test_a_detached_method_cannot_be_used_again(self):
        customer = self.stripe.customers.create().id
        method = self.stripe.payment_methods.attach("pm_card_visa", {"customer": customer})
        self.stripe.payment_methods.detach(method.id)
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.intent(confirm=True, payment_method=method.id)
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.stripe.payment_methods.attach(method.id, {"customer": customer})
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.stripe.payment_methods.detach(method.id)

    def test_a_method_paid_with_once_and_kept_by_nobody_cannot_be_used_again(self):
        method = self.method()
        self.paid(payment_method=method.id)
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.intent(confirm=True, payment_method=method.id)

    def test_a_method_of_one_customer_does_not_pay_for_another(self):
        method = self.stripe.payment_methods.attach("pm_card_visa", {"customer": self.stripe.customers.create().id})
        for customer in (self.stripe.customers.create().id, None):
            changes = {"customer": customer} if customer else {}
            with self.subTest(customer), self.refused(stripe.InvalidRequestError, http_status=400):
                self.intent(confirm=True, payment_method=method.id, **changes)

    def test_a_method_can_be_changed(self):
        customer = self.stripe.customers.create().id
        method = self.stripe.payment_methods.attach(self.method(metadata={"a": "1"}).id, {"customer": customer})
        changes = {"billing_details": {"name": "Ada"}, "card": {"exp_month": 11, "exp_year": 2041}, "metadata": {"b": "2"}}
        changed = self.stripe.payment_methods.update(method.id, changes)
        self.assertEqual((changed.billing_details.name, changed.card.exp_month, changed.card.exp_year), ("Ada", 11, 2041))
        self.assertEqual(changed.metadata.to_dict(), {"a": "1", "b": "2"})

    def test_a_customer_names_the_method_of_invoices(self):
        customer = self.stripe.customers.create({"payment_method": "pm_card_visa"})
        (method,) = self.stripe.customers.payment_methods.list(customer.id).data
        default = {"invoice_settings": {"default_payment_method": method.id}}
        changed = self.stripe.customers.update(customer.id, default | {"expand": ["invoice_settings.default_payment_method"]})
        self.assertEqual(changed.invoice_settings.default_payment_method.card.last4, "4242")


class SetupIntents(Judge):
    def setup(self, method, **changes):
        """Keeps a card for later; gives the setup intent."""
        customer = self.stripe.customers.create().id
        common = {"customer": customer, "payment_method": method, "payment_method_types": ["card"], "confirm": True}
        return self.assert_typed(self.stripe.setup_intents.create(common | {"return_url": "https://shop.example/kept"} | changes))

    def away(self, setup, **changes):
        """Charges the kept card while its owner is away."""
        return self.intent(customer=setup.customer, payment_method=setup.payment_method, off_session=True, confirm=True, **changes)

    def test_a_setup_waits_for_a_method_and_then_keeps_it(self):
        customer = self.stripe.customers.create().id
        setup = self.assert_typed(self.stripe.setup_intents.create({"customer": customer, "payment_method_types": ["card"]}))
        self.assertRegex(setup.id, r"^seti_\w+$")
        self.assertEqual((setup.object, setup.status, setup.usage), ("setup_intent", "requires_payment_method", "off_session"))
        self.assertTrue(setup.client_secret.startswith(setup.id + "_secret_"))
        done = self.stripe.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})
        self.assertEqual((done.status, done.next_action), ("succeeded", None))
        self.assertEqual([method.id for method in self.stripe.customers.payment_methods.list(customer)], [done.payment_method])

    def test_a_kept_card_is_charged_while_its_owner_is_away(self):
        setup = self.setup("pm_card_visa")
        self.assertEqual(setup.status, "succeeded")
        for _ in range(2):
            self.assertEqual(self.away(setup).status, "succeeded")

    def test_a_card_authenticated_when_it_was_kept_is_charged_without_asking(self):
        setup = self.setup("pm_card_authenticationRequiredOnSetup")
        self.assertEqual((setup.status, setup.next_action.type), ("requires_action", "redirect_to_url"))
        address = challenge(setup.next_action.redirect_to_url.url, "success")
        self.assertIn(f"setup_intent={setup.id}", address)
        self.assertIn("redirect_status=succeeded", address)
        self.assertEqual(self.stripe.setup_intents.retrieve(setup.id).status, "succeeded")
        self.assertEqual(self.away(setup).status, "succeeded")

    def test_a_card_that_always_asks_needs_its_owner_also_when_it_was_kept(self):
        setup = self.setup("pm_card_authenticationRequired")
        challenge(setup.next_action.redirect_to_url.url, "success")
        with self.refused(stripe.CardError, "authentication_required", http_status=402) as caught:
            self.away(setup)
        error = caught.exception.error
        self.assertEqual((error.decline_code, error.payment_intent.status), ("authentication_required", "requires_payment_method"))
        self.assertEqual(error.payment_method.id, setup.payment_method)
        present = {"payment_method": setup.payment_method, "off_session": False, "return_url": "https://shop.example/back"}
        back = self.stripe.payment_intents.confirm(error.payment_intent.id, present)
        self.assertEqual(back.status, "requires_action")
        challenge(back.next_action.redirect_to_url.url, "success")
        self.assertEqual(self.stripe.payment_intents.retrieve(back.id).status, "succeeded")

    def test_a_customer_who_fails_keeps_nothing(self):
        setup = self.setup("pm_card_authenticationRequired")
        challenge(setup.next_action.redirect_to_url.url, "fail")
        failed = self.stripe.setup_intents.retrieve(setup.id)
        self.assertEqual((failed.status, failed.last_setup_error.code), ("requires_payment_method", "setup_intent_authentication_failure"))
        self.assertEqual(self.stripe.customers.payment_methods.list(setup.customer).data, [])

    def test_a_declined_card_is_not_kept(self):
        with self.refused(stripe.CardError, "card_declined", http_status=402) as caught:
            self.setup("pm_card_visa_chargeDeclined")
        self.assertEqual(caught.exception.error.setup_intent.status, "requires_payment_method")

    def test_setups_are_listed_changed_and_cancelled(self):
        customer = self.stripe.customers.create().id
        ids = [self.stripe.setup_intents.create({"customer": customer, "payment_method_types": ["card"]}).id for _ in range(3)][::-1]
        self.assertEqual([setup.id for setup in self.stripe.setup_intents.list({"customer": customer, "limit": 2}).auto_paging_iter()], ids)
        changed = self.stripe.setup_intents.update(ids[0], {"description": "later", "metadata": {"a": "1"}})
        self.assertEqual((changed.description, changed.metadata["a"]), ("later", "1"))
        cancelled = self.stripe.setup_intents.cancel(ids[0], {"cancellation_reason": "abandoned"})
        self.assertEqual((cancelled.status, cancelled.cancellation_reason), ("canceled", "abandoned"))
        with self.refused(stripe.InvalidRequestError, "setup_intent_unexpected_state", http_status=400):
            self.stripe.setup_intents.confirm(ids[0], {"payment_method": "pm_card_visa"})

    def test_a_payment_can_keep_its_card_too(self):
        customer = self.stripe.customers.create().id
        paid = self.paid(customer=customer, setup_future_usage="off_session")
        self.assertEqual([method.id for method in self.stripe.customers.payment_methods.list(customer)], [paid.payment_method])
        self.assertEqual(self.intent(customer=customer, payment_method=paid.payment_method, off_session=True, confirm=True).status, "succeeded")
