// The scans of a batch as a grid: page by page as one scrolls, moved through by the arrow keys.

import { address, get } from "./api.js";
import { card, signature } from "./card.js";
import { $, el } from "./dom.js";
import { filtered, parameters, picture } from "./filters.js";
import { bind, noDialog } from "./keys.js";
import { counted, number } from "./words.js";

const PAGE = 60;
const LARGEST_PAGE = 200;
const NEAR_PX = 900;
// So many cards are drawn at once; a longer list is turned over like pages, and stays smooth.
const DRAWN = 600;
// Of longer lists only what changed is read again, while the batch runs.
const READ_AGAIN_UP_TO = 600;
const grid = { path: "", scans: [], next: null, loading: null, asked: 0, changed: new Set(), stale: false, from: 0, cards: new Map(), current: null, clear: null };

/** Make the grid of a batch; `onOpen(id)`, and `clear` drops the filters. */
export function prepare(batchId, { onOpen, clear }) {
  grid.path = `/v1/batches/${batchId}/scans`;
  grid.clear = clear;
  $("grid").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-scan]");
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    focusOn(link.dataset.scan);
    onOpen(link.dataset.scan);
  });
  $("more").addEventListener("click", async () => {
    const at = Math.min(grid.scans.length, grid.from + DRAWN);
    if (at === grid.scans.length) await more();
    if (grid.scans[at]) focusOn(grid.scans[at].id, { move: true });
  });
  $("before").addEventListener("click", () => focusOn(grid.scans[grid.from - DRAWN].id, { move: true }));
  addEventListener("scroll", whenNear, { passive: true });
  bind(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"], "Move through the scans", ({ key }) => whenLoaded(() => move(key)), {
    when: movable,
    shown: ["←", "→", "↑", "↓"],
  });
  bind(["ArrowDown"], "To the scans", () => grid.current && focusOn(grid.current, { move: true }), { when: () => noDialog() && !inGrid(), shown: ["↓"] });
  bind(["Enter"], "Open the scan", () => whenLoaded(() => document.activeElement.click()), { when: movable });
}

const inGrid = () => $("grid").contains(document.activeElement);
const movable = () => noDialog() && inGrid();
export const scans = () => grid.scans;
export const find = (id) => grid.scans.find((scan) => scan.id === id);
export const atEnd = () => grid.next === null;

/** Show from the beginning what the filters ask for. */
export async function reload() {
  grid.asked += 1;
  grid.from = 0;
  $("grid").setAttribute("aria-busy", "true");
  await begin(read(PAGE));
}

/**
 * Read again what is shown; quietly, with nothing moved that has not changed. Of a long list only scans among `ids`, and
 * what is too much for one time is left for the next; `all` of it where there will be none.
 */
export async function refresh(ids, { all = false } = {}) {
  for (const id of ids) grid.changed.add(id);
  grid.stale ||= all;
  if (grid.loading !== null) return; // `begin` comes back to it
  if (grid.stale || grid.scans.length <= READ_AGAIN_UP_TO) {
    grid.stale = false;
    grid.changed.clear();
    await begin(read(Math.max(PAGE, grid.scans.length)));
    return;
  }
  const known = new Set(grid.scans.map(({ id }) => id));
  const [now, later] = [[], []];
  for (const id of grid.changed) if (known.has(id)) (now.length < PAGE ? now : later).push(id);
  grid.changed = new Set(later);
  for (const id of now) replace(await get(`/v1/scans/${id}`));
}

/** A key pressed while what the filters ask for comes is meant for that. */
async function whenLoaded(act) {
  while ($("grid").hasAttribute("aria-busy")) await grid.loading.catch(() => {});
  if (movable()) act();
}

/** The next page, once. */
export async function more() {
  if (grid.next === null || grid.loading !== null) return grid.loading;
  return begin(read(PAGE, grid.next), { added: true });
}

/** The next page as soon as the end of this one comes near. */
function whenNear() {
  const button = $("more");
  if (grid.scans.length < grid.from + DRAWN && !button.hidden && noDialog() && button.getBoundingClientRect().top < innerHeight + NEAR_PX) more();
}

/** Put one scan's new document in its place. */
export function replace(scan) {
  const at = grid.scans.findIndex(({ id }) => id === scan.id);
  if (at < 0) return;
  grid.scans[at] = scan;
  draw();
}

