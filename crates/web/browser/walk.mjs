// Walks through the console as people do: with a mouse, with a keyboard alone, without JavaScript, on a wide screen and on a
// phone, in light and dark; axe looks at every room on the way. Ends with an exit code other than zero when anything is wrong.
//
//   node walk.mjs PLAN.json
//
// The plan: { url, operator_key, merchant_key, rooms: [{ name, path, texts }], payments: { declined, parked, … }, modules,
// chromium, out, docs }. Reports and pictures are written to `out`; pictures of the README and the report of axe also to `docs`, if it
// is not null.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const require = createRequire(join(plan.modules, "node_modules", "anchor.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const axeVersion = require("axe-core/package.json").version;

const WAIT_MS = 30_000;
const PICTURE_BYTES_MAX = 200 * 1024;
const SIZES = { wide: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const MARKDOWN_TITLE = "# What axe says about the console";

const wrong = [];
const looked = [];

mkdirSync(plan.out, { recursive: true });
const browser = await chromium.launch({ executablePath: plan.chromium, args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"] });

// A window that notes whatever a page should not do.
async function open(options) {
  const context = await browser.newContext({ reducedMotion: "reduce", deviceScaleFactor: 1, ...options });
  context.setDefaultTimeout(WAIT_MS);
  const note = (what) => wrong.push(what);
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  context.on("request", (request) => {
    if (!request.url().startsWith(plan.url + "/")) note(`asked for ${request.url()}`);
  });
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) note(`${message.page()?.url()}: console ${message.type()}: ${message.text()}`);
  });
  context.on("weberror", (error) => note(`script: ${error.error()}`));
  context.on("response", (response) => {
    if (response.status() >= 400) note(`${response.url()} answered ${response.status()}`);
  });
  return context;
}

async function signIn(page) {
  await page.goto(plan.url + "/");
  assert.equal(new URL(page.url()).pathname, "/console/login", "who is not signed in is asked to");
  await page.getByLabel("Operator key").fill(plan.operator_key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1 }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/console");
}

async function judge(page, name, where) {
  await page.evaluate(axe);
  const found = await page.evaluate(
    (tags) => globalThis.axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations", "incomplete"] }), TAGS);
  const violations = found.violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, targets: nodes.map((node) => node.target.join(" ")) }));
  looked.push({ room: name, where, passed: found.passes.length, violations });
  for (const violation of violations) wrong.push(`axe: ${name} (${where}): ${violation.id}: ${violation.help}: ${violation.targets.slice(0, 3).join(" | ")}`);
}

// What axe does not measure: nothing sticks out to the side, and one heading begins the page.
async function measure(page, name, where) {
  const { wide, headings } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    headings: document.querySelectorAll("h1").length,
  }));
  if (wide > 0) wrong.push(`${name} (${where}): the page is ${wide} px wider than the window`);
  if (headings !== 1) wrong.push(`${name} (${where}): ${headings} headings of the first level`);
}

async function picture(page, name) {
  await page.screenshot({ path: join(plan.out, `${name}.png`), fullPage: true });
}

// Every room in every size and colour.
async function rooms() {
  for (const [size, viewport] of Object.entries(SIZES)) {
    const context = await open({ viewport, colorScheme: "light" });
    const page = await context.newPage();
    await page.goto(plan.url + "/console/login");
    await judge(page, "sign in", `${size}, light`);
    await signIn(page);
    for (const room of plan.rooms) {
      await page.goto(plan.url + room.path);
      const text = await page.locator("main").innerText();
      for (const expected of room.texts) {
        if (!text.includes(expected)) wrong.push(`${room.name} (${size}) does not say ${JSON.stringify(expected)}`);
      }
      for (const details of await page.locator("main details").all()) await details.evaluate((part) => { part.open = true; });
      await measure(page, room.name, `${size}, everything open`);
      await judge(page, room.name, `${size}, light, everything open`);
      for (const details of await page.locator("main details").all()) await details.evaluate((part) => { part.open = false; });
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await picture(page, `${room.name}-${size}-${colorScheme}`);
        if (colorScheme === "dark") await judge(page, room.name, `${size}, dark`);
      }
      await page.emulateMedia({ colorScheme: "light" });
    }
    await context.close();
  }
}

// Sign in, find a payment by its id, read its evidence and skip the navigation: no mouse.
async function keyboard() {
  const context = await open({ viewport: SIZES.wide });
  const page = await context.newPage();
  await page.goto(plan.url + "/console/login");
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent.trim().slice(0, 40));
  assert.equal(await focused(), "key", "the field for the key has the focus");
  await page.keyboard.type(plan.operator_key);
  await page.keyboard.press("Enter");
  await page.waitForURL(plan.url + "/console");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "main");
  await page.goto(plan.url + "/console/payments");
  for (let presses = 0; presses < 10; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.getAttribute("name") === "q")) break;
  }
  await page.keyboard.type(plan.payments.declined);
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(`/console/payments/${plan.payments.declined}`));
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.matches("main summary"))) break;
  }
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus is seen");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("main details[open]").count(), 1, "evidence opens with a key");
  await context.close();
}

