// Payment intents through their life, as docs.stripe.com/api/payment_intents has it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SEARCH_LAG_MS, advance, chargeOf, has, ids, intent, paid, refused, stripe, unique, withSettings } from './support.mjs';

const rule = (name, body) => test(`payment intents: ${name}`, body);
const held = () => intent({ capture_method: 'manual', confirm: true, payment_method: 'pm_card_visa' });

rule('a new intent waits for a payment method', async () => {
  const made = await stripe.paymentIntents.create({ amount: 1_999, currency: 'eur' });
  assert.match(made.id, /^pi_\w+$/);
  has(made, { object: 'payment_intent', status: 'requires_payment_method', amount: 1_999, currency: 'eur', livemode: false, latest_charge: null });
  has(made, { amount_received: 0, amount_capturable: 0, capture_method: 'automatic_async', confirmation_method: 'automatic', metadata: {} });
  assert.ok(made.client_secret.startsWith(`${made.id}_secret_`));
  assert.equal(made.automatic_payment_methods.enabled, true);
});

rule('an intent with a method waits for its confirmation and is paid by it', async () => {
  const made = await intent({ payment_method: 'pm_card_visa' });
  assert.equal(made.status, 'requires_confirmation');
  const confirmed = await stripe.paymentIntents.confirm(made.id);
  has(confirmed, { status: 'succeeded', amount_received: 1_000, payment_method: made.payment_method });
  assert.match(confirmed.latest_charge, /^(ch|py)_\w+$/);
});

rule('create and confirm at once shows the charge and its fee', async () => {
  const made = await paid();
  has(made.latest_charge, { object: 'charge', amount: 1_000, amount_captured: 1_000, captured: true, paid: true, status: 'succeeded' });
  const transaction = made.latest_charge.balance_transaction;
  has(transaction, { object: 'balance_transaction', type: 'charge', source: made.latest_charge.id, net: transaction.amount - transaction.fee });
  assert.ok(transaction.fee > 0);
});

rule('automatic methods without redirects are kept as asked', async () => {
  const automatic = { enabled: true, allow_redirects: 'never' };
  const made = await stripe.paymentIntents.create({ amount: 500, currency: 'usd', automatic_payment_methods: automatic });
  has(made.automatic_payment_methods, automatic);
});

rule('an authorisation is captured in part and the rest is released', async () => {
  const made = await held();
  has(made, { status: 'requires_capture', amount_capturable: 1_000, amount_received: 0 });
  const captured = await stripe.paymentIntents.capture(made.id, { amount_to_capture: 600 });
  has(captured, { status: 'succeeded', amount: 1_000, amount_capturable: 0, amount_received: 600 });
  has(await chargeOf(captured), { captured: true, amount: 1_000, amount_captured: 600 });
});

rule('more than was authorised cannot be captured, and nothing twice', async () => {
  const made = await held();
  await refused(stripe.paymentIntents.capture(made.id, { amount_to_capture: 1_001 }), 'StripeInvalidRequestError', { statusCode: 400 });
  await stripe.paymentIntents.capture(made.id);
  const error = await refused(stripe.paymentIntents.capture(made.id), 'StripeInvalidRequestError', { code: 'payment_intent_unexpected_state' });
  assert.equal(error.payment_intent.id, made.id);
});

rule('an authorisation is cancelled with a reason, and what is over is not', async () => {
  const cancelled = await stripe.paymentIntents.cancel((await held()).id, { cancellation_reason: 'requested_by_customer' });
  has(cancelled, { status: 'canceled', cancellation_reason: 'requested_by_customer', amount_capturable: 0 });
  assert.equal(typeof cancelled.canceled_at, 'number');
  for (const made of [await paid(), cancelled]) {
    await refused(stripe.paymentIntents.cancel(made.id), 'StripeInvalidRequestError', { code: 'payment_intent_unexpected_state' });
  }
});

rule('an open intent can be changed, the amount of a paid one cannot', async () => {
  const made = await intent();
  has(await stripe.paymentIntents.update(made.id, { amount: 2_500, description: 'two books' }), { amount: 2_500, description: 'two books' });
  has(await stripe.paymentIntents.update(made.id, { description: '' }), { amount: 2_500, description: null });
  const over = await paid();
  await refused(stripe.paymentIntents.update(over.id, { amount: 2_000 }), 'StripeInvalidRequestError', { code: 'payment_intent_unexpected_state' });
});

rule('metadata is merged and unset key by key', async () => {
  const metadata = { a: '1', b: 'two & [three]', c: 'ü' };
  const made = await intent({ metadata });
  assert.deepEqual(made.metadata, metadata);
  const changed = await stripe.paymentIntents.update(made.id, { metadata: { a: null, d: '4' } });
  assert.deepEqual(changed.metadata, { b: 'two & [three]', c: 'ü', d: '4' });
  assert.deepEqual((await stripe.paymentIntents.update(made.id, { metadata: '' })).metadata, {});
});

