// Refunds and charges: docs.stripe.com/api/refunds, docs.stripe.com/api/charges.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND_MS, advance, chargeOf, has, ids, intent, paid, refused, stripe } from './support.mjs';

const rule = (name, body) => test(`refunds: ${name}`, body);
const refund = (made, changes = {}) => stripe.refunds.create({ payment_intent: made.id, ...changes });
const INVALID = 'StripeInvalidRequestError';

rule('a full refund gives everything back', async () => {
  const made = await paid();
  const back = await refund(made, { reason: 'requested_by_customer', metadata: { why: 'torn' }, expand: ['balance_transaction'] });
  has(back, { object: 'refund', status: 'succeeded', amount: 1_000, currency: 'eur', payment_intent: made.id, charge: made.latest_charge.id });
  has(back, { reason: 'requested_by_customer', metadata: { why: 'torn' } });
  has(back.balance_transaction, { type: 'refund', amount: -1_000, source: back.id });
  has(await chargeOf(made), { refunded: true, amount_refunded: 1_000 });
});

rule('parts add up to the whole and no further', async () => {
  const made = await paid();
  await refund(made, { amount: 300 });
  has(await chargeOf(made), { refunded: false, amount_refunded: 300 });
  await refused(refund(made, { amount: 701 }), INVALID, { statusCode: 400 });
  assert.equal((await refund(made)).amount, 700);
  await refused(refund(made, { amount: 1 }), INVALID, { code: 'charge_already_refunded', statusCode: 400 });
});

rule('a pending refund succeeds later', async () => {
  const back = await refund(await paid({ payment_method: 'pm_card_pendingRefund' }));
  assert.equal(back.status, 'pending');
  await advance(3_600 * SECOND_MS);
  assert.equal((await stripe.refunds.retrieve(back.id)).status, 'succeeded');
});

rule('a refund may fail after it succeeded, and its money comes back', async () => {
  const back = await refund(await paid({ payment_method: 'pm_card_refundFail' }));
  assert.equal(back.status, 'succeeded');
  await advance(3_600 * SECOND_MS);
  const failed = await stripe.refunds.retrieve(back.id, { expand: ['failure_balance_transaction'] });
  has(failed, { status: 'failed', failure_reason: 'expired_or_canceled_card' });
  has(failed.failure_balance_transaction, { type: 'refund_failure', amount: 1_000 });
});

rule('what was never taken cannot be given back', async () => {
  const held = await intent({ capture_method: 'manual', confirm: true, payment_method: 'pm_card_visa' });
  for (const made of [await intent(), held]) {
    await refused(refund(made), INVALID, { statusCode: 400 });
  }
});

rule('refunds are listed by intent and by charge and can be annotated', async () => {
  const made = await paid();
  const all = [];
  for (const amount of [100, 200, 300]) {
    all.unshift((await refund(made, { amount })).id);
  }
  assert.deepEqual(ids(await stripe.refunds.list({ payment_intent: made.id, limit: 2 }).autoPagingToArray({ limit: 10 })), all);
  assert.deepEqual(ids((await stripe.refunds.list({ charge: made.latest_charge.id })).data), all);
  assert.deepEqual((await stripe.refunds.update(all[0], { metadata: { ticket: '9' } })).metadata, { ticket: '9' });
});

rule('a refund that is done cannot be cancelled', async () => {
  await refused(stripe.refunds.cancel((await refund(await paid())).id), INVALID, { statusCode: 400 });
});

rule('charges are listed by customer and annotated on their own', async () => {
  const customer = (await stripe.customers.create({ name: 'charges' })).id;
  const made = await paid({ customer, metadata: { a: '1' } });
  assert.deepEqual(ids((await stripe.charges.list({ customer })).data), [made.latest_charge.id]);
  assert.deepEqual((await stripe.charges.update(made.latest_charge.id, { metadata: { b: '2' } })).metadata, { a: '1', b: '2' });
  assert.deepEqual((await stripe.paymentIntents.retrieve(made.id)).metadata, { a: '1' });
});

rule('a token is charged without an intent, captured later, declined when its card is', async () => {
  const charge = await stripe.charges.create({ amount: 700, currency: 'usd', source: 'tok_visa', capture: false });
  has(charge, { status: 'succeeded', captured: false, amount: 700, payment_intent: null });
  has(await stripe.charges.capture(charge.id, { amount: 500 }), { captured: true, amount_captured: 500 });
  await refused(stripe.charges.capture(charge.id), INVALID, { code: 'charge_already_captured' });
  await refused(stripe.charges.create({ amount: 700, currency: 'usd', source: 'tok_visa_chargeDeclined' }), 'StripeCardError', { code: 'card_declined' });
});
