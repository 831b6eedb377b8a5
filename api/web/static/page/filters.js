// What of a batch is shown and in which order. It stands in the address, so a reload shows the same.

import { $, el, settled } from "./dom.js";
import { bind, noDialog } from "./keys.js";
import { LABELS, glyph, labelName, number } from "./words.js";

// Each of these excludes the others.
const QUICK = [
  { name: "all", text: "All", asks: {} },
  { name: "review", text: "Needs review", asks: { needs_review: "true" }, key: "r" },
  { name: "rejected", text: "Rejected", asks: { state: "rejected" } },
  { name: "failed", text: "Failed", asks: { state: "failed" } },
  { name: "corrected", text: "Read by a person", asks: { corrected: "true" } },
];
const chosen = { show: "all", label: "", min: "", max: "", filename: "", sort: "id", picture: "image" };
const NONE = { ...chosen };

/** Parameters of the list of scans. */
export function parameters() {
  // The address may hold anything.
  const share = (text) => (text === "" || Number.isNaN(Number(text)) ? null : Math.min(100, Math.max(0, Number(text))) / 100);
  return {
    ...QUICK.find(({ name }) => name === chosen.show).asks,
    label: chosen.label,
    min_confidence: share(chosen.min),
    max_confidence: share(chosen.max),
    filename: chosen.filename,
    sort: chosen.sort === "id" ? null : chosen.sort,
  };
}

export const picture = () => chosen.picture;
export const filtered = () => Object.keys(NONE).some((name) => !["sort", "picture"].includes(name) && chosen[name] !== NONE[name]);
export const isDefault = () => !filtered() && chosen.sort === NONE.sort;

/** Make the controls; `onChange` when something else is to be shown. */
export function prepare(onChange) {
  read();
  $("quick").append(...QUICK.map((one) => chip(one.text, one.name, "show", one.key)));
  $("labels").append(...LABELS.map((label) => chip(labelName(label), label, "label")));
  const change = () => {
    draw();
    write();
    onChange();
  };
  for (const button of document.querySelectorAll("#filters .chip")) button.addEventListener("click", () => {
    toggle(button);
    change();
  });
  const typed = settled(() => {
    for (const name of ["filename", "min", "max"]) chosen[name] = $(name).value.trim();
    change();
  }, 250);
  for (const name of ["filename", "min", "max"]) $(name).addEventListener("input", typed);
  for (const name of ["sort", "picture"]) $(name).addEventListener("change", () => {
    chosen[name] = $(name).value;
    change();
  });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  const clear = (event) => {
    event?.preventDefault();
    Object.assign(chosen, NONE, { picture: chosen.picture });
    change();
  };
  $("filters").addEventListener("reset", clear);
  bind(["/"], "Search file names", () => $("filename").focus(), { when: noDialog });
  bind(["r"], "Only what needs review, or all", () => {
    toggle(document.querySelector('#quick [data-value="review"]'));
    change();
  }, { when: noDialog });
  draw();
  return clear;
}

/** Tell how many there are of each. */
export function tell(summary, counts) {
  const numbers = {
    all: Object.values(counts).reduce((sum, one) => sum + one, 0),
    rejected: counts.rejected,
    failed: counts.failed,
    review: summary.needs_review,
    corrected: summary.corrected,
    ...Object.fromEntries(LABELS.map((label) => [label, summary.labels[label] ?? 0])),
  };
  for (const button of document.querySelectorAll("#filters .chip")) {
    const value = numbers[button.dataset.value];
    button.querySelector(".count").textContent = number(value);
  }
}

function chip(text, value, group, key) {
  const sign = group === "label" ? glyph(value) : null;
  return el("button", { type: "button", class: "chip", "aria-pressed": "false", "data-value": value, "data-group": group, "aria-keyshortcuts": key }, sign, text, el("span", { class: "count" }));
}

function toggle({ dataset: { group, value } }) {
  chosen[group] = chosen[group] === value ? NONE[group] : value;
  // A label is there for succeeded scans alone, so it would find nothing among rejected ones.
  if (group === "label" && ["rejected", "failed"].includes(chosen.show)) chosen.show = "all";
  if (group === "show" && ["rejected", "failed"].includes(value)) chosen.label = "";
}

function draw() {
  for (const button of document.querySelectorAll("#filters .chip")) button.setAttribute("aria-pressed", String(chosen[button.dataset.group] === button.dataset.value));
  for (const name of ["filename", "min", "max", "sort", "picture"]) if ($(name).value !== chosen[name]) $(name).value = chosen[name];
  $("clear").hidden = !filtered();
}

function read() {
  const query = new URLSearchParams(location.search);
  for (const name of Object.keys(chosen)) chosen[name] = query.get(name) ?? chosen[name];
  if (!QUICK.some(({ name }) => name === chosen.show)) chosen.show = NONE.show;
  if (!LABELS.includes(chosen.label)) chosen.label = "";
  for (const name of ["sort", "picture"]) if (![...$(name).options].some(({ value }) => value === chosen[name])) chosen[name] = NONE[name];
}

function write() {
  const query = new URLSearchParams(Object.entries(chosen).filter(([name, value]) => value !== NONE[name]));
  const text = query.toString();
  history.replaceState(history.state, "", `${location.pathname}${text ? `?${text}` : ""}${location.hash}`);
}
