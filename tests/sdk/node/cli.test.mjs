// Stripe's command line tool: the same objects by its resource commands and by get, post and delete.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { API_KEY, SECOND_MS, advance, commandLineTool, has, ids, simulatorUrl, unique } from './support.mjs';

const program = commandLineTool();
const home = mkdtempSync(path.join(tmpdir(), 'bezant-judge-cli-'));
after(() => rmSync(home, { recursive: true, force: true }));

const environment = {
  PATH: process.env.PATH,
  HOME: home,
  XDG_CONFIG_HOME: home,
  STRIPE_API_KEY: API_KEY,
  STRIPE_CLI_TELEMETRY_OPTOUT: '1',
  STRIPE_CLI_NO_PLUGIN_AUTO_INSTALL: '1',
  DO_NOT_TRACK: '1',
  // Whatever it may want from elsewhere, there is nobody to ask.
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1',
};

const rule = (name, body) => test(`cli: ${name}`, { skip: program ? false : 'the command line tool has no program for this platform here' }, body);

/** Runs the tool and gives what it prints: the answer's JSON. */
function cli(...words) {
  const arguments_ = [...words, '--api-base', simulatorUrl()];
  return new Promise((resolve, reject) => {
    const child = execFile(program, arguments_, { env: environment, cwd: home }, (error, output, complaints) => {
      try {
        resolve(JSON.parse(output.slice(output.indexOf('{'))));
      } catch {
        reject(new Error(`stripe ${words.join(' ')}: ${error ?? ''}\n${output}${complaints}`));
      }
    });
    child.stdin.end();
  });
}

const data = (parameters) => Object.entries(parameters).flatMap(([name, value]) => ['-d', `${name}=${value}`]);
const PAY = { 'payment_method_types[]': 'card', payment_method: 'pm_card_visa', confirm: 'true' };
const pay = (parameters = {}, amount = 1_000) =>
  cli('payment_intents', 'create', `--amount=${amount}`, '--currency=eur', ...data({ ...PAY, ...parameters }));

rule('payment intents are created, updated, confirmed, captured, cancelled, retrieved, listed and searched', async () => {
  const made = await cli('payment_intents', 'create', '--amount=1000', '--currency=eur', '--capture-method=manual', '--payment-method-types=card');
  has(made, { object: 'payment_intent', status: 'requires_payment_method', amount: 1_000 });
  const mark = unique();
  const changed = await cli('payment_intents', 'update', made.id, '--amount=1200', ...data({ 'metadata[order_id]': mark }));
  has(changed, { amount: 1_200, metadata: { order_id: mark } });
  has(await cli('payment_intents', 'confirm', made.id, '--payment-method=pm_card_visa'), { status: 'requires_capture', amount_capturable: 1_200 });
  has(await cli('payment_intents', 'capture', made.id, '--amount-to-capture=700'), { status: 'succeeded', amount_received: 700 });
  const one = await cli('payment_intents', 'retrieve', made.id, '-e', 'latest_charge.balance_transaction');
  has(one.latest_charge.balance_transaction, { type: 'charge', amount: 700 });
  const other = await pay({ capture_method: 'manual' });
  has(await cli('payment_intents', 'cancel', other.id, '--cancellation-reason=duplicate'), { status: 'canceled', cancellation_reason: 'duplicate' });
  assert.deepEqual(ids((await cli('payment_intents', 'list', '--limit=2')).data), [other.id, made.id]);
  await advance(3_600 * SECOND_MS);
  assert.deepEqual(ids((await cli('payment_intents', 'search', `--query=metadata['order_id']:'${mark}'`)).data), [made.id]);
});

rule('an idempotency key is sent and replays', async () => {
  const key = unique('key');
  const [first, second] = [await cli('customers', 'create', '--name=Ada', '-i', key), await cli('customers', 'create', '--name=Ada', '-i', key)];
  assert.equal(first.id, second.id);
  has((await cli('customers', 'create', '--name=Ben', '-i', key)).error, { type: 'idempotency_error' });
});

rule('errors are shown as they come', async () => {
  has((await cli('payment_intents', 'retrieve', 'pi_none')).error, { code: 'resource_missing', type: 'invalid_request_error' });
  has((await pay({ payment_method: 'pm_card_chargeDeclined' })).error, { code: 'card_declined', decline_code: 'generic_decline', type: 'card_error' });
});

rule('refunds and charges are created, updated, retrieved and listed', async () => {
  const made = await pay();
  const back = await cli('refunds', 'create', `--payment-intent=${made.id}`, '--amount=400', '--reason=duplicate');
  has(back, { object: 'refund', status: 'succeeded', amount: 400, reason: 'duplicate' });
  has(await cli('refunds', 'update', back.id, ...data({ 'metadata[a]': '1' })), { metadata: { a: '1' } });
  has(await cli('refunds', 'retrieve', back.id), { id: back.id, charge: made.latest_charge });
  assert.deepEqual(ids((await cli('refunds', 'list', `--payment-intent=${made.id}`)).data), [back.id]);
  has(await cli('charges', 'retrieve', made.latest_charge), { object: 'charge', amount_refunded: 400 });
  has(await cli('charges', 'update', made.latest_charge, '--description=two books'), { description: 'two books' });
  assert.deepEqual(ids((await cli('charges', 'list', `--payment-intent=${made.id}`)).data), [made.latest_charge]);
  const held = await cli('charges', 'create', '--amount=700', '--currency=usd', '--source=tok_visa', '--capture=false');
  has(await cli('charges', 'capture', held.id), { captured: true, amount_captured: 700 });
});

