"""Balance, balance transactions, payouts and disputes: where the money is, and who takes it back."""

import stripe

from support import DAY_MS, SECOND_MS, Judge, advance


def amount_in(parts, currency):
    """The amount of one currency in a part of the balance; there is none before the first payment."""
    return sum(part.amount for part in parts if part.currency == currency)


class Balance(Judge):
    def test_a_payment_is_pending_until_it_becomes_available(self):
        before = self.assert_typed(self.stripe.balance.retrieve())
        transaction = self.paid().latest_charge.balance_transaction
        after = self.stripe.balance.retrieve()
        currency = transaction.currency
        self.assertEqual(amount_in(after.pending, currency) - amount_in(before.pending, currency), transaction.net)
        self.assertEqual((after.object, after.livemode, transaction.status), ("balance", False, "pending"))
        self.assertGreater(transaction.available_on, transaction.created)
        advance(8 * DAY_MS)
        self.assertEqual(self.stripe.balance_transactions.retrieve(transaction.id).status, "available")
        later = self.stripe.balance.retrieve()
        self.assertEqual(amount_in(later.pending, currency), 0)
        self.assertGreaterEqual(amount_in(later.available, currency) - amount_in(after.available, currency), transaction.net)

    def test_some_cards_skip_the_wait(self):
        before = self.stripe.balance.retrieve()
        transaction = self.paid(payment_method="pm_card_bypassPending").latest_charge.balance_transaction
        after = self.stripe.balance.retrieve()
        moved = amount_in(after.available, transaction.currency) - amount_in(before.available, transaction.currency)
        self.assertEqual((moved, transaction.status), (transaction.net, "available"))

    def test_a_transaction_adds_up(self):
        transaction = self.assert_typed(self.paid().latest_charge.balance_transaction)
        self.assertRegex(transaction.id, r"^txn_\w+$")
        self.assertEqual(sum(detail.amount for detail in transaction.fee_details), transaction.fee)
        self.assertEqual({detail.type for detail in transaction.fee_details}, {"stripe_fee"})
        self.assertEqual((transaction.net, transaction.reporting_category), (transaction.amount - transaction.fee, "charge"))

    def test_transactions_are_listed_by_what_caused_them(self):
        intent = self.paid()
        refund = self.stripe.refunds.create({"payment_intent": intent.id, "amount": 400})
        (charged,) = self.stripe.balance_transactions.list({"source": intent.latest_charge.id}).data
        (refunded,) = self.stripe.balance_transactions.list({"source": refund.id, "expand": ["data.source"]}).data
        self.assertEqual((charged.type, charged.amount), ("charge", 1_000))
        self.assertEqual((refunded.type, refunded.amount, refunded.source.object), ("refund", -400, "refund"))
        newest = self.stripe.balance_transactions.list({"limit": 1})
        self.assertEqual((newest.data[0].id, newest.has_more), (refunded.id, True))
        self.assertEqual({transaction.type for transaction in self.stripe.balance_transactions.list({"type": "refund"})}, {"refund"})

    def test_transactions_page_by_themselves(self):
        first = self.paid().latest_charge.balance_transaction.id
        rest = [self.paid().latest_charge.balance_transaction.id for _ in range(6)][::-1]
        page = self.stripe.balance_transactions.list({"ending_before": first, "limit": 4})
        self.assertEqual((page.has_more, [each.id for each in page.auto_paging_iter()]), (True, rest[::-1]))


class Payouts(Judge):
    def payout(self, **changes):
        """A payout of money that is there."""
        transaction = self.paid(amount=1_000_000, payment_method="pm_card_bypassPending").latest_charge.balance_transaction
        common = {"amount": 5_000, "currency": transaction.currency, "metadata": {"a": "1"}}
        return self.assert_typed(self.stripe.payouts.create(common | changes))

    def test_a_payout_leaves_the_balance_and_arrives(self):
        payout = self.payout(expand=["balance_transaction"])
        self.assertRegex(payout.id, r"^po_\w+$")
        self.assertEqual((payout.object, payout.amount, payout.automatic, payout.method), ("payout", 5_000, False, "standard"))
        self.assertIn(payout.status, ("pending", "in_transit"))
        self.assertEqual((payout.balance_transaction.type, payout.balance_transaction.amount), ("payout", -5_000))
        self.assertEqual(payout.balance_transaction.source, payout.id)
        advance(8 * DAY_MS)
        self.assertEqual(self.stripe.payouts.retrieve(payout.id).status, "paid")

    def test_more_than_is_available_cannot_be_paid_out(self):
        with self.refused(stripe.InvalidRequestError, "balance_insufficient", http_status=400):
            self.payout(amount=99_000_000)

    def test_a_pending_payout_can_be_cancelled_and_its_money_comes_back(self):
        payout = self.payout()
        before = amount_in(self.stripe.balance.retrieve().available, payout.currency)
        cancelled = self.assert_typed(self.stripe.payouts.cancel(payout.id))
        self.assertEqual(cancelled.status, "canceled")
        self.assertEqual(amount_in(self.stripe.balance.retrieve().available, payout.currency) - before, 5_000)
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.stripe.payouts.cancel(payout.id)

    def test_payouts_are_listed_and_annotated(self):
        ids = [self.payout().id for _ in range(2)][::-1]
        self.assertEqual([payout.id for payout in self.stripe.payouts.list({"limit": 2})], ids)
        self.assertEqual(self.stripe.payouts.update(ids[0], {"metadata": {"b": "2"}}).metadata.to_dict(), {"a": "1", "b": "2"})
        self.assertIn(ids[0], [payout.id for payout in self.stripe.payouts.list({"status": "pending"})])


