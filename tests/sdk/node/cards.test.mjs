// Every published test card behaves as published: docs.stripe.com/testing. And what a customer is asked by 3-D Secure.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RETURN_URL, SECOND_MS, advance, challenge, chargeOf, has, intent, paid, refused, stripe, testCards } from './support.mjs';

const ANY_DATE = { exp_month: 12, exp_year: 2040 };
const BRANDS = ['amex', 'diners', 'discover', 'jcb', 'mastercard', 'unionpay', 'visa'];
const cards = testCards();
const missing = cards ? false : 'no test cards; set BEZANT_SAMPLES';

const rule = (name, body) => test(`cards: ${name}`, body);
const table = (name, body) => test(`cards: ${name}`, { skip: missing }, body);
const of = (...sections) => cards.filter((card) => sections.includes(card.section));

/** The published payment method of a card, or one made from its number. */
async function methodOf(card) {
  if (card.payment_method) {
    return card.payment_method;
  }
  const cvc = card.brand === 'amex' ? '1234' : '123';
  return (await stripe.paymentMethods.create({ type: 'card', card: { ...ANY_DATE, cvc, number: card.number } })).id;
}

const declined = (changes, fields) => refused(intent({ confirm: true, ...changes }), 'StripeCardError', { statusCode: 402, ...fields });

table('every decline has its codes', async () => {
  for (const card of of('decline').filter((each) => each.payment_method)) {
    for (const name of [card.payment_method, ...(card.payment_method_aliases ?? [])]) {
      const error = await declined({ payment_method: name }, { code: card.error_code, rawType: 'card_error' });
      if (card.decline_code) {
        assert.equal(error.decline_code, card.decline_code, name);
      }
      if (card.message) {
        assert.equal(error.message, card.message, name);
      }
      assert.equal(error.payment_intent.status, 'requires_payment_method');
      assert.equal(error.payment_intent.last_payment_error.code, card.error_code);
      has(await chargeOf(error.payment_intent), { id: error.charge, status: 'failed', paid: false, failure_code: card.error_code });
    }
  }
});

table('every decline happens by token too', async () => {
  for (const card of of('decline').filter((each) => each.token)) {
    const method = await stripe.paymentMethods.create({ type: 'card', card: { token: card.token } });
    await declined({ payment_method: method.id }, { code: card.error_code });
  }
});

table('cards that may not be kept are declined when attached', async () => {
  const customer = (await stripe.customers.create({ name: 'declined' })).id;
  for (const card of of('decline').filter((each) => each.attachable_to_customer === false && each.payment_method)) {
    await refused(stripe.paymentMethods.attach(card.payment_method, { customer }), 'StripeCardError', { code: card.error_code });
  }
});

table('cards of all brands and countries pay and say what they are', async () => {
  for (const card of of('brand', 'cobrand', 'country')) {
    const shown = (await paid({ payment_method: await methodOf(card) })).latest_charge.payment_method_details.card;
    const expected = { last4: card.number.slice(-4), brand: card.brand, funding: card.funding, country: card.country };
    const known = Object.entries(expected).filter(([name, value]) => value && (name !== 'brand' || BRANDS.includes(value)));
    has(shown, Object.fromEntries(known));
  }
});

table('cards that ask their owner wait for an answer', async () => {
  for (const card of of('3ds_auth_setup', '3ds_support', '3ds_mobile_challenge')) {
    const made = await intent({ confirm: true, payment_method: await methodOf(card), return_url: RETURN_URL });
    assert.equal(made.status, card.outcome === 'requires_action' ? 'requires_action' : 'succeeded', card.number);
  }
});

table('every disputed card pays first and is disputed later', async () => {
  for (const card of of('dispute')) {
    const made = await paid({ payment_method: card.payment_method });
    await advance(60 * SECOND_MS);
    const { data } = await stripe.disputes.list({ payment_intent: made.id });
    const expected = card.dispute.startsWith('early') ? [0, 0] : card.dispute.startsWith('multiple') ? [2, Infinity] : [1, 1];
    assert.ok(data.length >= expected[0] && data.length <= expected[1], `${card.payment_method}: ${data.length} disputes`);
  }
});

rule('a number with a wrong check digit is refused', () =>
  refused(stripe.paymentMethods.create({ type: 'card', card: { number: '4242424242424241', ...ANY_DATE } }), 'StripeCardError', { code: 'incorrect_number' }),
);

rule('a payment of the highest risk is blocked and never reaches the issuer', async () => {
  const error = await declined({ payment_method: 'pm_card_radarBlock' }, { code: 'card_declined' });
  has((await chargeOf(error.payment_intent)).outcome, { type: 'blocked', network_status: 'not_sent_to_network', risk_level: 'highest' });
});

rule('a customer who answers a challenge pays, and comes back to the shop', async () => {
  const made = await intent({ confirm: true, payment_method: 'pm_card_authenticationRequired', return_url: RETURN_URL });
  has(made, { status: 'requires_action' });
  has(made.next_action, { type: 'redirect_to_url' });
  const back = new URL(await challenge(made.next_action.redirect_to_url.url, 'success'));
  assert.equal(`${back.origin}${back.pathname}`, 'https://shop.example/back');
  const query = { order: '7', payment_intent: made.id, payment_intent_client_secret: made.client_secret, redirect_status: 'succeeded' };
  assert.deepEqual(Object.fromEntries(back.searchParams), query);
  const done = await stripe.paymentIntents.retrieve(made.id, { expand: ['latest_charge'] });
  has(done, { status: 'succeeded', next_action: null });
  assert.equal(done.latest_charge.payment_method_details.card.three_d_secure.result, 'authenticated');
});

rule('a customer who fails a challenge does not pay and may try again', async () => {
  const made = await intent({ confirm: true, payment_method: 'pm_card_authenticationRequired', return_url: RETURN_URL });
  assert.match(await challenge(made.next_action.redirect_to_url.url, 'fail'), /redirect_status=failed/);
  const failed = await stripe.paymentIntents.retrieve(made.id);
  assert.deepEqual([failed.status, failed.last_payment_error.code], ['requires_payment_method', 'payment_intent_authentication_failure']);
  assert.equal((await stripe.paymentIntents.confirm(made.id, { payment_method: 'pm_card_visa' })).status, 'succeeded');
});

rule('a customer who is away cannot be asked', async () => {
  const error = await declined({ payment_method: 'pm_card_authenticationRequired', off_session: true }, { code: 'authentication_required' });
  assert.deepEqual([error.decline_code, error.payment_intent.status], ['authentication_required', 'requires_payment_method']);
});