rule('customers, payment methods and setup intents live and end', async () => {
  const customer = await cli('customers', 'create', '--name=Ada', '--email=ada@example.com');
  has(await cli('customers', 'update', customer.id, '--name=Ada L.'), { name: 'Ada L.', email: 'ada@example.com' });
  const method = await cli('payment_methods', 'attach', 'pm_card_visa', `--customer=${customer.id}`);
  has(method, { object: 'payment_method', customer: customer.id });
  has(await cli('payment_methods', 'retrieve', method.id), { id: method.id, type: 'card' });
  const made = await cli('payment_methods', 'create', '--type=card', ...data({ 'card[token]': 'tok_mastercard' }));
  has(made.card, { brand: 'mastercard' });
  has(await cli('payment_methods', 'update', method.id, ...data({ 'metadata[a]': '1' })), { metadata: { a: '1' } });
  assert.deepEqual(ids((await cli('payment_methods', 'list', `--customer=${customer.id}`)).data), [method.id]);
  has(await cli('payment_methods', 'detach', method.id), { customer: null });
  const setup = await cli('setup_intents', 'create', `--customer=${customer.id}`, '--payment-method-types=card');
  has(setup, { object: 'setup_intent', status: 'requires_payment_method' });
  has(await cli('setup_intents', 'update', setup.id, '--description=later'), { description: 'later' });
  has(await cli('setup_intents', 'confirm', setup.id, '--payment-method=pm_card_visa'), { status: 'succeeded' });
  has(await cli('setup_intents', 'retrieve', setup.id), { id: setup.id });
  assert.deepEqual(ids((await cli('setup_intents', 'list', `--customer=${customer.id}`)).data), [setup.id]);
  const open = await cli('setup_intents', 'create', '--payment-method-types=card');
  has(await cli('setup_intents', 'cancel', open.id), { status: 'canceled' });
  assert.ok(ids((await cli('customers', 'list', '--limit=5')).data).includes(customer.id));
  has(await cli('customers', 'delete', customer.id, '--confirm'), { id: customer.id, deleted: true });
  has(await cli('customers', 'retrieve', customer.id), { deleted: true });
});

rule('balance, its transactions, payouts and events are told', async () => {
  const made = await pay({ payment_method: 'pm_card_bypassPending' }, 1_000_000);
  has(await cli('balance', 'retrieve'), { object: 'balance', livemode: false });
  const [transaction] = (await cli('balance_transactions', 'list', '--limit=1')).data;
  has(transaction, { type: 'charge', source: made.latest_charge, amount: 1_000_000 });
  has(await cli('balance_transactions', 'retrieve', transaction.id), { id: transaction.id, net: transaction.net });
  const payout = await cli('payouts', 'create', '--amount=500', `--currency=${transaction.currency}`);
  has(payout, { object: 'payout', amount: 500 });
  has(await cli('payouts', 'update', payout.id, ...data({ 'metadata[a]': '1' })), { metadata: { a: '1' } });
  assert.deepEqual(ids((await cli('payouts', 'list', '--limit=1')).data), [payout.id]);
  has(await cli('payouts', 'retrieve', payout.id), { id: payout.id });
  has(await cli('payouts', 'cancel', payout.id), { status: 'canceled' });
  const [event] = (await cli('events', 'list', '--type=payout.created', '--limit=1')).data;
  assert.equal(event.data.object.id, payout.id);
  has(await cli('events', 'retrieve', event.id), { object: 'event', type: 'payout.created' });
});

rule('disputes are answered and given up', async () => {
  const made = await pay({ payment_method: 'pm_card_createDispute' });
  await advance(60 * SECOND_MS);
  const [dispute] = (await cli('disputes', 'list', `--payment-intent=${made.id}`)).data;
  has(await cli('disputes', 'retrieve', dispute.id), { object: 'dispute', status: 'needs_response' });
  const kept = await cli('disputes', 'update', dispute.id, '--submit=false', ...data({ 'evidence[customer_name]': 'Ada' }));
  assert.equal(kept.evidence.customer_name, 'Ada');
  has(await cli('disputes', 'close', dispute.id, '--confirm'), { status: 'lost' });
});

rule('webhook endpoints are created, updated, listed and deleted', async () => {
  const made = await cli('webhook_endpoints', 'create', `--url=http://127.0.0.1:9/${unique()}`, '--enabled-events=charge.dispute.closed');
  has(made, { object: 'webhook_endpoint', status: 'enabled', enabled_events: ['charge.dispute.closed'] });
  has(await cli('webhook_endpoints', 'update', made.id, '--disabled=true'), { status: 'disabled' });
  has(await cli('webhook_endpoints', 'retrieve', made.id), { id: made.id });
  assert.equal((await cli('webhook_endpoints', 'list', '--limit=1')).data[0].id, made.id);
  has(await cli('webhook_endpoints', 'delete', made.id, '--confirm'), { deleted: true });
});

rule('get, post and delete reach any path, and an id alone is enough to get', async () => {
  const customer = await cli('post', '/v1/customers', '-d', 'name=Ada', '-d', 'metadata[a]=1', '--confirm');
  has(customer, { name: 'Ada', metadata: { a: '1' } });
  has(await cli('get', `/v1/customers/${customer.id}`), { id: customer.id });
  has(await cli('get', customer.id), { id: customer.id, object: 'customer' });
  assert.equal((await cli('get', '/v1/customers', '--limit', '1')).data.length, 1);
  const made = await pay();
  has(await cli('get', made.id, '-e', 'latest_charge'), { id: made.id, object: 'payment_intent' });
  has(await cli('delete', `/v1/customers/${customer.id}`, '--confirm'), { deleted: true });
});
