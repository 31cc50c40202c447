"""3-D Secure: the customer is sent to a page, answers there, and comes back."""

import urllib.parse

import stripe

from support import Judge, challenge

RETURN_URL = "https://shop.example/back?order=7"


class ThreeDSecure(Judge):
    def asked(self, **changes):
        """A payment intent that waits for its customer, and the address that the customer is sent to."""
        common = {"confirm": True, "payment_method": "pm_card_authenticationRequired", "return_url": RETURN_URL}
        intent = self.assert_typed(self.intent(**(common | changes)))
        self.assertEqual((intent.status, intent.next_action.type), ("requires_action", "redirect_to_url"))
        self.assertEqual(intent.next_action.redirect_to_url.return_url, RETURN_URL)
        return intent, intent.next_action.redirect_to_url.url

    def check_return(self, intent, address, status):
        place, query = address.split("?", 1)
        values = dict(urllib.parse.parse_qsl(query))
        self.assertEqual(place, "https://shop.example/back")
        self.assertEqual(
            values,
            {"order": "7", "payment_intent": intent.id, "payment_intent_client_secret": intent.client_secret, "redirect_status": status},
        )

    def test_a_customer_who_answers_pays(self):
        intent, url = self.asked()
        self.check_return(intent, challenge(url, "success"), "succeeded")
        paid = self.stripe.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
        self.assertEqual((paid.status, paid.next_action, paid.amount_received), ("succeeded", None, 1_000))
        self.assertEqual(paid.latest_charge.payment_method_details.card.three_d_secure.result, "authenticated")

    def test_a_customer_who_fails_does_not_pay_and_may_try_again(self):
        intent, url = self.asked()
        self.check_return(intent, challenge(url, "fail"), "failed")
        failed = self.stripe.payment_intents.retrieve(intent.id)
        self.assertEqual((failed.status, failed.amount_received), ("requires_payment_method", 0))
        self.assertEqual(failed.last_payment_error.code, "payment_intent_authentication_failure")
        self.assertEqual(self.stripe.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"}).status, "succeeded")

    def test_an_authorisation_alone_follows_the_answer_too(self):
        intent, url = self.asked(capture_method="manual")
        challenge(url, "success")
        held = self.stripe.payment_intents.retrieve(intent.id)
        self.assertEqual((held.status, held.amount_capturable), ("requires_capture", 1_000))
        self.assertEqual(self.stripe.payment_intents.capture(intent.id).status, "succeeded")

    def test_a_card_may_be_declined_after_its_owner_answered(self):
        for method, code, decline_code in (
            ("pm_card_threeDSecureRequiredChargeDeclined", "card_declined", None),
            ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ):
            with self.subTest(method):
                intent, url = self.asked(payment_method=method)
                challenge(url, "success")
                declined = self.stripe.payment_intents.retrieve(intent.id)
                self.assertEqual((declined.status, declined.last_payment_error.code), ("requires_payment_method", code))
                if decline_code:
                    self.assertEqual(declined.last_payment_error.decline_code, decline_code)

    def test_a_waiting_intent_can_be_cancelled_and_its_page_has_no_effect_then(self):
        intent, _ = self.asked()
        cancelled = self.stripe.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
        self.assertEqual((cancelled.status, cancelled.next_action), ("canceled", None))

    def test_a_payment_that_must_not_wait_is_refused(self):
        with self.refused(stripe.CardError, "authentication_required", http_status=402) as caught:
            self.intent(confirm=True, payment_method="pm_card_authenticationRequired", error_on_requires_action=True)
        self.assertEqual(caught.exception.error.payment_intent.status, "requires_payment_method")

    def test_a_customer_who_is_away_cannot_be_asked(self):
        with self.refused(stripe.CardError, "authentication_required", http_status=402) as caught:
            self.intent(confirm=True, payment_method="pm_card_authenticationRequired", off_session=True)
        self.assertEqual(caught.exception.error.decline_code, "authentication_required")
        self.assertEqual(caught.exception.error.payment_intent.status, "requires_payment_method")

    def test_an_intent_confirmed_by_the_server_waits_for_it_after_the_answer(self):
        intent, url = self.asked(confirmation_method="manual")
        challenge(url, "success")
        self.assertEqual(self.stripe.payment_intents.retrieve(intent.id).status, "requires_confirmation")
        self.assertEqual(self.stripe.payment_intents.confirm(intent.id).status, "succeeded")

    def test_any_card_is_asked_when_the_merchant_wants_it(self):
        options = {"card": {"request_three_d_secure": "any"}}
        intent, url = self.asked(payment_method="pm_card_threeDSecureOptional", payment_method_options=options)
        challenge(url, "success")
        self.assertEqual(self.stripe.payment_intents.retrieve(intent.id).status, "succeeded")
