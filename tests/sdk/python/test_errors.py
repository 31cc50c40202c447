"""Refusals, idempotency and automatic retries, as the official client tells them apart."""

import stripe

from support import API_KEY, DAY_MS, Judge, advance, client, fault, settings, simulator_url, truth_of, unique


class Errors(Judge):
    def test_a_wrong_key_is_an_authentication_error(self):
        for key in ("sk_live_bezant_judge", "nonsense_key"):
            with self.subTest(key=key), self.refused(stripe.AuthenticationError, http_status=401):
                client(key).v1.balance.retrieve()

    def test_a_key_revoked_while_in_use_is_an_authentication_error(self):
        self.intent()
        with settings(api_keys=["sk_test_another_key"]), self.refused(stripe.AuthenticationError, http_status=401):
            self.intent()
        self.intent()

    def test_what_does_not_exist_is_named(self):
        for resource, id in (
            ("payment_intents", "pi_none"),
            ("charges", "ch_none"),
            ("refunds", "re_none"),
            ("customers", "cus_none"),
            ("payment_methods", "pm_none"),
            ("setup_intents", "seti_none"),
            ("balance_transactions", "txn_none"),
            ("payouts", "po_none"),
            ("disputes", "dp_none"),
            ("events", "evt_none"),
            ("webhook_endpoints", "we_none"),
        ):
            with self.subTest(resource):
                with self.refused(stripe.InvalidRequestError, "resource_missing", http_status=404) as caught:
                    getattr(self.stripe, resource).retrieve(id)
                self.assertIn(id, caught.exception.user_message)

    def test_requests_that_make_no_sense_name_their_parameter(self):
        for parameters, code, param in (
            ({"currency": "eur"}, "parameter_missing", "amount"),
            ({"amount": 1_000}, "parameter_missing", "currency"),
            ({"amount": "ten", "currency": "eur"}, "parameter_invalid_integer", "amount"),
            ({"amount": -5, "currency": "eur"}, "parameter_invalid_integer", "amount"),
            ({"amount": 10, "currency": "eur"}, "amount_too_small", "amount"),
            ({"amount": 1_000_000_000_000, "currency": "eur"}, "amount_too_large", "amount"),
            ({"amount": 1_000, "currency": "xxx"}, None, "currency"),
            ({"amount": 1_000, "currency": "eur", "colour": "red"}, "parameter_unknown", "colour"),
            ({"amount": 1_000, "currency": "eur", "capture_method": "never"}, None, "capture_method"),
            ({"amount": 1_000, "currency": "eur", "payment_method": "pm_none"}, "resource_missing", "payment_method"),
            ({"amount": 1_000, "currency": "eur", "customer": "cus_none"}, "resource_missing", "customer"),
        ):
            with self.subTest(**parameters), self.refused(stripe.InvalidRequestError, code, http_status=400, param=param):
                self.stripe.payment_intents.create(parameters)

    def test_metadata_has_its_limits(self):
        for metadata in ({"k" * 41: "v"}, {"k": "v" * 501}, {str(number): "v" for number in range(51)}, {"k[]": "v"}):
            with self.subTest(len(metadata)), self.refused(stripe.InvalidRequestError, http_status=400):
                self.intent(metadata=metadata)
        full = {f"{number:040}": "v" * 500 for number in range(50)}
        self.assertEqual(self.intent(metadata=full).metadata.to_dict(), full)

    def test_pages_have_their_limits(self):
        for parameters in ({"limit": 101}, {"limit": 0}, {"limit": "ten"}, {"starting_after": "pi_none"}, {"ending_before": "pi_none"}):
            with self.subTest(**parameters), self.refused(stripe.InvalidRequestError, http_status=400):
                self.stripe.payment_intents.list(parameters)

    def test_the_client_of_the_module_works_like_an_instance(self):
        before = stripe.api_base
        stripe.api_base = simulator_url()
        try:
            made = stripe.PaymentIntent.create(api_key=API_KEY, amount=1_000, currency="eur", payment_method_types=["card"])
            changed = stripe.PaymentIntent.modify(made.id, api_key=API_KEY, metadata={"a": "1"})
            self.assertEqual((changed.id, changed.metadata["a"]), (made.id, "1"))
            self.assertEqual(stripe.PaymentIntent.retrieve(made.id, api_key=API_KEY).cancel().status, "canceled")
        finally:
            stripe.api_base = before

    def test_too_many_requests_are_a_rate_limit_error_and_do_nothing(self):
        reference = unique()
        with fault("rate_limit_429", metadata={"order_id": reference}), self.refused(stripe.RateLimitError, "rate_limit", http_status=429):
            self.paid(metadata={"order_id": reference})
        self.assertEqual(truth_of(reference), [])

    def test_every_answer_carries_the_id_of_its_request_and_the_version_asked_for(self):
        answer = self.intent().last_response
        self.assertRegex(answer.request_id, r"^req_\w+$")
        self.assertEqual(answer.headers["stripe-version"], stripe.api_version)
        self.assertEqual(answer.headers["content-type"].split(";")[0], "application/json")


