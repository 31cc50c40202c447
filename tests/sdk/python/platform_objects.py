"""Compares what a running platform made at the simulator with the platform's own API, read by the official client:

    BEZANT_API_KEY=… python platform_objects.py SIMULATOR_URL PLATFORM_URL [--make]

With --make it first makes payments of every kind through the platform's API. The simulator must have been used by this
platform and this merchant alone."""

import collections
import json
import os
import sys
import unittest
import urllib.error
import urllib.request

sys.dont_write_bytecode = True

import run
from support import ANSWER_WAIT_S_MAX, OPENER, Judge, client, settings, unique

# What the platform says of a payment, and what the provider may say of the same. Money that was given back does not
# change a payment intent.
STATUSES = {
    "processing": {"processing"},
    "requires_action": {"requires_action"},
    "authorized": {"requires_capture"},
    "partially_captured": {"succeeded"},
    "captured": {"succeeded"},
    "partially_refunded": {"succeeded"},
    "refunded": {"succeeded"},
    "canceled": {"canceled"},
    "declined": {"requires_payment_method", "canceled"},
    "expired": {"canceled"},
}
# The platform learns of a pending refund's end a while after the provider knows it.
REFUND_STATUSES = {
    "pending": {"pending", "succeeded"},
    "succeeded": {"succeeded"},
    "failed": {"failed", "canceled"},
    "reversed": {"failed", "canceled"},
}
# Crockford's base 32, small letters: 130 bits of reference.
REFERENCE = r"^bzr_[0-9a-hjkmnp-tv-z]{26}$"


class Platform:
    """The platform's API, with the merchant's key."""

    def __init__(self, url, key):
        self.url, self.key, self.seq = url.rstrip("/"), key, 0

    def call(self, method, path, body=None, key=None):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if method == "GET":
            # What was answered before must be in what is read.
            headers["Bezant-Min-Seq"] = str(self.seq)
        if key:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with OPENER.open(request, timeout=ANSWER_WAIT_S_MAX) as answer:
                self.seq = max(self.seq, int(answer.headers["Bezant-Seq"]))
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from None

    def listed(self, path):
        """All objects of a list, page by page."""
        self.call("GET", f"{path}?limit=1")
        found, cursor = [], ""
        while True:
            page = self.call("GET", f"{path}?limit=100{cursor}")
            found += page["data"]
            if not page["has_more"]:
                return found
            cursor = f"&cursor={page['next_cursor']}"


def make(platform):
    """Payments of every kind, through the platform alone."""
    run = unique("made")
    number = 0

    def post(path, body):
        nonlocal number
        number += 1
        return platform.call("POST", path, body, f"{run}-{number}")

    def pay(minor=1_999, currency="EUR", method="pm_card_visa", **more):
        body = {"amount": {"amount_minor": minor, "currency": currency}, "payment_method": method, "reference": f"{run}-{number}"}
        return post("/v1/payments", body | {"metadata": {"basket": "two books"}, "return_url": "https://shop.example/back"} | more)

    for minor, currency in ((1_999, "EUR"), (500, "JPY"), (4_000, "USD"), (12_345, "GBP")):
        pay(minor, currency)
    for method in ("pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds", "pm_card_mastercard", "pm_card_amex"):
        pay(method=method)
    for amount in (None, 700):
        held = pay(capture="manual")
        post(f"/v1/payments/{held['id']}/capture", {} if amount is None else {"amount_minor": amount})
    pay(capture="manual")
    post(f"/v1/payments/{pay(capture='manual')['id']}/cancel", {})
    for amounts in ((None,), (300, 400)):
        paid = pay()
        for amount in amounts:
            post("/v1/refunds", {"payment": paid["id"]} | ({} if amount is None else {"amount_minor": amount}))
    post("/v1/refunds", {"payment": pay(method="pm_card_pendingRefund")["id"], "amount_minor": 900})
    pay(method="pm_card_authenticationRequired")


