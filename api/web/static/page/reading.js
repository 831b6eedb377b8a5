// What the model says of a scan, in words and bars.

import { el } from "./dom.js";
import { LABELS, codeName, duration, glyph, labelName, moment, percent, reviewReason, scanFlag } from "./words.js";

const WARNINGS = {
  burnt_in_annotation: "Text is burnt into the picture: it may name the patient.",
  secondary_capture: "A copy of a screen: text in it may name the patient.",
};

const ATTEMPT_REASONS = {
  worker_lost: "the process died",
  timed_out: "it took too long",
  storage_error: "files could not be read or written",
  internal_error: "something went wrong on our side",
};

/** The answer and its four probabilities. */
export function verdict(scan) {
  if (!scan.label) return [el("p", { class: "answer" }, scanFlag(scan.state))];
  return [
    el("p", { class: "answer" }, glyph(scan.label), labelName(scan.label)),
    el("p", { class: "muted" }, `The model's answer, ${percent(scan.confidence, 1)} confident`),
    el("ul", { class: "shares", "aria-label": "Probabilities" }, LABELS.map((label) => share(label, scan.probabilities[label]))),
  ];
}

function share(label, value) {
  const fill = el("span", { class: `fill ${label}` });
  fill.style.width = `${100 * value}%`;
  return el("li", { class: "share" }, el("span", { class: "who" }, glyph(label), labelName(label)), el("span", {}, percent(value, 1)), el("span", { class: "track", "aria-hidden": "true" }, fill));
}

/** Why somebody should look, or why there is no answer; and what was noticed when the file came. */
export const reasons = (scan) => [...because(scan), ...noticed(scan)];

function noticed({ warnings }) {
  return warnings.length ? [el("h3", {}, el("span", { class: "flag", "data-sign": "!" }, "Look out")), el("ul", {}, warnings.map((warning) => el("li", {}, WARNINGS[warning] ?? warning)))] : [];
}

function because(scan) {
  if (scan.needs_review) {
    return [el("h3", {}, el("span", { class: "flag", "data-sign": "!" }, "Needs review")), el("ul", {}, scan.review_reasons.map((reason) => el("li", {}, reviewReason(reason))))];
  }
  if (scan.state === "rejected") {
    return [el("h3", {}, el("span", { class: "flag", "data-sign": "⊘" }, `Rejected: ${codeName(scan.code)}`)), el("p", {}, sentence(scan.message)), el("p", { class: "hint" }, "It is the file's own fault: running it again would end the same way. Its neighbours are not touched.")];
  }
  if (scan.state === "failed") {
    return [el("h3", {}, el("span", { class: "flag bad", "data-sign": "×" }, `Failed: ${codeName(scan.code)}`)), el("p", {}, sentence(scan.message)), el("p", { class: "hint" }, "It is the service's fault, not the file's. “Run failed again” on the batch tries once more.")];
  }
  return [];
}

/** Model, timing and attempts. */
export function details(scan) {
  const facts = [
    ["Model", scan.model],
    ["Submitted", moment(scan.created_at)],
    ["Done", moment(scan.ended_at)],
    ["Peak of the heatmap", scan.focus && `x ${scan.focus.x}, y ${scan.focus.y} (pixels)`],
    ["Stages", scan.timings && Object.entries(scan.timings).map(([stage, ms]) => `${stage} ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`).join(", ")],
    ["Read by", scan.correction && `${scan.correction.by}, ${moment(scan.correction.at)}`],
    ["Study", scan.study_id && el("a", { href: `/studies/${scan.study_id}` }, Number.isInteger(scan.slice_index) ? `Slice ${scan.slice_index + 1} of a study` : "Part of a study")],
    ["Id", scan.id],
  ].filter(([, value]) => value);
  const attempts = scan.attempts.map((attempt, at) => [`Attempt ${at + 1}`, attemptWords(attempt)]);
  return [el("dl", { class: "facts" }, [...facts, ...attempts].map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]).flat())];
}

function attemptWords({ started_at, ended_at, outcome, reason, worker }) {
  const took = ended_at ? `, ${duration((new Date(ended_at) - new Date(started_at)) / 1000)}` : "";
  const why = reason ? ` (${ATTEMPT_REASONS[reason] ?? codeName(reason)})` : "";
  return `${outcome === "released" ? "given back" : (outcome ?? "running")}${why}${took}, ${worker}`;
}

const sentence = (text) => (text ? `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "");
