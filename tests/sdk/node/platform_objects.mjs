// Compares what a running platform made at the simulator with the platform's own API, read by the official client.
// Started by `BEZANT_API_KEY=… node run.mjs SIMULATOR_URL --platform PLATFORM_URL`. The simulator must have been used by this
// platform and this merchant alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { has, request, stripe } from './support.mjs';

// What the platform says of a payment, and what the provider may say of the same. Money that was given back does not
// change a payment intent.
const STATUSES = {
  processing: ['processing'],
  requires_action: ['requires_action'],
  authorized: ['requires_capture'],
  partially_captured: ['succeeded'],
  captured: ['succeeded'],
  partially_refunded: ['succeeded'],
  refunded: ['succeeded'],
  canceled: ['canceled'],
  declined: ['requires_payment_method', 'canceled'],
  expired: ['canceled'],
};
// The platform learns of a pending refund's end a while after the provider knows it.
const REFUND_STATUSES = { pending: ['pending', 'succeeded'], succeeded: ['succeeded'], failed: ['failed', 'canceled'], reversed: ['failed', 'canceled'] };
const PAGE = { limit: 100 };
const OBJECTS_MAX = 10_000;

/** All objects of a list of the platform, page by page. */
async function listed(name) {
  const found = [];
  for (let cursor = ''; ; ) {
    const url = `${process.env.BEZANT_URL}/v1/${name}?limit=100${cursor}`;
    const answer = await request('GET', url, undefined, undefined, { authorization: `Bearer ${process.env.BEZANT_API_KEY}` });
    assert.equal(answer.status, 200, answer.text);
    const page = JSON.parse(answer.text);
    found.push(...page.data);
    if (!page.has_more) {
      return found;
    }
    cursor = `&cursor=${page.next_cursor}`;
  }
}

const everything = async (list) => new Map((await list.autoPagingToArray({ limit: OBJECTS_MAX })).map((each) => [each.id, each]));

export default async function compare() {
  const payments = await listed('payments');
  const refunds = await listed('refunds');
  const intents = await everything(stripe.paymentIntents.list({ ...PAGE, expand: ['data.latest_charge.balance_transaction'] }));
  const givenBack = await everything(stripe.refunds.list(PAGE));
  const transactions = await everything(stripe.balanceTransactions.list(PAGE));

  const rule = (name, body) => test(`platform objects: ${name}`, body);

  rule('payments and payment intents belong to each other', () => {
    assert.ok(payments.some((payment) => payment.captured_minor > 0));
    const attempts = payments.flatMap((payment) => payment.attempts).map((attempt) => attempt.provider_id).filter(Boolean);
    assert.deepEqual(attempts.toSorted(), [...intents.keys()].toSorted());
  });

  rule('every payment intent has the amount and the state of its payment', () => {
    for (const payment of payments.filter((each) => each.provider_id)) {
      const found = intents.get(payment.provider_id);
      has(found, { amount: payment.amount.amount_minor, currency: payment.amount.currency.toLowerCase(), amount_received: payment.captured_minor });
      assert.ok(STATUSES[payment.status].includes(found.status), `${payment.id}: ${payment.status}, ${found.status}`);
    }
  });

  rule('every charge has the captures, refunds and fees of its payment', () => {
    for (const payment of payments.filter((each) => each.captured_minor > 0)) {
      const charge = intents.get(payment.provider_id).latest_charge;
      has(charge, { captured: true, amount_captured: payment.captured_minor });
      has(charge.balance_transaction, { amount: payment.captured_minor, fee: payment.fee_minor });
      assert.ok([payment.refunded_minor, payment.refunded_minor + payment.refunding_minor].includes(charge.amount_refunded), payment.id);
    }
  });

  rule('refunds belong to each other and are equal', () => {
    assert.deepEqual(refunds.map((refund) => refund.provider_id).filter(Boolean).toSorted(), [...givenBack.keys()].toSorted());
    for (const refund of refunds) {
      const found = givenBack.get(refund.provider_id);
      has(found, { amount: refund.amount.amount_minor, currency: refund.amount.currency.toLowerCase() });
      assert.equal(found.payment_intent, payments.find((payment) => payment.id === refund.payment).provider_id);
      assert.ok(REFUND_STATUSES[refund.status].includes(found.status), `${refund.id}: ${refund.status}, ${found.status}`);
    }
  });

  rule('balance transactions add up to what the platform says', () => {
    const sums = (pairs) => {
      const found = {};
      for (const [name, amount] of pairs.filter((pair) => pair[1] !== 0)) {
        found[name] = (found[name] ?? 0) + amount;
      }
      return found;
    };
    const currencyOf = (each) => each.amount.currency.toLowerCase();
    const taken = payments.flatMap((each) => [[`charge ${currencyOf(each)}`, each.captured_minor], [`fee ${currencyOf(each)}`, each.fee_minor]]);
    const counted = refunds.filter((each) => ['pending', 'succeeded'].includes(each.status));
    const returned = counted.map((each) => [`refund ${currencyOf(each)}`, -each.amount.amount_minor]);
    const theirs = [...transactions.values()].flatMap((each) => [[`${each.type} ${each.currency}`, each.amount], [`fee ${each.currency}`, each.fee]]);
    assert.deepEqual(sums(theirs), sums([...taken, ...returned]));
  });

  rule('every object carries a reference of its own and nothing of the merchant', () => {
    const references = [...intents.values(), ...givenBack.values()].map((each) => {
      assert.deepEqual(Object.keys(each.metadata), ['bezant_reference'], each.id);
      assert.match(each.metadata.bezant_reference, /^bzr_[0-9a-hjkmnp-tv-z]{26}$/);
      return each.metadata.bezant_reference;
    });
    assert.equal(new Set(references).size, references.length);
  });
}