// Everything that matters works without scripts: filters, pages, evidence, colours, and doing something.
async function withoutScripts() {
  const context = await open({ viewport: SIZES.wide, javaScriptEnabled: false });
  const page = await context.newPage();
  await signIn(page);
  await page.goto(plan.url + "/console/payments");
  await page.getByLabel("Status").selectOption("declined");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/status=declined/);
  const states = await page.locator("tbody .state").allInnerTexts();
  assert.ok(states.length > 0 && states.every((state) => state.trim() === "Declined"), `only declined payments: ${states}`);
  await page.getByRole("link", { name: "Clear" }).click();
  await page.getByRole("link", { name: "Next page" }).click();
  await page.getByRole("link", { name: "First page" }).click();

  await page.goto(`${plan.url}/console/payments/${plan.payments.declined}`);
  await page.locator("main summary").first().click();
  assert.ok(await page.locator("main details").first().locator(".evidence").isVisible());

  await page.getByRole("button", { name: "Dark colours" }).click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  assert.match(page.url(), new RegExp(plan.payments.declined), "the switch of colours leads back");
  await page.getByRole("button", { name: "Colours of the system" }).click();

  await page.goto(plan.url + "/console/attention");
  await page.getByRole("button", { name: "Ask the provider again" }).first().click();
  await page.getByRole("status").getByText("The provider is being asked").waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.goto(plan.url + "/console/payments");
  assert.equal(new URL(page.url()).pathname, "/console/login", "who signed out is out");
  await context.close();
}

// A payment that is made while somebody looks shows up by itself, and updates can be paused.
async function live() {
  const context = await open({ viewport: SIZES.wide });
  const page = await context.newPage();
  await signIn(page);
  await page.goto(plan.url + "/console/payments");
  const answer = await fetch(plan.url + "/v1/payments", {
    method: "POST",
    headers: { authorization: `Bearer ${plan.merchant_key}`, "idempotency-key": "while-looking", "content-type": "application/json" },
    body: JSON.stringify({ amount: { amount_minor: 4242, currency: "EUR" }, payment_method: "pm_card_visa", reference: "while-looking" }),
  });
  const { id } = await answer.json();
  await page.locator(`tr[data-key="${id}"]`).waitFor();
  await page.getByRole("button", { name: "Pause live updates" }).click();
  await page.getByRole("button", { name: "Resume live updates" }).waitFor();
  await context.close();
}

// Pictures of the README.
async function images() {
  const folder = join(plan.docs, "img");
  mkdirSync(folder, { recursive: true });
  const shots = [
    ["console-overview", "/console", "wide", "light"],
    ["console-payments", "/console/payments", "wide", "light"],
    ["console-journey", `/console/payments/${plan.payments.found_out}`, "wide", "light"],
    ["console-journey-dark", `/console/payments/${plan.payments.declined}`, "wide", "dark"],
    ["console-journey-phone", `/console/payments/${plan.payments.declined}`, "phone", "light"],
  ];
  for (const [name, path, size, colorScheme] of shots) {
    const context = await open({ viewport: SIZES[size], colorScheme });
    const page = await context.newPage();
    await signIn(page);
    await page.goto(plan.url + path);
    const shot = await page.screenshot({ path: join(folder, `${name}.png`) });
    if (shot.length > PICTURE_BYTES_MAX) wrong.push(`${name}.png has ${shot.length} bytes`);
    await context.close();
  }
}

function report() {
  const violations = looked.reduce((sum, { violations }) => sum + violations.length, 0);
  const summary = { axe: axeVersion, chromium: browser.version(), tags: TAGS, pages: looked.length, violations, looked };
  writeFileSync(join(plan.out, "axe.json"), JSON.stringify(summary, null, 1));
  const rows = looked.map(({ room, where, passed, violations }) => `| ${room} | ${where} | ${passed} | ${violations.length} |`);
  const lines = [
    MARKDOWN_TITLE, "",
    "Written by `crates/bezant/tests/console.rs`, which fails on any violation.", "",
    `axe-core ${axeVersion} in Chromium ${browser.version()}, rules ${TAGS.join(", ")}: ${looked.length} looks, ${violations} violations.`, "",
    "| Room | How | Rules passed | Violations |", "|---|---|---|---|", ...rows, "",
  ];
  writeFileSync(join(plan.out, "axe.md"), lines.join("\n"));
  if (plan.docs !== null && wrong.length === 0) writeFileSync(join(plan.docs, "accessibility.md"), lines.join("\n"));
}

try {
  for (const part of [rooms, keyboard, live, withoutScripts]) {
    try {
      await part();
    } catch (error) {
      wrong.push(`${part.name}: ${error.message}`);
    }
  }
  if (plan.docs !== null) await images();
  report();
} finally {
  await browser.close();
}
for (const what of wrong) console.error(`wrong: ${what}`);
console.log(`${looked.length} looks of axe, ${wrong.length} things wrong; pictures and reports in ${plan.out}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