rule('a declined intent stays open for another card', async () => {
  const made = await intent({ payment_method: 'pm_card_chargeDeclined' });
  const error = await refused(stripe.paymentIntents.confirm(made.id), 'StripeCardError', { code: 'card_declined', statusCode: 402 });
  assert.equal(error.payment_intent.status, 'requires_payment_method');
  has(await stripe.paymentIntents.confirm(made.id, { payment_method: 'pm_card_visa' }), { status: 'succeeded', last_payment_error: null });
  const { data } = await stripe.charges.list({ payment_intent: made.id });
  assert.deepEqual(data.map((charge) => charge.status), ['succeeded', 'failed']);
});

rule('a list pages both ways, newest first', async () => {
  const customer = (await stripe.customers.create({ name: 'pages' })).id;
  const all = [];
  for (let number = 0; number < 5; number += 1) {
    all.unshift((await intent({ customer })).id);
  }
  const first = await stripe.paymentIntents.list({ customer, limit: 2 });
  assert.deepEqual([ids(first.data), first.has_more, first.url], [all.slice(0, 2), true, '/v1/payment_intents']);
  const last = await stripe.paymentIntents.list({ customer, limit: 2, starting_after: all[3] });
  assert.deepEqual([ids(last.data), last.has_more], [all.slice(4), false]);
  const back = await stripe.paymentIntents.list({ customer, limit: 2, ending_before: all[4] });
  assert.deepEqual([ids(back.data), back.has_more], [all.slice(2, 4), true]);
});

rule('auto-pagination walks more than a hundred objects once each', async () => {
  const customer = (await stripe.customers.create({ name: 'many' })).id;
  const all = [];
  for (let number = 0; number < 105; number += 1) {
    all.unshift((await intent({ customer })).id);
  }
  const walked = [];
  for await (const each of stripe.paymentIntents.list({ customer, limit: 100 })) {
    walked.push(each.id);
  }
  assert.deepEqual(walked, all);
  assert.deepEqual(ids(await stripe.paymentIntents.list({ customer, limit: 10 }).autoPagingToArray({ limit: 25 })), all.slice(0, 25));
});

rule('a list can be bounded by creation time', async () => {
  const customer = (await stripe.customers.create({ name: 'times' })).id;
  const early = await intent({ customer });
  await advance(10_000);
  const late = await intent({ customer });
  assert.deepEqual(ids((await stripe.paymentIntents.list({ customer, created: { gt: early.created } })).data), [late.id]);
  assert.deepEqual(ids((await stripe.paymentIntents.list({ customer, created: { lte: early.created } })).data), [early.id]);
});

rule('a search finds by metadata only after its lag, and pages by itself', () =>
  withSettings({ search_lag_ms: SEARCH_LAG_MS }, async () => {
    const reference = unique();
    const made = new Set();
    for (let number = 0; number < 5; number += 1) {
      made.add((await intent({ metadata: { order_id: reference } })).id);
    }
    const query = `metadata['order_id']:'${reference}'`;
    assert.deepEqual((await stripe.paymentIntents.search({ query })).data, []);
    await advance(SEARCH_LAG_MS);
    const page = await stripe.paymentIntents.search({ query, limit: 2 });
    has(page, { object: 'search_result', has_more: true });
    const walked = ids(await stripe.paymentIntents.search({ query, limit: 2 }).autoPagingToArray({ limit: 100 }));
    assert.deepEqual([walked.length, new Set(walked)], [5, made]);
    assert.deepEqual((await stripe.paymentIntents.search({ query: `${query} AND status:'succeeded'` })).data, []);
  }));

rule('lists and single objects expand what is asked, and refuse what cannot be', async () => {
  const customer = (await stripe.customers.create({ name: 'expand' })).id;
  const made = await paid({ customer });
  const page = await stripe.paymentIntents.list({ customer, expand: ['data.latest_charge', 'data.customer'] });
  assert.deepEqual([page.data[0].latest_charge.object, page.data[0].customer.id], ['charge', customer]);
  const one = await stripe.paymentIntents.retrieve(made.id, { expand: ['payment_method', 'latest_charge.balance_transaction'] });
  assert.deepEqual([one.payment_method.card.last4, one.latest_charge.balance_transaction.object], ['4242', 'balance_transaction']);
  await refused(stripe.paymentIntents.retrieve(made.id, { expand: ['amount'] }), 'StripeInvalidRequestError', { statusCode: 400 });
});
