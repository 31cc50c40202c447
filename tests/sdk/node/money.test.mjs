// Balance, balance transactions, payouts and disputes: where the money is, and who takes it back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, SECOND_MS, advance, chargeOf, has, ids, paid, refused, stripe } from './support.mjs';

const rule = (name, body) => test(`money: ${name}`, body);
const INVALID = 'StripeInvalidRequestError';
const amountIn = (parts, currency) => parts.filter((part) => part.currency === currency).reduce((sum, part) => sum + part.amount, 0);
// More than refunds and disputes of other tests may have taken.
const bypass = async () => (await paid({ amount: 1_000_000, payment_method: 'pm_card_bypassPending' })).latest_charge.balance_transaction;

rule('a payment is pending until it becomes available', async () => {
  const before = await stripe.balance.retrieve();
  const { balance_transaction: transaction } = (await paid()).latest_charge;
  const after = await stripe.balance.retrieve();
  const { currency, net } = transaction;
  assert.equal(amountIn(after.pending, currency) - amountIn(before.pending, currency), net);
  assert.equal(transaction.status, 'pending');
  await advance(8 * DAY_MS);
  assert.equal((await stripe.balanceTransactions.retrieve(transaction.id)).status, 'available');
  const later = await stripe.balance.retrieve();
  assert.equal(amountIn(later.pending, currency), 0);
  assert.ok(amountIn(later.available, currency) - amountIn(after.available, currency) >= net);
});

rule('some cards skip the wait', async () => {
  const before = await stripe.balance.retrieve();
  const { currency, net, status } = await bypass();
  assert.equal(amountIn((await stripe.balance.retrieve()).available, currency) - amountIn(before.available, currency), net);
  assert.equal(status, 'available');
});

rule('a transaction adds up and is listed by what caused it', async () => {
  const made = await paid();
  const back = await stripe.refunds.create({ payment_intent: made.id, amount: 400 });
  const [charged] = (await stripe.balanceTransactions.list({ source: made.latest_charge.id })).data;
  assert.equal(charged.fee_details.reduce((sum, detail) => sum + detail.amount, 0), charged.fee);
  has(charged, { type: 'charge', amount: 1_000, net: 1_000 - charged.fee, reporting_category: 'charge' });
  const [refunded] = (await stripe.balanceTransactions.list({ source: back.id, expand: ['data.source'] })).data;
  assert.deepEqual([refunded.type, refunded.amount, refunded.source.object], ['refund', -400, 'refund']);
  assert.deepEqual(ids((await stripe.balanceTransactions.list({ limit: 1 })).data), [refunded.id]);
});

rule('a payout leaves the balance and arrives', async () => {
  const { currency } = await bypass();
  const payout = await stripe.payouts.create({ amount: 5_000, currency, metadata: { a: '1' }, expand: ['balance_transaction'] });
  has(payout, { object: 'payout', amount: 5_000, automatic: false, metadata: { a: '1' } });
  assert.ok(['pending', 'in_transit'].includes(payout.status), payout.status);
  has(payout.balance_transaction, { type: 'payout', amount: -5_000, source: payout.id });
  assert.deepEqual((await stripe.payouts.update(payout.id, { metadata: { b: '2' } })).metadata, { a: '1', b: '2' });
  await advance(8 * DAY_MS);
  assert.equal((await stripe.payouts.retrieve(payout.id)).status, 'paid');
  assert.deepEqual(ids((await stripe.payouts.list({ limit: 1 })).data), [payout.id]);
});

rule('more than is available cannot be paid out', async () => {
  const { currency } = await bypass();
  await refused(stripe.payouts.create({ amount: 99_000_000, currency }), INVALID, { code: 'balance_insufficient', statusCode: 400 });
});

rule('a pending payout can be cancelled and its money comes back', async () => {
  const { currency } = await bypass();
  const payout = await stripe.payouts.create({ amount: 5_000, currency });
  const before = amountIn((await stripe.balance.retrieve()).available, currency);
  assert.equal((await stripe.payouts.cancel(payout.id)).status, 'canceled');
  assert.equal(amountIn((await stripe.balance.retrieve()).available, currency) - before, 5_000);
});

/** A payment that its card's owner disputes: the payment intent and the dispute. */
async function disputed(method = 'pm_card_createDispute') {
  const made = await paid({ payment_method: method });
  await advance(60 * SECOND_MS);
  const { data } = await stripe.disputes.list({ payment_intent: made.id });
  assert.equal(data.length, 1);
  return [made, data[0]];
}

const total = (dispute) => dispute.balance_transactions.reduce((sum, transaction) => sum + transaction.amount, 0);

rule('a disputed payment is taken back with a fee', async () => {
  const [made, dispute] = await disputed();
  has(dispute, { object: 'dispute', amount: 1_000, currency: 'eur', reason: 'fraudulent', status: 'needs_response' });
  has(dispute, { charge: made.latest_charge.id, payment_intent: made.id });
  has(dispute.balance_transactions[0], { type: 'adjustment', amount: -1_000 });
  assert.ok(dispute.balance_transactions[0].fee > 0);
  has(dispute.evidence_details, { has_evidence: false, submission_count: 0 });
  assert.equal((await chargeOf(made)).disputed, true);
  await refused(stripe.refunds.create({ payment_intent: made.id }), INVALID, { code: 'charge_disputed' });
});

rule('evidence wins, loses, or is kept until it is submitted', async () => {
  for (const [text, status, sum] of [['winning_evidence', 'won', 0], ['losing_evidence', 'lost', -1_000]]) {
    const [, dispute] = await disputed();
    await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: text }, submit: true });
    await advance(60 * SECOND_MS);
    const closed = await stripe.disputes.retrieve(dispute.id);
    assert.deepEqual([closed.status, total(closed)], [status, sum], text);
  }
  const [, open] = await disputed('pm_card_createDisputeProductNotReceived');
  const kept = await stripe.disputes.update(open.id, { evidence: { customer_name: 'Ada' }, submit: false });
  assert.deepEqual([kept.reason, kept.status, kept.evidence.customer_name], ['product_not_received', 'needs_response', 'Ada']);
  assert.equal((await stripe.disputes.close(open.id)).status, 'lost');
});

rule('an inquiry moves no money', async () => {
  const [, dispute] = await disputed('pm_card_createDisputeInquiry');
  has(dispute, { status: 'warning_needs_response', balance_transactions: [] });
});