/** Pages on until the scan is there, or there are none; ends as soon as it is not wanted, or other scans are asked for. */
export async function reach(id, { while: wanted }) {
  const { asked } = grid;
  await grid.loading;
  while (grid.asked === asked && wanted() && find(id) === undefined && grid.next !== null) {
    await begin(read(LARGEST_PAGE, grid.next), { added: true });
  }
}

async function begin(reading, { added = false } = {}) {
  const mine = (grid.loading = reading);
  try {
    const { items, next } = await reading;
    if (grid.loading !== mine) return;
    grid.scans = added ? [...grid.scans, ...items] : items;
    if (grid.from >= grid.scans.length) grid.from = 0;
    grid.next = next;
    draw();
  } finally {
    if (grid.loading === mine) {
      grid.loading = null;
      $("grid").removeAttribute("aria-busy");
      requestAnimationFrame(whenNear);
      if (grid.stale || grid.changed.size > 0) refresh([]).catch(() => {});
    }
  }
}

async function read(count, cursor = null) {
  const items = [];
  let next = cursor;
  do {
    const page = await get(address(grid.path, { ...parameters(), limit: Math.min(LARGEST_PAGE, count - items.length), cursor: next }));
    items.push(...page.items);
    next = page.next;
  } while (next !== null && items.length < count);
  return { items, next };
}

function draw() {
  const hadFocus = inGrid();
  const nodes = grid.scans.slice(grid.from, grid.from + DRAWN).map((scan) => {
    const now = signature(scan, picture());
    const known = grid.cards.get(scan.id);
    if (known?.now === now) return known.node;
    const node = card(scan, picture());
    grid.cards.set(scan.id, { now, node });
    return node;
  });
  place($("grid"), nodes.length ? nodes : [empty()]);
  $("more").hidden = grid.next === null && grid.from + DRAWN >= grid.scans.length;
  $("before").hidden = grid.from === 0;
  $("shown").textContent = sentence();
  if (!nodes.includes(grid.cards.get(grid.current)?.node)) grid.current = grid.scans[grid.from]?.id ?? null;
  // A focused card that went, or was drawn anew, hands the focus on: the keys keep working.
  if (grid.current) focusOn(grid.current, { move: hadFocus && !inGrid() });
}

/** Make `nodes` the children, moving only those that are elsewhere. */
function place(parent, nodes) {
  const kept = new Set(nodes);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let there = parent.firstElementChild;
  for (const node of nodes) {
    if (node === there) there = there.nextElementSibling;
    else parent.insertBefore(node, there);
  }
}

function sentence() {
  const count = `${number(grid.scans.length)}${grid.next === null ? "" : " and more"}`;
  if (grid.scans.length === 0) return "No scans shown";
  if (grid.scans.length > DRAWN) return `Scans ${number(grid.from + 1)} to ${number(Math.min(grid.from + DRAWN, grid.scans.length))} shown${filtered() ? ", filtered" : ""}`;
  return `${count} ${grid.scans.length === 1 && grid.next === null ? "scan" : "scans"} shown${filtered() ? ", filtered" : ""}`;
}

function empty() {
  if (!filtered()) return el("li", { class: "empty" }, el("strong", {}, "No scans in this batch"));
  const button = el("button", { type: "button" }, "Show all scans");
  button.addEventListener("click", () => grid.clear());
  return el("li", { class: "empty" }, el("strong", {}, "No scan is like that"), "Nothing in this batch passes the filters.", el("div", {}, button));
}

/** One card can be reached by Tab, the others from there by arrows. */
export function focusOn(id, { move = false } = {}) {
  const before = grid.cards.get(grid.current)?.node.firstChild;
  if (before) before.tabIndex = -1;
  grid.current = id;
  turnTo(grid.scans.findIndex((scan) => scan.id === id));
  const link = grid.cards.get(id)?.node.firstChild;
  if (!link) return;
  link.tabIndex = 0;
  if (move) link.focus();
}

/** Draw the part of the list that holds this place. */
function turnTo(at) {
  const from = DRAWN * Math.floor(at / DRAWN);
  if (at < 0 || from === grid.from) return;
  grid.from = from;
  draw();
}

function move(key) {
  const at = grid.scans.findIndex(({ id }) => id === grid.current);
  const columns = getComputedStyle($("grid")).gridTemplateColumns.split(" ").length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -at, End: grid.scans.length - 1 - at };
  const to = at + steps[key];
  if (to >= 0 && to < grid.scans.length) focusOn(grid.scans[to].id, { move: true });
  if (to >= grid.scans.length - 2 * columns) more();
}
