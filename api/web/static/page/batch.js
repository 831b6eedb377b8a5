// One batch: its progress as it happens, its scans, and what can be done with it.

import { get, send } from "./api.js";
import { $, closable, el } from "./dom.js";
import * as filters from "./filters.js";
import * as grid from "./grid.js";
import { notice, say } from "./notices.js";
import { countsLine, ended, follow, shell } from "./progress.js";
import { start } from "./shell.js";
import * as viewer from "./viewer.js";
import { batchFlag, counted, duration, moment, percent } from "./words.js";

const id = location.pathname.split("/")[2];
const path = `/v1/batches/${id}`;
const MOST_STUDIES = 20;
let shown = null;
let unfollow = () => {};

start(async () => {
  prepareActions();
  const clear = filters.prepare(() => grid.reload());
  grid.prepare(id, { onOpen: viewer.open, clear });
  try {
    show(await get(path));
  } catch (error) {
    return missing(error);
  }
  await grid.reload();
  await Promise.all([summarise(), listStudies(), viewer.prepare({ onCorrected: summarise })]);
  return watch();
});

function watch() {
  unfollow();
  if (shown.finished_at === null) unfollow = follow(id, news);
}

async function news(batch, ids) {
  const before = shown;
  show(batch);
  tellProgress(before, batch);
  await Promise.all([grid.refresh(ids, { all: batch.finished_at !== null }), summarise()]);
}

function show(batch) {
  shown = batch;
  const { counts, total } = batch;
  const name = batch.name || "Batch without a name";
  if (!$("viewer").open) document.title = `${name} · neurobatch`;
  $("name").textContent = name;
  $("crumb").textContent = name;
  $("facts").textContent = [counted(total, "scan"), `submitted ${moment(batch.created_at)}`, took(batch), batch.expires_at && `removed after ${moment(batch.expires_at)}`].filter(Boolean).join(" · ");
  const top = el("div", { class: "progress-top" }, el("strong", {}, batchFlag(batch.state)), el("span", { class: "muted" }, batch.finished_at ? "" : `${percent(ended(counts, total))} done`));
  $("progress").replaceChildren(top, shell(batch), countsLine(counts));
  $("head").removeAttribute("aria-busy");
  const running = batch.finished_at === null;
  $("cancel").hidden = !running || batch.state === "cancelling";
  $("retry").hidden = counts.failed === 0;
  $("retry").textContent = `Run ${counted(counts.failed, "failed scan")} again`;
  for (const kind of ["csv", "jsonl"]) {
    $(kind).hidden = false;
    $(kind).href = `${path}/results.${kind}`;
    $(kind).download = `${fileName(name)}.${kind}`;
  }
  $("delete").hidden = false;
}

const fileName = (name) => name.replace(/[^\p{L}\p{N} ._-]+/gu, "_").slice(0, 80) || "results";

function took({ started_at, finished_at }) {
  return started_at && finished_at ? `took ${duration((new Date(finished_at) - new Date(started_at)) / 1000)}` : null;
}

/** Quarters and the end, not every scan: a screen reader is no ticker. */
function tellProgress(before, batch) {
  const quarter = ({ counts, total }) => Math.floor(4 * ended(counts, total));
  if (batch.finished_at !== null && before.finished_at === null) {
    const { succeeded, rejected, failed } = batch.counts;
    const text = `The batch is done: ${succeeded} succeeded, ${rejected} rejected, ${failed} failed.`;
    say(text);
    notice(text);
  } else if (quarter(batch) > quarter(before)) say(`${percent(ended(batch.counts, batch.total))} done`);
}

async function summarise() {
  filters.tell(await get(`${path}/summary`), shown.counts);
}

/** Volumes and series of several slices, as links to their slices in order; one slice alone needs none. */
async function listStudies() {
  const { items, next } = await get(`${path}/studies?limit=${MOST_STUDIES}`);
  const links = items.filter(({ total }) => total > 1).map(({ id: study, filename, total }) => el("a", { class: "button", href: `/studies/${study}` }, `${filename} · ${counted(total, "slice")}`));
  if (links.length === 0) return;
  $("studies").replaceChildren(el("span", { class: "muted" }, "In order, as studies:"), ...links, next ? el("span", { class: "muted" }, "and more") : "");
  $("studies").hidden = false;
}

function missing(error) {
  const text = error.status === 404 ? ["There is no such batch", "It was deleted, or it belongs to another project."] : ["The batch cannot be shown", error.message];
  $("main").replaceChildren(el("div", { class: "empty" }, el("strong", {}, text[0]), text[1], el("div", {}, el("a", { class: "button", href: "/" }, "To all batches"))));
}

function prepareActions() {
  closable($("confirm"));
  $("retry").addEventListener("click", () => act("POST", `${path}/retry`, "The failed scans run again."));
  $("cancel").addEventListener("click", () =>
    confirm({
      title: "Cancel this batch?",
      text: "Scans that have not run are not run any more. What is done stays, with its results.",
      yes: "Cancel the batch",
      action: () => act("POST", `${path}/cancel`, "What has not run is not run any more."),
    }),
  );
  $("delete").addEventListener("click", () =>
    confirm({
      title: "Delete this batch?",
      text: `${counted(shown.total, "scan")} with files, results and readers' labels are removed. This cannot be undone.`,
      yes: "Delete for good",
      action: remove,
    }),
  );
}

async function act(method, address, text) {
  try {
    show(await send(method, address));
    notice(text);
    await grid.reload();
    watch();
  } catch (error) {
    notice(error.message, { bad: true });
  }
}

async function remove() {
  try {
    await send("DELETE", path);
    location.assign("/");
  } catch (error) {
    notice(error.message, { bad: true });
  }
}

function confirm({ title, text, yes, action }) {
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = yes;
  $("confirm-yes").onclick = () => {
    $("confirm").close();
    action();
  };
  $("confirm").showModal();
}
