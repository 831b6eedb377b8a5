// One scan, large: the slider between scan and heatmap, what the model says and why, and the reader's own word.

import { get } from "./api.js";
import { fullName } from "./card.js";
import { $, closable } from "./dom.js";
import * as correction from "./correction.js";
import * as grid from "./grid.js";
import { drawHeatmap, drawRamp } from "./heatmap.js";
import { bind } from "./keys.js";
import { say } from "./notices.js";
import { details, reasons, verdict } from "./reading.js";
import { codeName, labelName, percent, scanStateName } from "./words.js";

// Rejected for what they show, so a worker could read them and so can we.
const SHOWN_THOUGH_REJECTED = ["not_a_brain_mri", "no_brain_found", "mosaic"];
const view = { scan: null, drawing: null, title: "" };

/** `onCorrected` once a reader's label is stored. */
export function prepare({ onCorrected }) {
  const dialog = $("viewer");
  closable(dialog);
  drawRamp($("ramp"));
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  for (const name of ["blend", "brightness", "contrast"]) $(name).addEventListener("input", tune);
  $("show-focus").addEventListener("change", tune);
  dialog.addEventListener("close", closed);
  addEventListener("hashchange", follow);
  new ResizeObserver(fit).observe($("light-box"));
  const open = () => dialog.open && !$("keys").open;
  bind(["ArrowLeft", "ArrowRight"], "Previous and next scan", (event) => step(event.key === "ArrowLeft" ? -1 : 1), { when: open, shown: ["←", "→"] });
  bind(["h"], "Scan alone, or with its heatmap", flip, { when: open });
  correction.prepare({
    isOpen: open,
    onSaved: (scan) => {
      if (view.scan?.id === scan.id) draw(scan);
      grid.replace(scan);
      onCorrected();
    },
  });
  return follow();
}

/** Open a scan: its address is the batch's with its id. */
export function open(id) {
  if (!$("viewer").open) history.pushState({ viewer: true }, "", `#scan=${id}`);
  else history.replaceState(history.state, "", `#scan=${id}`);
  return show(id);
}

const asked = () => new URLSearchParams(location.hash.slice(1)).get("scan");

async function follow() {
  const id = asked();
  if (id === null) return $("viewer").open && $("viewer").close();
  return show(id);
}

async function show(id) {
  const dialog = $("viewer");
  if (!dialog.open) {
    view.title = document.title;
    dialog.showModal();
    $("scan-name").focus();
  }
  const known = grid.find(id);
  if (known) draw(known);
  try {
    const scan = await get(`/v1/scans/${id}`);
    if (asked() !== id) return;
    draw(scan);
    grid.replace(scan);
  } catch (error) {
    $("scan-name").textContent = "Scan";
    picture(null, error.status === 404 ? "There is no such scan." : error.message);
    return;
  }
  if (!known) await grid.reach(id, { while: () => asked() === id });
  place();
}

function draw(scan) {
  const fresh = view.scan?.id !== scan.id || view.scan.state !== scan.state;
  view.scan = scan;
  $("scan-name").textContent = fullName(scan);
  document.title = `${fullName(scan)} · neurobatch`;
  $("verdict").replaceChildren(...verdict(scan));
  const why = reasons(scan);
  $("reasons").hidden = why.length === 0;
  $("reasons").classList.toggle("bad", scan.state === "failed");
  $("reasons").replaceChildren(...why);
  $("details").replaceChildren(...details(scan));
  correction.show(scan);
  place();
  if (fresh) {
    picture(scan);
    say(scan.label ? `${fullName(scan)}: ${labelName(scan.label)}, ${percent(scan.confidence)}` : `${fullName(scan)}: ${scanStateName(scan.state)}`);
  }
}

function place() {
  const all = grid.scans();
  const at = all.findIndex(({ id }) => id === view.scan?.id);
  $("previous").disabled = at <= 0;
  $("next").disabled = at < 0 || (at === all.length - 1 && grid.atEnd());
  $("scan-place").textContent = at < 0 ? "" : `${at + 1} of ${all.length}${grid.atEnd() ? "" : "+"} shown`;
}