class PlatformObjects(Judge):
    @classmethod
    def setUpClass(cls):
        cls.platform = Platform(os.environ["BEZANT_URL"], os.environ["BEZANT_API_KEY"])
        if os.environ.get("BEZANT_JUDGE_MAKE") == "true":
            make(cls.platform)
        cls.payments = cls.platform.listed("/v1/payments")
        cls.refunds = cls.platform.listed("/v1/refunds")
        api = client().v1
        everything = lambda resource, **more: {each.id: each for each in resource.list({"limit": 100} | more).auto_paging_iter()}
        cls.intents = everything(api.payment_intents, expand=["data.latest_charge.balance_transaction"])
        cls.charges = everything(api.charges)
        cls.given_back = everything(api.refunds)
        cls.transactions = everything(api.balance_transactions)

    def test_there_is_something_to_compare(self):
        statuses = collections.Counter(payment["status"] for payment in self.payments)
        self.assertGreater(statuses["captured"], 0)
        self.assertGreater(len(self.intents), 0)

    def test_everything_at_the_provider_is_what_the_official_client_expects(self):
        for objects in (self.intents, self.charges, self.given_back, self.transactions):
            for each in objects.values():
                with self.subTest(each.id):
                    self.assert_typed(each)

    def test_payments_and_payment_intents_belong_to_each_other(self):
        attempts = [attempt["provider_id"] for payment in self.payments for attempt in payment["attempts"] if attempt.get("provider_id")]
        self.assertEqual(len(attempts), len(set(attempts)))
        self.assertEqual(set(attempts), set(self.intents))

    def test_every_payment_intent_has_the_amount_and_the_state_of_its_payment(self):
        for payment in self.payments:
            if not payment["provider_id"]:
                continue
            with self.subTest(payment["id"], status=payment["status"]):
                intent = self.intents[payment["provider_id"]]
                amount = payment["amount"]
                self.assertEqual((intent.amount, intent.currency), (amount["amount_minor"], amount["currency"].lower()))
                self.assertIn(intent.status, STATUSES[payment["status"]])
                self.assertEqual(intent.amount_received, payment["captured_minor"])
                self.assertEqual(intent.capture_method, payment["capture"])
                if payment["status"] == "authorized":
                    self.assertEqual(intent.amount_capturable, payment["held_minor"])

    def test_every_charge_has_the_captures_refunds_and_fees_of_its_payment(self):
        for payment in self.payments:
            if not payment["captured_minor"]:
                continue
            with self.subTest(payment["id"]):
                charge = self.intents[payment["provider_id"]].latest_charge
                self.assertEqual((charge.captured, charge.amount_captured), (True, payment["captured_minor"]))
                self.assertIn(charge.amount_refunded, (payment["refunded_minor"], payment["refunded_minor"] + payment["refunding_minor"]))
                self.assertEqual(charge.balance_transaction.amount, payment["captured_minor"])
                self.assertEqual(charge.balance_transaction.fee, payment["fee_minor"])

    def test_charges_without_a_capture_moved_nothing(self):
        captured = {payment["provider_id"] for payment in self.payments if payment["captured_minor"]}
        for charge in self.charges.values():
            with self.subTest(charge.id):
                self.assertIn(charge.payment_intent, self.intents)
                self.assertEqual(charge.captured, charge.payment_intent in captured and charge.status == "succeeded")
                self.assertEqual(charge.balance_transaction is not None, charge.captured)

    def test_refunds_belong_to_each_other_and_are_equal(self):
        payments = {payment["id"]: payment for payment in self.payments}
        self.assertEqual({refund["provider_id"] for refund in self.refunds if refund["provider_id"]}, set(self.given_back))
        for refund in self.refunds:
            with self.subTest(refund["id"]):
                back = self.given_back[refund["provider_id"]]
                self.assertEqual((back.amount, back.currency), (refund["amount"]["amount_minor"], refund["amount"]["currency"].lower()))
                self.assertEqual(back.payment_intent, payments[refund["payment"]]["provider_id"])
                self.assertIn(back.status, REFUND_STATUSES[refund["status"]])

    def test_balance_transactions_add_up_to_what_the_platform_says(self):
        ours, theirs = collections.Counter(), collections.Counter()
        for payment in self.payments:
            currency = payment["amount"]["currency"].lower()
            ours["charge", currency] += payment["captured_minor"]
            ours["fee", currency] += payment["fee_minor"]
        for refund in self.refunds:
            if refund["status"] in ("succeeded", "pending"):
                ours["refund", refund["amount"]["currency"].lower()] -= refund["amount"]["amount_minor"]
        for transaction in self.transactions.values():
            theirs[transaction.type, transaction.currency] += transaction.amount
            theirs["fee", transaction.currency] += transaction.fee
        self.assertEqual({name: amount for name, amount in theirs.items() if amount}, {name: amount for name, amount in ours.items() if amount})

    def test_every_object_carries_a_reference_of_its_own_and_nothing_of_the_merchant(self):
        references = []
        for each in [*self.intents.values(), *self.given_back.values()]:
            with self.subTest(each.id):
                self.assertEqual(list(each.metadata.to_dict()), ["bezant_reference"])
                references.append(each.metadata["bezant_reference"])
                self.assertRegex(references[-1], REFERENCE)
        self.assertEqual(len(references), len(set(references)))

    def test_a_reference_finds_its_payment_intent(self):
        with settings(search_lag_ms=0):
            for intent in list(self.intents.values())[:5]:
                query = f"metadata['bezant_reference']:'{intent.metadata['bezant_reference']}'"
                self.assertEqual([found.id for found in self.stripe.payment_intents.search({"query": query})], [intent.id])


def main(arguments):
    if len(arguments) not in (2, 3) or "BEZANT_API_KEY" not in os.environ:
        print(__doc__, file=sys.stderr)
        return 2
    os.environ["BEZANT_URL"] = arguments[1]
    os.environ["BEZANT_JUDGE_MAKE"] = "true" if arguments[2:] == ["--make"] else "false"
    return run.run(unittest.defaultTestLoader.loadTestsFromTestCase(PlatformObjects), arguments[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
