// Who is told when a batch is done; what was sent to them, and sending it again.

import { address, get, pause, send } from "./api.js";
import { $, el } from "./dom.js";
import { notice } from "./notices.js";
import { start } from "./shell.js";
import { counted, moment } from "./words.js";

const LOOK_EVERY_S = 2;
const DELIVERIES = 20;
const STATES = { pending: ["Waiting", "plain", "…"], delivered: ["Delivered", "good", "✓"], failed: ["Failed", "bad", "×"] };
const EVENTS = { "batch.completed": "Batch completed", ping: "Test" };
const list = { items: [], next: null };

start(async () => {
  $("add").addEventListener("submit", add);
  $("more").addEventListener("click", () => load(list.next));
  await load();
});

async function load(cursor = null) {
  const page = await get(address("/v1/webhooks", { cursor }));
  list.items = cursor ? [...list.items, ...page.items] : page.items;
  list.next = page.next;
  $("more").hidden = list.next === null;
  $("webhooks").removeAttribute("aria-busy");
  if (list.items.length === 0) $("webhooks").replaceChildren(el("li", { class: "empty" }, el("strong", {}, "No webhooks yet"), "Add the address of a service of yours above."));
  else if (cursor) $("webhooks").append(...page.items.map(item));
  else $("webhooks").replaceChildren(...list.items.map(item));
}

async function add(event) {
  event.preventDefault();
  $("add-problem").textContent = "";
  try {
    const made = await send("POST", "/v1/webhooks", { url: $("url").value.trim(), description: $("description").value.trim() || null });
    $("secret").hidden = false;
    $("secret").replaceChildren(el("strong", {}, "Its secret, shown this once"), el("code", {}, made.secret), el("span", { class: "muted" }, "Your receiver checks signatures by it. Keep it where only that receiver can read it."));
    $("add").reset();
    await load();
  } catch (error) {
    $("add-problem").textContent = error.message;
    $("url").focus();
  }
}

function item(webhook) {
  const log = el("div", { class: "deliveries", tabIndex: 0, role: "region", "aria-label": `Deliveries to ${webhook.url}` }, el("p", { class: "muted" }, "Loading deliveries …"));
  const state = webhook.state === "active" ? el("span", { class: "flag good", "data-sign": "✓" }, "Active") : el("span", { class: "flag bad", "data-sign": "×" }, "Disabled: the receiver said it is gone");
  const about = el("div", {}, el("h2", {}, webhook.url), el("small", {}, [webhook.description, `added ${moment(webhook.created_at)}`].filter(Boolean).join(" · ")));
  const node = el("li", { class: "webhook" }, el("div", { class: "webhook-head" }, about, el("div", { class: "row" }, state, button("Send a test", () => test(webhook, log)), remove(webhook))), log);
  draw(webhook, log);
  return node;
}

/** Asks a second time by its own words; there is nothing else to lose. */
function remove(webhook) {
  const made = el("button", { type: "button", class: "danger quiet" }, "Delete…");
  made.addEventListener("click", () => {
    made.textContent = "Delete for good";
    made.classList.remove("quiet");
    made.addEventListener("click", () => tried(async () => {
      const { deliveries } = await send("DELETE", `/v1/webhooks/${webhook.id}`);
      notice(`Deleted, with ${counted(deliveries, "delivery", "deliveries")}.`);
      await load();
    }));
  }, { once: true });
  return made;
}

const test = (webhook, log) => tried(async () => {
  await send("POST", `/v1/webhooks/${webhook.id}/test`);
  await draw(webhook, log);
});

async function draw(webhook, log) {
  const { items } = await get(address(`/v1/webhooks/${webhook.id}/deliveries`, { limit: DELIVERIES }));
  const rows = items.map((delivery) => row(webhook, delivery, log));
  const head = ["Event", "When", "State", "Attempts", ""].map((text) => (text ? el("th", { scope: "col" }, text) : el("td", {})));
  log.replaceChildren(rows.length ? el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)) : el("p", { class: "muted" }, "Nothing was sent yet. “Send a test” tries the address."));
  if (items.some(({ state, attempts, next_attempt_at }) => state === "pending" && soon(attempts, next_attempt_at))) {
    await pause(LOOK_EVERY_S);
    if (log.isConnected && !log.contains(document.activeElement?.closest("button"))) await draw(webhook, log);
  }
}

const soon = (attempts, at) => attempts.length === 0 || (at !== null && new Date(at) - new Date() < 60_000);

function row(webhook, delivery, log) {
  const [name, kind, sign] = STATES[delivery.state];
  const event = EVENTS[delivery.event] ?? delivery.event;
  const what = delivery.batch_id ? el("a", { href: `/batches/${delivery.batch_id}` }, event) : event;
  const again = button("Send again", () => tried(async () => {
    await send("POST", `/v1/webhooks/${webhook.id}/deliveries/${delivery.id}/resend`);
    notice("It is sent again, under the same id.");
    await draw(webhook, log);
  }));
  return el("tr", {}, el("td", {}, what), el("td", {}, moment(delivery.created_at)), el("td", {}, el("span", { class: `flag ${kind}`, "data-sign": sign }, name)), el("td", {}, attempts(delivery)), el("td", {}, again));
}

function attempts({ attempts: made, next_attempt_at }) {
  const last = made.at(-1);
  const told = last ? `${made.length}; the last ${last.status_code ? `was answered ${last.status_code}` : (last.error ?? "runs").replaceAll("_", " ")}` : "none yet";
  return next_attempt_at && last ? `${told}; next ${moment(next_attempt_at)}` : told;
}

function button(text, action) {
  const made = el("button", { type: "button" }, text);
  made.addEventListener("click", action);
  return made;
}

async function tried(action) {
  try {
    await action();
  } catch (error) {
    notice(error.message, { bad: true });
  }
}
