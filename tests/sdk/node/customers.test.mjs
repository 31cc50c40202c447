// Customers, their payment methods, and payments while they are away.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RETURN_URL, SEARCH_LAG_MS, advance, challenge, has, ids, intent, paid, refused, stripe, unique, withSettings } from './support.mjs';

const rule = (name, body) => test(`customers: ${name}`, body);
const INVALID = 'StripeInvalidRequestError';
const customer = async (parameters = {}) => (await stripe.customers.create(parameters)).id;

rule('a customer is made, changed and read', async () => {
  const address = { line1: '1 Main St', city: 'Berlin', country: 'DE', postal_code: '10115' };
  const made = await stripe.customers.create({ name: 'Ada', email: 'ada@example.com', address, metadata: { a: '1' } });
  assert.match(made.id, /^cus_\w+$/);
  has(made, { object: 'customer', name: 'Ada', email: 'ada@example.com', metadata: { a: '1' }, livemode: false });
  has(made.address, { city: 'Berlin', line2: null });
  const changed = await stripe.customers.update(made.id, { name: 'Ada L.', email: '', metadata: { a: '', b: '2' } });
  has(changed, { name: 'Ada L.', email: null, metadata: { b: '2' } });
  assert.equal((await stripe.customers.retrieve(made.id)).name, 'Ada L.');
});

rule('a deleted customer leaves a mark and nothing else', async () => {
  const email = `${unique()}@example.com`;
  const id = await customer({ email });
  has(await stripe.customers.del(id), { id, object: 'customer', deleted: true });
  const mark = await stripe.customers.retrieve(id);
  assert.deepEqual(Object.keys(mark).filter((name) => name !== 'lastResponse').sort(), ['deleted', 'id', 'object']);
  assert.deepEqual((await stripe.customers.list({ email })).data, []);
  await refused(stripe.customers.update(id, { name: 'Ada' }), INVALID, { code: 'resource_missing' });
});

rule('customers are listed by email and found after the lag', () =>
  withSettings({ search_lag_ms: SEARCH_LAG_MS }, async () => {
    const email = `${unique()}@example.com`;
    const all = [];
    for (let number = 0; number < 3; number += 1) {
      all.unshift(await customer({ email }));
    }
    assert.deepEqual(ids(await stripe.customers.list({ email, limit: 2 }).autoPagingToArray({ limit: 10 })), all);
    const query = `email:'${email}'`;
    assert.deepEqual((await stripe.customers.search({ query })).data, []);
    await advance(SEARCH_LAG_MS);
    assert.deepEqual(ids((await stripe.customers.search({ query })).data).sort(), [...all].sort());
  }));

rule('a method shows what a receipt may show', async () => {
  const card = { number: '4242424242424242', exp_month: 12, exp_year: 2040, cvc: '123' };
  const method = await stripe.paymentMethods.create({ type: 'card', card, billing_details: { name: 'Ada', address: { country: 'DE' } } });
  has(method, { object: 'payment_method', type: 'card', customer: null });
  has(method.card, { brand: 'visa', last4: '4242', exp_month: 12, exp_year: 2040, funding: 'credit', country: 'US' });
  assert.equal(method.billing_details.address.country, 'DE');
  assert.equal(method.card.number, undefined);
});

rule('an attached method is listed, a detached one is not and cannot be used again', async () => {
  const owner = await customer();
  const visa = await stripe.paymentMethods.attach('pm_card_visa', { customer: owner });
  const other = await stripe.paymentMethods.attach('pm_card_mastercard', { customer: owner });
  assert.match(visa.id, /^pm_(?!card_)\w+$/);
  assert.deepEqual(ids((await stripe.paymentMethods.list({ customer: owner, type: 'card' })).data), [other.id, visa.id]);
  assert.equal((await stripe.paymentMethods.detach(visa.id)).customer, null);
  assert.deepEqual(ids((await stripe.customers.listPaymentMethods(owner)).data), [other.id]);
  await refused(intent({ confirm: true, payment_method: visa.id }), INVALID, { statusCode: 400 });
  await refused(stripe.paymentMethods.attach(visa.id, { customer: owner }), INVALID, { statusCode: 400 });
});

