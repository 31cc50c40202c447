// Webhooks as the official client verifies and reads them.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { Stripe, admin, intent, paid, stripe, unique, withFault, withSettings } from './support.mjs';

/** A merchant's endpoint that verifies with the official client; `next` gives what came, or the client's complaint. */
async function withShop(body) {
  const shop = { secret: '', waiting: [], came: [] };
  const tell = (received) => (shop.waiting.length ? shop.waiting.shift()(received) : shop.came.push(received));
  const server = http.createServer((request, answer) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const [raw, header] = [Buffer.concat(parts), request.headers['stripe-signature']];
      const received = { raw, header };
      try {
        received.event = stripe.webhooks.constructEvent(raw, header, shop.secret);
      } catch (error) {
        received.error = error;
      }
      answer.writeHead(received.event ? 200 : 400).end();
      tell(received);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const made = await stripe.webhookEndpoints.create({ url: `http://127.0.0.1:${server.address().port}/${unique()}`, enabled_events: ['*'] });
  shop.secret = made.secret;
  const next = () => (shop.came.length ? Promise.resolve(shop.came.shift()) : new Promise((resolve) => shop.waiting.push(resolve)));
  try {
    await body({ endpoint: made, next, shop });
  } finally {
    await stripe.webhookEndpoints.del(made.id);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const LIMIT = { timeout: 30_000 };
const rule = (name, body) => test(`webhooks: ${name}`, LIMIT, () => withShop(body));

rule('every step of a payment is told and verified', async ({ next }) => {
  const made = await paid();
  const events = [(await next()).event, (await next()).event, (await next()).event];
  assert.deepEqual(events.map((event) => event.type).sort(), ['charge.succeeded', 'payment_intent.created', 'payment_intent.succeeded']);
  const last = events.find((event) => event.type === 'payment_intent.succeeded');
  assert.deepEqual([last.data.object.id, last.data.object.status, last.object], [made.id, 'succeeded', 'event']);
});

rule('a changed body, another secret and an old signature are refused', async ({ endpoint, next }) => {
  await stripe.customers.create();
  const { raw, header, event } = await next();
  const { webhooks } = stripe;
  assert.equal((await webhooks.constructEventAsync(raw, header, endpoint.secret)).id, event.id);
  for (const [body, secret] of [[`${raw} `, endpoint.secret], [raw, `${endpoint.secret}x`]]) {
    assert.throws(() => webhooks.constructEvent(body, header, secret), Stripe.errors.StripeSignatureVerificationError);
  }
});

rule('bad signatures and old times are put right by a retry', async ({ endpoint, next }) => {
  for (const kind of ['webhook_bad_signature', 'webhook_old_timestamp']) {
    await withSettings({ webhook_retry_ms: [10] }, () =>
      withFault({ kind, endpoint: endpoint.id }, async () => {
        await stripe.customers.create();
        assert.ok((await next()).error instanceof Stripe.errors.StripeSignatureVerificationError, kind);
        assert.equal((await next()).event.type, 'customer.created');
      }),
    );
  }
});

rule('both secrets verify while a secret is rolled', async ({ endpoint, next }) => {
  const { secret } = await admin('POST', 'webhook_endpoints/roll', { endpoint: endpoint.id, overlap_ms: 60_000 });
  await stripe.customers.create();
  const { raw, header, event } = await next();
  assert.equal(stripe.webhooks.constructEvent(raw, header, secret).id, event.id);
});

rule('an early webhook comes before the answer', async ({ endpoint, shop }) => {
  const made = await withFault({ kind: 'webhook_early', endpoint: endpoint.id }, () => intent());
  assert.deepEqual(shop.came.map(({ event }) => event.data.object.id), [made.id]);
});