async function step(by) {
  const all = grid.scans();
  const at = all.findIndex(({ id }) => id === view.scan?.id);
  if (at < 0) return;
  if (at + by >= all.length) await grid.more();
  const to = grid.scans()[at + by];
  if (to === undefined) return say(by > 0 ? "This is the last scan." : "This is the first scan.");
  await open(to.id);
}

/** The picture of a scan, or a word in its place. */
async function picture(scan, problem = null) {
  view.drawing?.abort();
  const drawing = (view.drawing = new AbortController());
  const there = problem === null && hasPicture(scan);
  $("plate").hidden = !there;
  $("stage-controls").hidden = scan?.label == null;
  $("no-picture").hidden = there;
  $("no-picture").textContent = problem ?? (there ? "" : noPicture(scan));
  const [image, heat] = [$("scan-image"), $("heat")];
  heat.width = heat.height = 1;
  $("focus").hidden = true;
  if (!there) return image.removeAttribute("src");
  image.alt = scan.label ? `Scan ${fullName(scan)}` : "";
  image.onload = fit;
  image.onerror = () => {
    $("plate").hidden = true;
    $("no-picture").hidden = false;
    $("no-picture").textContent = "The picture could not be read.";
  };
  image.src = `/v1/scans/${scan.id}/image`;
  tune();
  if (!scan.label) return;
  try {
    await drawHeatmap(heat, `/v1/scans/${scan.id}/heatmap`, drawing.signal);
  } catch (error) {
    if (error.name !== "AbortError") say("The heatmap could not be read.");
  }
}

const hasPicture = (scan) => scan.label !== null || (scan.attempts.length > 0 && SHOWN_THOUGH_REJECTED.includes(scan.code));

function noPicture({ state, code }) {
  if (state === "queued" || state === "running") return "The scan waits for its turn. It appears here once it is done.";
  return `${code ? codeName(code) : scanStateName(state)}: there is no picture to show.`;
}

/** As large as the box allows, with the scan's own proportions. */
function fit() {
  const [box, image, plate] = [$("light-box"), $("scan-image"), $("plate")];
  if (!image.naturalWidth) return;
  const style = getComputedStyle(box);
  const room = { width: box.clientWidth - 2 * parseFloat(style.paddingLeft), height: box.clientHeight - 2 * parseFloat(style.paddingTop) };
  const scale = Math.min(room.width / image.naturalWidth, room.height / image.naturalHeight);
  plate.style.width = `${Math.floor(image.naturalWidth * scale)}px`;
  plate.style.height = `${Math.floor(image.naturalHeight * scale)}px`;
  const peak = view.scan?.focus;
  if (peak) {
    $("focus").style.left = `${(100 * (peak.x + 0.5)) / image.naturalWidth}%`;
    $("focus").style.top = `${(100 * (peak.y + 0.5)) / image.naturalHeight}%`;
  }
  tune();
}

function tune() {
  const blend = Number($("blend").value);
  $("blend").setAttribute("aria-valuetext", blend === 0 ? "Scan alone" : `Heatmap at ${blend} percent`);
  $("heat").style.opacity = blend / 100;
  $("scan-image").style.filter = `brightness(${$("brightness").value}%) contrast(${$("contrast").value}%)`;
  $("focus").hidden = !view.scan?.focus || blend === 0 || !$("show-focus").checked;
}

function flip() {
  $("blend").value = Number($("blend").value) === 0 ? 55 : 0;
  tune();
}

function closed() {
  const id = view.scan?.id;
  view.drawing?.abort();
  view.scan = null;
  document.title = view.title;
  if (asked() !== null) {
    if (history.state?.viewer) history.back();
    else history.replaceState(null, "", `${location.pathname}${location.search}`);
  }
  if (id) grid.focusOn(id, { move: true });
}