rule('a method can be changed', async () => {
  const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: await customer() });
  const changed = await stripe.paymentMethods.update(method.id, { billing_details: { name: 'Ada' }, card: { exp_month: 11, exp_year: 2041 } });
  has(changed.card, { exp_month: 11, exp_year: 2041 });
  assert.equal(changed.billing_details.name, 'Ada');
});

/** Keeps a card for later; gives the setup intent. */
async function setup(method) {
  const parameters = { customer: await customer(), payment_method: method, payment_method_types: ['card'], confirm: true };
  return stripe.setupIntents.create({ ...parameters, return_url: RETURN_URL });
}

/** Charges the kept card while its owner is away. */
const away = (kept) => intent({ customer: kept.customer, payment_method: kept.payment_method, off_session: true, confirm: true });

rule('a kept card is charged while its owner is away', async () => {
  const kept = await setup('pm_card_visa');
  has(kept, { object: 'setup_intent', status: 'succeeded', usage: 'off_session', next_action: null });
  assert.deepEqual(ids((await stripe.customers.listPaymentMethods(kept.customer)).data), [kept.payment_method]);
  assert.equal((await away(kept)).status, 'succeeded');
});

rule('a card authenticated when it was kept is charged without asking', async () => {
  const kept = await setup('pm_card_authenticationRequiredOnSetup');
  assert.deepEqual([kept.status, kept.next_action.type], ['requires_action', 'redirect_to_url']);
  assert.match(await challenge(kept.next_action.redirect_to_url.url, 'success'), new RegExp(`setup_intent=${kept.id}`));
  assert.equal((await stripe.setupIntents.retrieve(kept.id)).status, 'succeeded');
  assert.equal((await away(kept)).status, 'succeeded');
});

rule('a card that always asks needs its owner also when it was kept', async () => {
  const kept = await setup('pm_card_authenticationRequired');
  await challenge(kept.next_action.redirect_to_url.url, 'success');
  const error = await refused(away(kept), 'StripeCardError', { code: 'authentication_required', statusCode: 402 });
  assert.deepEqual([error.decline_code, error.payment_method.id], ['authentication_required', kept.payment_method]);
});

rule('a customer who fails keeps nothing, and a declined card is not kept', async () => {
  const kept = await setup('pm_card_authenticationRequired');
  await challenge(kept.next_action.redirect_to_url.url, 'fail');
  const failed = await stripe.setupIntents.retrieve(kept.id);
  assert.deepEqual([failed.status, failed.last_setup_error.code], ['requires_payment_method', 'setup_intent_authentication_failure']);
  assert.deepEqual((await stripe.customers.listPaymentMethods(kept.customer)).data, []);
  const error = await refused(setup('pm_card_visa_chargeDeclined'), 'StripeCardError', { code: 'card_declined' });
  assert.equal(error.setup_intent.status, 'requires_payment_method');
});

rule('setups are listed, changed and cancelled', async () => {
  const owner = await customer();
  const made = await stripe.setupIntents.create({ customer: owner, payment_method_types: ['card'] });
  has(made, { status: 'requires_payment_method', latest_attempt: null });
  assert.deepEqual(ids((await stripe.setupIntents.list({ customer: owner })).data), [made.id]);
  assert.equal((await stripe.setupIntents.update(made.id, { description: 'later' })).description, 'later');
  assert.equal((await stripe.setupIntents.cancel(made.id)).status, 'canceled');
  await refused(stripe.setupIntents.confirm(made.id, { payment_method: 'pm_card_visa' }), INVALID, { code: 'setup_intent_unexpected_state' });
});

rule('a payment can keep its card too', async () => {
  const owner = await customer();
  const made = await paid({ customer: owner, setup_future_usage: 'off_session' });
  assert.deepEqual(ids((await stripe.customers.listPaymentMethods(owner)).data), [made.payment_method]);
  assert.equal((await away({ customer: owner, payment_method: made.payment_method })).status, 'succeeded');
});
