// Refusals, idempotency and automatic retries, as the official client tells them apart.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stripe, client, has, intent, refused, stripe, truthOf, unique, withFault, withSettings } from './support.mjs';

const rule = (name, body) => test(`errors: ${name}`, body);

rule('a wrong key is an authentication error', async () => {
  for (const key of ['sk_live_bezant_judge', 'nonsense_key']) {
    await refused(client(key).balance.retrieve(), 'StripeAuthenticationError', { statusCode: 401 });
  }
});

rule('a key revoked while in use is an authentication error', async () => {
  await withSettings({ api_keys: ['sk_test_another_key'] }, () => refused(intent(), 'StripeAuthenticationError', { statusCode: 401 }));
  await intent();
});

rule('what does not exist is named', async () => {
  for (const [resource, id] of Object.entries({
    paymentIntents: 'pi_none',
    charges: 'ch_none',
    refunds: 're_none',
    customers: 'cus_none',
    paymentMethods: 'pm_none',
    setupIntents: 'seti_none',
    balanceTransactions: 'txn_none',
    payouts: 'po_none',
    disputes: 'dp_none',
    events: 'evt_none',
    webhookEndpoints: 'we_none',
  })) {
    const error = await refused(stripe[resource].retrieve(id), 'StripeInvalidRequestError', { code: 'resource_missing', statusCode: 404 });
    assert.ok(error.message.includes(id), error.message);
  }
});

rule('requests that make no sense name their parameter', async () => {
  for (const [parameters, code, param] of [
    [{ currency: 'eur' }, 'parameter_missing', 'amount'],
    [{ amount: 1_000 }, 'parameter_missing', 'currency'],
    [{ amount: 'ten', currency: 'eur' }, 'parameter_invalid_integer', 'amount'],
    [{ amount: 10, currency: 'eur' }, 'amount_too_small', 'amount'],
    [{ amount: 1_000, currency: 'eur', colour: 'red' }, 'parameter_unknown', 'colour'],
    [{ amount: 1_000, currency: 'eur', payment_method: 'pm_none' }, 'resource_missing', 'payment_method'],
    [{ amount: 1_000, currency: 'eur', customer: 'cus_none' }, 'resource_missing', 'customer'],
  ]) {
    await refused(stripe.paymentIntents.create(parameters), 'StripeInvalidRequestError', { code, param, statusCode: 400, rawType: 'invalid_request_error' });
  }
});

rule('too many requests are a rate limit error and do nothing', async () => {
  const reference = unique();
  await withFault({ kind: 'rate_limit_429', metadata: { order_id: reference } }, () =>
    refused(pay(reference, client()), 'StripeRateLimitError', { statusCode: 429, code: 'rate_limit' }),
  );
  assert.deepEqual(await truthOf(reference), []);
});

rule('every answer carries the id of its request and the version asked for', async () => {
  const { lastResponse } = await intent();
  assert.match(lastResponse.requestId, /^req_\w+$/);
  assert.equal(lastResponse.apiVersion, Stripe.API_VERSION ?? lastResponse.headers['stripe-version']);
  assert.equal(lastResponse.statusCode, 200);
});

const pay = (reference, at, options = {}) =>
  intent({ confirm: true, payment_method: 'pm_card_visa', metadata: { order_id: reference } }, options, at);

rule('the same request under the same key is replayed', async () => {
  const [reference, idempotencyKey] = [unique(), unique('key')];
  const first = await pay(reference, stripe, { idempotencyKey });
  const second = await pay(reference, stripe, { idempotencyKey });
  assert.deepEqual({ ...second }, { ...first });
  has(second.lastResponse.headers, { 'idempotent-replayed': 'true' });
  assert.equal(first.lastResponse.headers['idempotent-replayed'], undefined);
  assert.equal((await truthOf(reference)).length, 1);
});

rule('another request under the same key is an idempotency error', async () => {
  const idempotencyKey = unique('key');
  await intent({}, { idempotencyKey });
  await refused(intent({ amount: 1_001 }, { idempotencyKey }), 'StripeIdempotencyError', { statusCode: 400, rawType: 'idempotency_error' });
  await refused(stripe.customers.create({ name: 'x' }, { idempotencyKey }), 'StripeIdempotencyError', { statusCode: 400 });
});

rule('a request refused for its form leaves its key free, a decline does not', async () => {
  const idempotencyKey = unique('key');
  await refused(intent({ amount: 'ten' }, { idempotencyKey }), 'StripeInvalidRequestError');
  const decline = () => refused(intent({ confirm: true, payment_method: 'pm_card_chargeDeclined' }, { idempotencyKey }), 'StripeCardError');
  const [first, second] = [await decline(), await decline()];
  assert.equal(first.payment_intent.id, second.payment_intent.id);
  assert.equal(second.headers['idempotent-replayed'], 'true');
});

rule('a reset connection is tried again and charges once', async () => {
  for (const kind of ['reset_before_effect', 'reset_after_effect']) {
    const reference = unique();
    await withFault({ kind, metadata: { order_id: reference }, count: 1 }, async () => {
      assert.equal((await pay(reference, client(undefined, 2))).status, 'succeeded');
    });
    assert.deepEqual((await truthOf(reference)).map((charge) => charge.captured), [1_000], kind);
  }
});

rule('a connection that is always reset is a connection error', async () => {
  const reference = unique();
  await withFault({ kind: 'reset_before_effect', metadata: { order_id: reference } }, () =>
    assert.rejects(pay(reference, client()), Stripe.errors.StripeConnectionError),
  );
});

rule('a conflict is tried again and charges once', async () => {
  const reference = unique();
  await withFault({ kind: 'conflict_409', metadata: { order_id: reference }, count: 1 }, async () => {
    assert.equal((await pay(reference, client(undefined, 2))).status, 'succeeded');
  });
  assert.equal((await truthOf(reference)).length, 1);
});

rule('a server error sticks to its key and is not tried again by the client', async () => {
  for (const [kind, charged] of [['error_500_before_effect', 0], ['error_500_after_effect', 1]]) {
    const [reference, idempotencyKey] = [unique(), unique('key')];
    await withFault({ kind, metadata: { order_id: reference }, count: 1 }, async () => {
      const first = await refused(pay(reference, client(undefined, 2), { idempotencyKey }), 'StripeAPIError', { statusCode: 500 });
      assert.equal(first.headers['stripe-should-retry'], 'false');
      const second = await refused(pay(reference, client(), { idempotencyKey }), 'StripeAPIError', { statusCode: 500 });
      assert.equal(second.headers['idempotent-replayed'], 'true');
    });
    assert.equal((await truthOf(reference)).length, charged, kind);
  }
});
