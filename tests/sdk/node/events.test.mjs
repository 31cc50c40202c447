// Events and webhook endpoints: what happened, told in order, and who is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, RETURN_URL, SECOND_MS, advance, challenge, has, ids, intent, paid, refused, stripe, unique } from './support.mjs';

// Loopback, and a port where nobody listens.
const NOWHERE = 'http://127.0.0.1:9/';
const INVALID = 'StripeInvalidRequestError';

/** A rule about the events that its body causes; `told` gives them, oldest first. */
const rule = (name, body) =>
  test(`events: ${name}`, async () => {
    const [newest] = (await stripe.events.list({ limit: 1 })).data;
    const told = async (kind = '') => {
      const page = await stripe.events.list({ limit: 100, ...(newest && { ending_before: newest.id }) });
      assert.equal(page.has_more, false);
      return page.data.toReversed().filter((event) => event.type.startsWith(kind));
    };
    await body(told);
  });

/** These types were told, in this order among themselves, each once. */
const inOrder = (events, ...expected) => {
  const types = events.map((event) => event.type);
  assert.deepEqual(types.filter((type) => expected.includes(type)), expected, `all: ${types}`);
};

rule('a payment tells its steps', async (told) => {
  const made = await intent({ metadata: { order_id: '7' } });
  await stripe.paymentIntents.confirm(made.id, { payment_method: 'pm_card_visa' });
  const events = await told();
  inOrder(events, 'payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded');
  const last = events.find((event) => event.type === 'payment_intent.succeeded');
  has(last, { object: 'event', livemode: false });
  has(last.data.object, { id: made.id, status: 'succeeded', metadata: { order_id: '7' } });
  assert.deepEqual({ ...(await stripe.events.retrieve(last.id)) }, { ...last });
});

rule('an event names the request that caused it and shows the object as it was then', async (told) => {
  const idempotencyKey = unique('key');
  const made = await stripe.customers.create({ name: 'Ada' }, { idempotencyKey });
  await stripe.customers.update(made.id, { name: 'Ada L.' });
  await stripe.customers.del(made.id);
  const [created, updated, deleted] = await told('customer.');
  assert.deepEqual([created.type, updated.type, deleted.type], ['customer.created', 'customer.updated', 'customer.deleted']);
  assert.deepEqual(created.request, { id: made.lastResponse.requestId, idempotency_key: idempotencyKey });
  assert.deepEqual([created.data.object.name, updated.data.object.name, updated.data.previous_attributes.name], ['Ada', 'Ada L.', 'Ada']);
});

rule('declines, authorisations, captures and cancellations are told', async (told) => {
  await refused(intent({ confirm: true, payment_method: 'pm_card_chargeDeclined' }), 'StripeCardError');
  inOrder(await told(), 'payment_intent.created', 'charge.failed', 'payment_intent.payment_failed');
  const held = () => intent({ capture_method: 'manual', confirm: true, payment_method: 'pm_card_visa' });
  await stripe.paymentIntents.capture((await held()).id);
  await stripe.paymentIntents.cancel((await held()).id);
  const types = new Set((await told()).map((event) => event.type));
  for (const type of ['amount_capturable_updated', 'succeeded', 'canceled']) {
    assert.ok(types.has(`payment_intent.${type}`), type);
  }
  assert.ok(types.has('charge.captured'));
});

rule('a question to the customer is told', async (told) => {
  const made = await intent({ confirm: true, payment_method: 'pm_card_authenticationRequired', return_url: RETURN_URL });
  await challenge(made.next_action.redirect_to_url.url, 'success');
  inOrder(await told(), 'payment_intent.created', 'payment_intent.requires_action', 'charge.succeeded', 'payment_intent.succeeded');
});

rule('refunds are told, also when they fail later', async (told) => {
  const made = await paid({ payment_method: 'pm_card_refundFail' });
  await stripe.refunds.create({ payment_intent: made.id });
  await advance(3_600 * SECOND_MS);
  const types = (await told()).map((event) => event.type);
  for (const type of ['refund.created', 'charge.refunded', 'refund.failed']) {
    assert.ok(types.includes(type), `${type} in ${types}`);
  }
});

rule('disputes, setups and payouts are told', async (told) => {
  const made = await paid({ amount: 1_000_000, payment_method: 'pm_card_bypassPending' });
  await stripe.payouts.create({ amount: 5_000, currency: made.latest_charge.balance_transaction.currency });
  const customer = (await stripe.customers.create()).id;
  await stripe.setupIntents.create({ customer, payment_method: 'pm_card_visa', payment_method_types: ['card'], confirm: true });
  await paid({ payment_method: 'pm_card_createDispute' });
  await advance(8 * DAY_MS);
  const types = (await told()).map((event) => event.type);
  for (const type of [
    'payout.created',
    'payout.paid',
    'setup_intent.created',
    'setup_intent.succeeded',
    'payment_method.attached',
    'charge.dispute.created',
    'charge.dispute.funds_withdrawn',
  ]) {
    assert.ok(types.includes(type), `${type} in ${types}`);
  }
});

rule('events are listed by type and page by themselves', async () => {
  const all = [];
  for (let number = 0; number < 5; number += 1) {
    all.unshift((await stripe.customers.create({ name: String(number) })).id);
  }
  await intent();
  const subjects = (events) => events.map((event) => event.data.object.id);
  assert.deepEqual(subjects((await stripe.events.list({ types: ['customer.created', 'charge.failed'], limit: 5 })).data), all);
  assert.deepEqual(subjects(await stripe.events.list({ type: 'customer.created', limit: 2 }).autoPagingToArray({ limit: 5 })), all);
});

test('events: a webhook endpoint shows its secret once, is changed, switched off and deleted', async () => {
  const made = await stripe.webhookEndpoints.create({ url: NOWHERE + unique(), enabled_events: ['charge.dispute.closed'], metadata: { a: '1' } });
  try {
    assert.match(made.secret, /^whsec_\w+$/);
    has(made, { object: 'webhook_endpoint', status: 'enabled', enabled_events: ['charge.dispute.closed'], metadata: { a: '1' } });
    assert.equal((await stripe.webhookEndpoints.retrieve(made.id)).secret, undefined);
    const changed = await stripe.webhookEndpoints.update(made.id, { enabled_events: ['refund.failed'], disabled: true });
    has(changed, { enabled_events: ['refund.failed'], status: 'disabled' });
    assert.ok(ids((await stripe.webhookEndpoints.list({ limit: 100 })).data).includes(made.id));
  } finally {
    has(await stripe.webhookEndpoints.del(made.id), { id: made.id, object: 'webhook_endpoint', deleted: true });
  }
  await refused(stripe.webhookEndpoints.retrieve(made.id), INVALID, { code: 'resource_missing', statusCode: 404 });
  await refused(stripe.webhookEndpoints.create({ url: 'no address', enabled_events: ['*'] }), INVALID, { statusCode: 400 });
});
