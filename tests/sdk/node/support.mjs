// What the judges in this folder stand on: the simulator's address, official clients, its clock, its faults, and a browser
// for challenge pages.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

// The folder with the official client and command line tool; installed outside of the sources.
const installed = createRequire(path.resolve(process.env.BEZANT_JUDGES_NODE || import.meta.dirname, 'package.json'));
export const Stripe = installed('stripe');

/** The command line tool's program; undefined where there is none for the platform. */
export function commandLineTool() {
  const platforms = installed('@stripe/cli/platforms.json');
  const platform = platforms[`${process.platform}-${process.arch}`];
  try {
    return path.join(path.dirname(installed.resolve(`${platform.pkg}/package.json`)), 'bin', platform.bin);
  } catch {
    return undefined;
  }
}

export const SECOND_MS = 1_000;
export const DAY_MS = 24 * 3_600 * SECOND_MS;
// A lag that no run of a test outlasts, so that only the simulator's clock can end it.
export const SEARCH_LAG_MS = 3_600 * SECOND_MS;
export const API_KEY = 'sk_test_bezant_judge';
export const RETURN_URL = 'https://shop.example/back?order=7';
const SAMPLES = path.resolve(import.meta.dirname, '..', '..', '..', '..', 'shared', 'samples');

export const simulatorUrl = () => process.env.BEZANT_SIMULATOR_URL.replace(/\/+$/, '');

/** The connections of all clients. */
export const agent = new http.Agent({ keepAlive: true });

/** The official client, pointed at the simulator; nothing else about it is changed. */
export function client(apiKey = API_KEY, maxNetworkRetries = 0) {
  const { hostname, port } = new URL(simulatorUrl());
  return new Stripe(apiKey, { host: hostname, port: Number(port), protocol: 'http', httpAgent: agent, maxNetworkRetries, telemetry: false });
}

export const stripe = client();

/** One HTTP request as a browser or an operator makes it; redirects are told and not followed. */
export function request(method, url, body, type = 'application/json', more = {}) {
  const headers = body ? { 'content-type': type, 'content-length': Buffer.byteLength(body), ...more } : more;
  return new Promise((resolve, reject) => {
    const sent = http.request(url, { agent, method, headers }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString() }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** One call of the simulator's own interface, below /_admin/. */
export async function admin(method, name, body) {
  const answer = await request(method, `${simulatorUrl()}/_admin/${name}`, body && JSON.stringify(body));
  assert.equal(answer.status, 200, `${method} /_admin/${name}: ${answer.text}`);
  return JSON.parse(answer.text);
}

/** Moves the simulator's clock; whatever is due by then has happened when this returns. */
export const advance = (ms) => admin('POST', 'advance', { ms });

/** The charges whose money really moved under `metadata[order_id]`. */
export async function truthOf(reference) {
  const { charges } = await admin('GET', 'truth?limit=100000');
  return charges.filter((charge) => charge.metadata.order_id === reference);
}

/** Changes the simulator's configuration while `body` runs. */
export async function withSettings(changes, body) {
  const before = await admin('GET', 'config');
  await admin('POST', 'config', { ...before, ...changes });
  try {
    return await body();
  } finally {
    await admin('POST', 'config', before);
  }
}

/** Lets requests fail while `body` runs. */
export async function withFault(rule, body) {
  await admin('POST', 'faults', rule);
  try {
    return await body();
  } finally {
    await admin('DELETE', 'faults');
  }
}

/** A text that no other test uses. */
export const unique = (prefix = 'judge') => `${prefix}-${randomBytes(10).toString('hex')}`;

/** Stripe's published test cards; undefined where they are not at hand. */
export function testCards() {
  const file = path.join(process.env.BEZANT_SAMPLES || SAMPLES, 'stripe', 'test-cards.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).cards : undefined;
}

/** Opens a challenge page and presses a button, `success` or `fail`; gives the address that the customer is sent to. */
export async function challenge(url, result) {
  const page = await request('GET', url);
  assert.match(page.headers['content-type'], /^text\/html/, 'a challenge is a page for people');
  const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(page.text);
  assert.ok(form, 'a challenge has a form');
  const attribute = (text, name) => new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1];
  assert.equal(attribute(form[1], 'method'), 'post');
  const elements = [...form[2].matchAll(/<(input|button)\b([^>]*)>/gi)].map((found) => found[2]);
  const fields = elements.filter((text) => attribute(text, 'type') === 'hidden' || attribute(text, 'value') === result);
  assert.ok(fields.some((text) => attribute(text, 'value') === result), `a challenge has a button for ${result}`);
  const body = new URLSearchParams(fields.map((text) => [attribute(text, 'name'), attribute(text, 'value')])).toString();
  const target = new URL(attribute(form[1], 'action') ?? '', url);
  return (await request('POST', target, body, 'application/x-www-form-urlencoded')).headers.location;
}

/** A payment intent for 10 EUR, card only. */
export function intent(changes = {}, options = {}, at = stripe) {
  return at.paymentIntents.create({ amount: 1_000, currency: 'eur', payment_method_types: ['card'], ...changes }, options);
}

/** The same, paid with a card that works, its charge and balance transaction expanded. */
export async function paid(changes = {}) {
  const made = await intent({ confirm: true, payment_method: 'pm_card_visa', expand: ['latest_charge.balance_transaction'], ...changes });
  assert.equal(made.status, 'succeeded');
  return made;
}

/** A payment intent's last charge, as it is now. */
export const chargeOf = (made) => stripe.charges.retrieve(made.latest_charge.id ?? made.latest_charge);

/** The promise fails with the official client's error of that kind, with these fields and a request id. */
export async function refused(promise, kind, fields = {}) {
  let error;
  try {
    await promise;
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, `expected ${kind}, and nothing was refused`);
  assert.ok(error instanceof Stripe.errors[kind], `expected ${kind}: ${error}`);
  assert.match(error.requestId ?? '', /^req_\w+$/);
  for (const [name, value] of Object.entries(fields)) {
    assert.equal(error[name], value, `${name} of ${error}`);
  }
  return error;
}

export const ids = (list) => list.map((each) => each.id);

/** Compares the fields that are expected. */
export function has(value, expected) {
  const found = Object.fromEntries(Object.keys(expected).map((name) => [name, value[name]]));
  assert.deepEqual(found, expected);
}
