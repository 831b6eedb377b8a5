// A batch's progress: the bar, the counts, and news of it as they happen.

import { get } from "./api.js";
import { el, throttled } from "./dom.js";
import { number, percent } from "./words.js";

const ORDER = ["succeeded", "rejected", "failed", "cancelled", "running", "queued"];
const NAMES = { succeeded: "succeeded", rejected: "rejected", failed: "failed", cancelled: "cancelled", running: "running", queued: "waiting" };

/** A bar of a batch's scans by state; the same in words stands beside it. */
export function shell({ counts, total }) {
  const parts = ORDER.filter((state) => counts[state] > 0).map((state) => {
    const part = el("span", { class: state });
    part.style.flexGrow = counts[state] / total;
    return part;
  });
  return el("span", { class: "bar", role: "img", "aria-label": `${percent(ended(counts, total))} done` }, parts);
}

export const ended = (counts, total) => (total ? (total - counts.queued - counts.running) / total : 1);

export function countsLine(counts) {
  const shown = ORDER.filter((state) => counts[state] > 0);
  return el("p", { class: "counts" }, shown.map((state) => el("span", {}, el("i", { class: `dot ${state}`, "aria-hidden": "true" }), el("b", {}, number(counts[state])), ` ${NAMES[state]}`)));
}

/**
 * Follow a batch until it is done. `onChange(batch, ids)` with the batch anew and the ids of scans that changed, at most
 * every second; the stream goes on by itself after a lost connection, and rests while nobody looks. Returns what ends it.
 */
export function follow(id, onChange) {
  let stream = null;
  let over = false;
  let looking = false;
  let again = false;
  let changed = new Set();
  const look = throttled(async () => {
    again = looking;
    if (over || looking) return;
    looking = true;
    try {
      const ids = changed;
      changed = new Set();
      const batch = await get(`/v1/batches/${id}`);
      if (over) return;
      onChange(batch, ids);
      if (batch.finished_at !== null) stop();
      else if (stream?.readyState === EventSource.CLOSED) setTimeout(look, 2000);
    } finally {
      looking = false;
      if (again) look();
    }
  }, 1000);
  const stop = () => {
    over = true;
    stream?.close();
    stream = null;
    document.removeEventListener("visibilitychange", seen);
  };
  const open = () => {
    stream?.close();
    stream = new EventSource(`/v1/batches/${id}/events`);
    stream.addEventListener("scan", (event) => {
      changed.add(JSON.parse(event.data).scan_id);
      look();
    });
    for (const kind of ["done", "deleted"]) stream.addEventListener(kind, () => {
      stream?.close();
      look();
    });
    stream.addEventListener("error", look);
  };
  const seen = () => {
    if (document.hidden) return stream?.close();
    open();
    return look();
  };
  document.addEventListener("visibilitychange", seen);
  open();
  return stop;
}