class Idempotency(Judge):
    def create(self, key, **changes):
        parameters = {"amount": 1_000, "currency": "eur", "payment_method_types": ["card"]}
        return self.stripe.payment_intents.create(parameters | changes, {"idempotency_key": key})

    def test_the_same_request_under_the_same_key_is_replayed(self):
        key, reference = unique("key"), unique()
        changes = {"confirm": True, "payment_method": "pm_card_visa", "metadata": {"order_id": reference}}
        first, second = self.create(key, **changes), self.create(key, **changes)
        self.assertEqual((first.id, first.last_response.body), (second.id, second.last_response.body))
        self.assertEqual(second.last_response.headers.get("idempotent-replayed"), "true")
        self.assertNotIn("idempotent-replayed", first.last_response.headers)
        self.assertEqual(second.last_response.idempotency_key, key)
        self.assertEqual(len(truth_of(reference)), 1)

    def test_another_request_under_the_same_key_is_an_idempotency_error(self):
        key = unique("key")
        self.create(key)
        with self.refused(stripe.IdempotencyError, http_status=400):
            self.create(key, amount=1_001)
        with self.refused(stripe.IdempotencyError, http_status=400):
            self.stripe.customers.create({"name": "x"}, {"idempotency_key": key})

    def test_a_request_that_was_refused_for_its_form_leaves_its_key_free(self):
        key = unique("key")
        with self.refused(stripe.InvalidRequestError):
            self.create(key, amount="ten")
        self.assertEqual(self.create(key).amount, 1_000)

    def test_a_decline_is_replayed_as_the_same_decline(self):
        key = unique("key")
        ids = []
        for _ in range(2):
            with self.refused(stripe.CardError, "card_declined") as caught:
                self.create(key, confirm=True, payment_method="pm_card_chargeDeclined")
            ids.append(caught.exception.error.payment_intent.id)
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(caught.exception.headers.get("idempotent-replayed"), "true")

    def test_a_key_has_255_characters_at_most(self):
        key = unique("k" * 230)
        self.assertEqual(self.create(key[:255]).last_response.idempotency_key, key[:255])
        with self.refused(stripe.StripeError, http_status=400):
            self.create("k" * 256)

    def test_a_key_is_forgotten_after_its_time(self):
        key = unique("key")
        first = self.create(key)
        advance(2 * DAY_MS)
        self.assertNotEqual(self.create(key).id, first.id)


class Retries(Judge):
    def pay(self, reference, retries=2, **options):
        parameters = {
            "amount": 1_000,
            "currency": "eur",
            "payment_method_types": ["card"],
            "payment_method": "pm_card_visa",
            "confirm": True,
            "metadata": {"order_id": reference},
        }
        return client(retries=retries).v1.payment_intents.create(parameters, options)

    def test_a_reset_connection_is_tried_again_and_charges_once(self):
        for kind in ("reset_before_effect", "reset_after_effect"):
            reference = unique()
            with self.subTest(kind), fault(kind, metadata={"order_id": reference}, count=1):
                self.assertEqual(self.pay(reference).status, "succeeded")
                self.assertEqual([charge["captured"] for charge in truth_of(reference)], [1_000])

    def test_a_truncated_answer_is_never_taken_for_one(self):
        reference, key = unique(), unique("key")
        with fault("truncated_body", metadata={"order_id": reference}, count=1):
            with self.assertRaises((stripe.APIConnectionError, stripe.APIError)):
                self.pay(reference, retries=0, idempotency_key=key)
            self.assertEqual(self.pay(reference, retries=0, idempotency_key=key).status, "succeeded")
        self.assertEqual(len(truth_of(reference)), 1)

    def test_a_conflict_is_tried_again_and_charges_once(self):
        reference = unique()
        with fault("conflict_409", metadata={"order_id": reference}, count=1):
            self.assertEqual(self.pay(reference).status, "succeeded")
        self.assertEqual(len(truth_of(reference)), 1)

    def test_a_server_error_sticks_to_its_key_and_is_not_tried_again_by_the_client(self):
        for kind, charged in (("error_500_before_effect", 0), ("error_500_after_effect", 1)):
            reference, key = unique(), unique("key")
            with self.subTest(kind), fault(kind, metadata={"order_id": reference}, count=1):
                with self.refused(stripe.APIError, http_status=500) as caught:
                    self.pay(reference, idempotency_key=key)
                self.assertEqual(caught.exception.headers.get("stripe-should-retry"), "false")
                with self.refused(stripe.APIError, http_status=500) as again:
                    self.pay(reference, idempotency_key=key)
                self.assertEqual(again.exception.headers.get("idempotent-replayed"), "true")
                self.assertEqual(len(truth_of(reference)), charged)
