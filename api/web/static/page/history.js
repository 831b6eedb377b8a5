// The first screen: a place to drop scans, and all batches so far.

import { address, get, pause } from "./api.js";
import { $, el, settled } from "./dom.js";
import { ofDrop, ofInput } from "./dropped.js";
import { bind, noDialog } from "./keys.js";
import { limits } from "./limits.js";
import { prepare, stage } from "./staging.js";
import { shell } from "./progress.js";
import { start } from "./shell.js";
import { batchFlag, counted, moment, number, size } from "./words.js";

const PAGE = 30;
const LOOK_EVERY_S = 3;
const list = { items: [], next: null, asked: null, search: new URLSearchParams(location.search).get("search") ?? "" };

// Before the session is known, so that nothing is lost of what somebody quick does.
prepare();
listenForFiles();

start(async () => {
  listenForSearch();
  $("more").addEventListener("click", older);
  describeLimits();
  await reload();
  follow();
});

function listenForFiles() {
  for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
    $(button).addEventListener("click", () => $(input).click());
    $(input).addEventListener("change", async () => {
      await stage(ofInput($(input)));
      $(input).value = "";
    });
  }
  // All of the window takes a drop, so that one beside the field does not leave the page.
  let depth = 0;
  const show = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", () => show(1));
  addEventListener("dragleave", () => show(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    show(-depth);
    await stage(await ofDrop(event.dataTransfer));
  });
  bind(["u"], "Choose files", () => $("files").click(), { when: noDialog });
}

async function describeLimits() {
  const limit = await limits();
  $("formats").textContent = limit.formats.join(", ");
  $("limits").textContent = `Up to ${number(limit.max_files_per_batch)} files a batch, ${size(limit.max_file_bytes)} a file.`;
}

function listenForSearch() {
  const field = $("search");
  list.search = field.value.trim() || list.search;
  field.value = list.search;
  const search = settled(async () => {
    list.search = field.value.trim();
    history.replaceState(null, "", address("/", { search: list.search }));
    await reload();
  }, 250);
  field.addEventListener("input", search);
  bind(["/"], "Search", () => field.focus(), { when: noDialog });
}

async function reload() {
  const asked = list.search;
  $("batches").setAttribute("aria-busy", "true");
  const page = await get(address("/v1/batches", { limit: PAGE, search: asked }));
  if (asked !== list.search) return;
  Object.assign(list, { items: page.items, next: page.next, asked: null });
  draw();
}

async function older() {
  const cursor = list.next;
  if (cursor === list.asked) return; // pressed twice; `reload` begins anew
  list.asked = cursor;
  const page = await get(address("/v1/batches", { limit: PAGE, search: list.search, cursor }));
  if (cursor !== list.next) return;
  const at = list.items.length;
  list.items.push(...page.items);
  list.next = page.next;
  draw();
  $("batches").children[at]?.querySelector("a").focus();
}

function draw() {
  const focused = document.activeElement?.getAttribute?.("href");
  $("batches").replaceChildren(...(list.items.length ? list.items.map(line) : [empty()]));
  $("batches").removeAttribute("aria-busy");
  $("more").hidden = list.next === null;
  if (focused?.startsWith("/batches/")) document.querySelector(`a[href="${focused}"]`)?.focus();
}

function line(batch) {
  const { counts } = batch;
  const bad = [counts.rejected && `${number(counts.rejected)} rejected`, counts.failed && `${number(counts.failed)} failed`].filter(Boolean);
  return el("li", { class: "batch-row" }, el("a", { href: `/batches/${batch.id}` },
    el("span", {}, el("span", { class: "title" }, batch.name || "Batch without a name"), el("small", {}, moment(batch.created_at))),
    el("span", { class: "tally" }, [counted(batch.total, "scan"), ...bad].join(" · ")),
    shell(batch),
    el("span", { class: "state" }, batchFlag(batch.state))));
}

function empty() {
  if (list.search) return el("li", { class: "empty" }, el("strong", {}, `Nothing is called “${list.search}”`), "The search looks at names of batches and at the beginning of their ids.");
  return el("li", { class: "empty" }, el("strong", {}, "No batches yet"), "Drop scans above, or choose a folder. Each batch stays here with its results.");
}

/** While something runs, the first page is looked at again. */
async function follow() {
  for (;;) {
    await pause(LOOK_EVERY_S);
    const running = list.items.some(({ finished_at }) => finished_at === null);
    if (document.hidden || !running || list.items.length > PAGE) continue;
    await reload();
  }
}