class Disputes(Judge):
    def dispute(self, method="pm_card_createDispute"):
        """A payment that its card's owner disputes: the payment intent and the dispute."""
        intent = self.paid(payment_method=method)
        advance(60 * SECOND_MS)
        (dispute,) = self.stripe.disputes.list({"payment_intent": intent.id}).data
        return intent, self.assert_typed(dispute)

    def answer(self, dispute, text):
        changed = self.stripe.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}, "submit": True})
        self.assertIn(changed.status, ("under_review", "won", "lost"))
        self.assertGreaterEqual(changed.evidence_details.submission_count, 1)
        advance(60 * SECOND_MS)
        return self.stripe.disputes.retrieve(dispute.id)

    def test_a_disputed_payment_is_taken_back_with_a_fee(self):
        intent, dispute = self.dispute()
        self.assertRegex(dispute.id, r"^(dp|du)_\w+$")
        self.assertEqual((dispute.object, dispute.amount, dispute.currency, dispute.reason), ("dispute", 1_000, "eur", "fraudulent"))
        self.assertEqual((dispute.status, dispute.charge, dispute.payment_intent), ("needs_response", intent.latest_charge.id, intent.id))
        (taken,) = dispute.balance_transactions
        self.assertEqual((taken.type, taken.amount, taken.net, taken.reporting_category), ("adjustment", -1_000, -1_000 - taken.fee, "dispute"))
        self.assertGreater(taken.fee, 0)
        self.assertGreater(dispute.evidence_details.due_by, dispute.created)
        self.assertEqual((dispute.evidence_details.has_evidence, dispute.evidence_details.submission_count), (False, 0))
        self.assertTrue(self.charge(intent).disputed)

    def test_evidence_that_wins_brings_the_money_back(self):
        _, dispute = self.dispute()
        won = self.answer(dispute, "winning_evidence")
        self.assertEqual((won.status, won.evidence.uncategorized_text), ("won", "winning_evidence"))
        self.assertEqual(sum(transaction.amount for transaction in won.balance_transactions), 0)

    def test_evidence_that_loses_changes_nothing(self):
        _, dispute = self.dispute()
        lost = self.answer(dispute, "losing_evidence")
        self.assertEqual((lost.status, sum(transaction.amount for transaction in lost.balance_transactions)), ("lost", -1_000))

    def test_evidence_is_kept_until_it_is_submitted(self):
        _, dispute = self.dispute("pm_card_createDisputeProductNotReceived")
        changes = {"evidence": {"customer_name": "Ada", "shipping_tracking_number": "T1"}, "metadata": {"case": "7"}, "submit": False}
        changed = self.stripe.disputes.update(dispute.id, changes)
        self.assertEqual((changed.reason, changed.status), ("product_not_received", "needs_response"))
        self.assertEqual((changed.evidence.customer_name, changed.evidence_details.has_evidence, changed.metadata["case"]), ("Ada", True, "7"))
        self.assertEqual(self.stripe.disputes.update(dispute.id, {"evidence": {"customer_name": ""}}).evidence.customer_name, None)

    def test_a_dispute_can_be_given_up(self):
        _, dispute = self.dispute()
        self.assertEqual(self.stripe.disputes.close(dispute.id).status, "lost")
        with self.refused(stripe.InvalidRequestError, http_status=400):
            self.stripe.disputes.close(dispute.id)

    def test_an_inquiry_moves_no_money(self):
        intent, dispute = self.dispute("pm_card_createDisputeInquiry")
        self.assertEqual((dispute.status, dispute.balance_transactions), ("warning_needs_response", []))
        self.assertEqual(self.stripe.disputes.list({"charge": intent.latest_charge.id}).data[0].id, dispute.id)

    def test_what_is_disputed_cannot_be_given_back(self):
        intent, _ = self.dispute()
        with self.refused(stripe.InvalidRequestError, "charge_disputed", http_status=400):
            self.stripe.refunds.create({"payment_intent": intent.id})
