// One scan in the grid.

import { pause } from "./api.js";
import { el } from "./dom.js";
import { codeName, glyph, labelName, percent, scanStateName, scanStateSign } from "./words.js";

const THUMB_PX = 256;
const PICTURE_TRIES = 3;

/** What of a scan is seen on its card; the same string means the same card. */
export const signature = (scan, picture) => JSON.stringify([picture, scan.state, scan.label, scan.confidence, scan.needs_review, scan.code, scan.correction]);

/** A list item with a link that opens the scan. */
export function card(scan, picture) {
  const link = el("a", { href: `#scan=${scan.id}`, tabIndex: -1, "data-scan": scan.id, "aria-label": spoken(scan) }, thumb(scan, picture), words(scan));
  return el("li", { class: "card" }, link);
}

export const fullName = (scan) => (scan.frame > 0 ? `${scan.filename} · image ${scan.frame + 1}` : scan.filename);

function spoken(scan) {
  const parts = [fullName(scan)];
  if (scan.label) parts.push(labelName(scan.label), percent(scan.confidence));
  else parts.push(scanStateName(scan.state), scan.code ? codeName(scan.code) : null);
  if (scan.needs_review) parts.push("needs review");
  if (scan.correction) parts.push(readByAPerson(scan));
  return parts.filter(Boolean).join(", ");
}

function thumb(scan, picture) {
  if (!scan.label) return noThumb(scan);
  const image = el("img", { class: picture, src: `/v1/scans/${scan.id}/${picture}?size=${THUMB_PX}`, alt: "", loading: "lazy", decoding: "async" });
  // The overlay's legend stands to its right and below; of one as wide as high or wider, the scan alone fills the card.
  image.addEventListener("load", () => image.classList.toggle("cropped", picture === "overlay" && image.naturalWidth >= image.naturalHeight));
  let tries = 0;
  image.addEventListener("error", async () => {
    tries += 1;
    if (tries > PICTURE_TRIES) return image.replaceWith(el("span", {}, "The picture could not be read"));
    await pause(tries); // the service may be drawing too many others
    image.src = image.getAttribute("src");
  });
  return el("div", { class: "thumb" }, image);
}

function noThumb({ state, code }) {
  const sign = el("span", { class: "sign", "aria-hidden": "true" }, scanStateSign(state));
  return el("div", { class: `thumb ${state}` }, el("span", {}, sign, code ? scanStateName(state) : null));
}

function words(scan) {
  const first = scan.label
    ? el("div", { class: "line" }, glyph(scan.label), el("span", {}, labelName(scan.label)), el("span", { class: "percent" }, percent(scan.confidence)))
    : el("div", { class: "line" }, el("span", {}, scan.code ? codeName(scan.code) : scanStateName(scan.state)));
  const marks = [
    scan.needs_review ? el("span", { class: "flag", "data-sign": "!" }, "Needs review") : null,
    scan.correction ? el("span", { class: "flag good", "data-sign": "✓" }, readByAPerson(scan)) : null,
  ];
  return el("div", { class: "text" }, first, el("div", { class: "name", title: fullName(scan) }, fullName(scan)), marks.some(Boolean) ? el("div", { class: "marks" }, marks) : null);
}

function readByAPerson({ correction, label }) {
  return correction.label === label ? "Confirmed" : `Reader: ${labelName(correction.label)}`;
}
