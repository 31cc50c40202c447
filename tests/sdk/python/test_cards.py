"""Every published test card behaves as published: docs.stripe.com/testing."""

import stripe

from support import SECOND_MS, Judge, advance, test_cards

# What a test card is paid with when it has no payment method of its own.
ANY_DATE = {"exp_month": 12, "exp_year": 2040, "cvc": "123"}
BRANDS = {"amex", "diners", "discover", "jcb", "mastercard", "unionpay", "visa"}


def cards(*sections):
    return [card for card in test_cards() if card["section"] in sections]


class Cards(Judge):
    def method(self, card):
        """The published payment method of a card, or one made from its number."""
        if card.get("payment_method"):
            return card["payment_method"]
        cvc = "1234" if card["brand"] == "amex" else "123"
        made = self.stripe.payment_methods.create({"type": "card", "card": {**ANY_DATE, "cvc": cvc, "number": card["number"]}})
        return made.id

    def decline(self, **changes):
        """Pays, is declined, and gives the error."""
        common = {"amount": 1_000, "currency": "eur", "payment_method_types": ["card"], "confirm": True}
        with self.assertRaises(stripe.CardError) as caught:
            self.stripe.payment_intents.create(common | changes)
        return caught.exception

    def check_decline(self, card, error):
        self.assertEqual((error.http_status, error.error.type, error.code), (402, "card_error", card["error_code"]))
        if card.get("decline_code"):
            self.assertEqual(error.error.decline_code, card["decline_code"])
        if card.get("message"):
            self.assertEqual(error.error.message, card["message"])
        intent = error.error.payment_intent
        self.assertEqual((intent.status, intent.last_payment_error.code), ("requires_payment_method", card["error_code"]))
        charge = self.assert_typed(self.charge(intent))
        self.assertEqual((charge.status, charge.paid, charge.captured, charge.failure_code), ("failed", False, False, card["error_code"]))
        self.assertEqual((charge.outcome.type, charge.id), ("issuer_declined", error.error.charge))
        self.assertIsNone(charge.balance_transaction)

    def test_every_decline_has_its_codes(self):
        for card in cards("decline"):
            names = [card["payment_method"], *card.get("payment_method_aliases", [])] if card.get("payment_method") else []
            for name in names:
                with self.subTest(name):
                    self.check_decline(card, self.decline(payment_method=name))

    def test_every_decline_happens_by_number_and_by_token_too(self):
        for card in cards("decline"):
            if not card["luhn_valid"]:
                continue
            ways = [{"number": card["number"], **ANY_DATE}] + ([{"token": card["token"]}] if card.get("token") else [])
            for way in ways:
                with self.subTest(**way):
                    made = self.stripe.payment_methods.create({"type": "card", "card": way})
                    self.check_decline(card, self.decline(payment_method=made.id))

    def test_a_number_with_a_wrong_check_digit_is_refused(self):
        for card in (card for card in cards("decline") if not card["luhn_valid"]):
            with self.refused(stripe.CardError, card["error_code"], http_status=402):
                self.stripe.payment_methods.create({"type": "card", "card": {"number": card["number"], **ANY_DATE}})

    def test_wrong_dates_and_codes_are_refused(self):
        for changes, code in (({"exp_month": 13}, "invalid_expiry_month"), ({"exp_year": 1995}, "invalid_expiry_year"), ({"cvc": "99"}, "invalid_cvc")):
            with self.subTest(**changes), self.refused(stripe.CardError, code, http_status=402):
                self.stripe.payment_methods.create({"type": "card", "card": {"number": "4242424242424242", **ANY_DATE, **changes}})

    def test_cards_that_may_not_be_kept_are_declined_when_attached(self):
        customer = self.stripe.customers.create({"name": "declined"}).id
        for card in cards("decline"):
            if card.get("attachable_to_customer") is False and card.get("payment_method"):
                with self.subTest(card["payment_method"]), self.refused(stripe.CardError, card["error_code"], http_status=402):
                    self.stripe.payment_methods.attach(card["payment_method"], {"customer": customer})

    def test_a_card_that_can_be_kept_is_declined_when_charged(self):
        customer = self.stripe.customers.create({"name": "declined later"}).id
        for card in cards("decline"):
            if card["outcome"] == "attach_ok_then_charge_declined":
                kept = self.stripe.payment_methods.attach(card["payment_method"], {"customer": customer})
                self.assertEqual(self.decline(customer=customer, payment_method=kept.id).code, card["error_code"])

    def test_cards_of_all_brands_and_countries_pay_and_say_what_they_are(self):
        for card in cards("brand", "cobrand", "country"):
            with self.subTest(card.get("payment_method") or card["number"]):
                paid = self.paid(payment_method=self.method(card))
                shown = paid.latest_charge.payment_method_details.card
                self.assertEqual(shown.last4, card["number"][-4:])
                if card["brand"] in BRANDS:
                    self.assertEqual(shown.brand, card["brand"])
                if card.get("funding"):
                    self.assertEqual(shown.funding, card["funding"])
                if card.get("country"):
                    self.assertEqual(shown.country, card["country"])

    def test_cards_of_all_other_kinds_that_succeed_pay(self):
        for card in cards("fraud", "refund", "balance", "terminal_pin"):
            if card["outcome"] in ("succeeds", "check"):
                with self.subTest(card["number"]):
                    charge = self.paid(payment_method=self.method(card)).latest_charge
                    self.assertEqual(charge.payment_method_details.card.last4, card["number"][-4:])

    def test_a_token_a_number_and_a_published_method_are_the_same_card(self):
        seen = set()
        for card in cards("brand", "decline", "fraud", "dispute", "refund", "balance"):
            if not card.get("token") or card["token"] in seen:
                continue
            seen.add(card["token"])
            with self.subTest(card["token"]):
                cvc = "1234" if card["brand"] == "amex" else "123"
                ways = [{"token": card["token"]}, {"number": card["number"], **ANY_DATE, "cvc": cvc}]
                made = [self.stripe.payment_methods.create({"type": "card", "card": way}).card for way in ways]
                if card.get("payment_method"):
                    made.append(self.intent(payment_method=card["payment_method"], expand=["payment_method"]).payment_method.card)
                self.assertEqual({(each.last4, each.fingerprint) for each in made}, {(card["number"][-4:], made[0].fingerprint)})

    def test_a_bank_debit_is_processing_and_then_ends_as_published(self):
        acceptance = {"type": "online", "online": {"ip_address": "203.0.113.7", "user_agent": "judge"}}
        for account, ends, code in (
            ("pm_usBankAccount_success", "succeeded", None),
            ("pm_usBankAccount_accountClosed", "requires_payment_method", "account_closed"),
            ("pm_usBankAccount_noAccount", "requires_payment_method", "no_account"),
            ("pm_usBankAccount_insufficientFunds", "requires_payment_method", "insufficient_funds"),
            ("pm_usBankAccount_debitNotAuthorized", "requires_payment_method", "debit_not_authorized"),
            ("pm_usBankAccount_processing", "processing", None),
        ):
            with self.subTest(account):
                parameters = {"amount": 5_000, "currency": "usd", "payment_method_types": ["us_bank_account"], "payment_method": account}
                intent = self.stripe.payment_intents.create(parameters | {"confirm": True, "mandate_data": {"customer_acceptance": acceptance}})
                self.assertEqual((intent.status, intent.amount_received), ("processing", 0))
                advance(8 * 24 * 3_600 * SECOND_MS)
                later = self.assert_typed(self.stripe.payment_intents.retrieve(intent.id))
                self.assertEqual(later.status, ends)
                if code:
                    self.assertEqual(later.last_payment_error.code, code)

    def test_a_payment_of_the_highest_risk_is_blocked_and_never_reaches_the_issuer(self):
        for card in (card for card in cards("fraud") if card["outcome"] == "blocked"):
            error = self.decline(payment_method=card["payment_method"])
            self.assertEqual((error.code, error.http_status), ("card_declined", 402))
            outcome = self.charge(error.error.payment_intent).outcome
            self.assertEqual((outcome.type, outcome.network_status, outcome.risk_level), ("blocked", "not_sent_to_network", "highest"))

    def test_an_elevated_risk_is_told_and_the_payment_goes_on(self):
        outcome = self.paid(payment_method="pm_card_riskLevelElevated").latest_charge.outcome
        self.assertEqual((outcome.risk_level, outcome.network_status), ("elevated", "approved_by_network"))

    def test_checks_fail_as_published(self):
        address = {"address": {"line1": "1 Main St", "postal_code": "10115", "country": "DE"}}
        for number, checks in (
            ("4000000000000101", {"cvc_check": "fail"}),
            ("4000000000000036", {"address_postal_code_check": "fail"}),
            ("4000000000000028", {"address_line1_check": "fail"}),
            ("4000000000000010", {"address_line1_check": "fail", "address_postal_code_check": "fail"}),
            ("4000000000000044", {"address_line1_check": "unavailable", "address_postal_code_check": "unavailable"}),
            ("4242424242424242", {"cvc_check": "pass", "address_line1_check": "pass", "address_postal_code_check": "pass"}),
        ):
            with self.subTest(number):
                data = {"type": "card", "card": {"number": number, **ANY_DATE}, "billing_details": address}
                shown = self.paid(payment_method_data=data).latest_charge.payment_method_details.card.checks
                self.assertEqual({name: shown[name] for name in checks}, checks)

    def test_cards_that_ask_their_owner_wait_for_an_answer(self):
        for card in cards("3ds_auth_setup", "3ds_support", "3ds_mobile_challenge"):
            with self.subTest(card.get("payment_method") or card["number"]):
                intent = self.intent(confirm=True, payment_method=self.method(card), return_url="https://shop.example/back")
                expected = "requires_action" if card["outcome"] == "requires_action" else "succeeded"
                self.assertEqual(intent.status, expected)

    def test_every_disputed_card_pays_first_and_is_disputed_later(self):
        for card in cards("dispute"):
            with self.subTest(card["payment_method"]):
                intent = self.paid(payment_method=card["payment_method"])
                advance(60 * SECOND_MS)
                disputes = self.stripe.disputes.list({"payment_intent": intent.id}).data
                if "early fraud warning" in card["dispute"]:
                    self.assertEqual(disputes, [])
                    continue
                self.assertGreaterEqual(len(disputes), 2 if card["dispute"].startswith("multiple") else 1)
                if card["dispute"] in ("fraudulent", "product_not_received"):
                    self.assertEqual(disputes[0].reason, card["dispute"])
                inquiry = "inquiry" in card["dispute"]
                self.assertEqual(disputes[0].status, "warning_needs_response" if inquiry else "needs_response")
