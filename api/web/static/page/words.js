// What the service's short words mean to a person, and how numbers, sizes and times are written.

import { el } from "./dom.js";

export const LABELS = ["glioma", "meningioma", "pituitary", "notumor"];
export const LABEL_KEYS = { glioma: "g", meningioma: "m", pituitary: "p", notumor: "n" };

const LABEL_NAMES = { glioma: "Glioma", meningioma: "Meningioma", pituitary: "Pituitary tumour", notumor: "No tumour" };

const BATCH_STATES = {
  queued: ["Waiting", "plain", "…"],
  running: ["Running", "plain", "▸"],
  completed: ["Completed", "good", "✓"],
  completed_with_errors: ["Completed with exceptions", "", "!"],
  failed: ["No scan succeeded", "bad", "×"],
  cancelling: ["Being cancelled", "plain", "…"],
  cancelled: ["Cancelled", "plain", "–"],
};

const SCAN_STATES = {
  queued: ["Waiting", "plain", "…"],
  running: ["Running", "plain", "▸"],
  succeeded: ["Succeeded", "good", "✓"],
  rejected: ["Rejected", "", "⊘"],
  failed: ["Failed", "bad", "×"],
  cancelled: ["Cancelled", "plain", "–"],
};

const REVIEW_REASONS = {
  low_confidence: "The model is not sure: its confidence is below the threshold that was fitted for it.",
  unlike_training_data: "The scan looks unlike those that the model was trained on, so its answer may not hold here.",
};

const CODES = {
  empty_file: "The file is empty",
  not_an_image: "Not an image",
  unsupported_format: "A format that is not read",
  truncated_image: "Damaged or cut short",
  image_too_small: "Image too small",
  image_too_large: "Image too large",
  image_too_narrow: "Image too narrow",
  decode_limit: "Takes too much to decode",
  decoder_crashed: "Breaks the decoder",
  too_many_frames: "Too many pages or frames",
  invalid_filename: "File name not allowed",
  no_brain_found: "No head found",
  not_a_brain_mri: "Not a brain MRI",
  mosaic: "Several slices side by side",
  broken_archive: "Archive cannot be read",
  empty_archive: "Archive is empty",
  broken_member: "Broken file in an archive",
  encrypted_member: "Encrypted file in an archive",
  nested_archive: "Archive in an archive",
  worker_lost: "The process died each time it tried",
  timed_out: "Took too long",
  storage_error: "Files could not be read or written",
  internal_error: "Something went wrong on our side",
};

export const labelName = (label) => LABEL_NAMES[label] ?? label;
export const reviewReason = (reason) => REVIEW_REASONS[reason] ?? spaced(reason);
export const codeName = (code) => CODES[code] ?? spaced(code);
export const scanStateName = (state) => SCAN_STATES[state]?.[0] ?? state;
export const scanStateSign = (state) => SCAN_STATES[state]?.[2] ?? "";

/** A label's letter in its colour and shape; the name stands beside it. */
export const glyph = (label) => el("span", { class: `glyph ${label}`, "aria-hidden": "true" }, LABEL_KEYS[label].toUpperCase());

export function batchFlag(state) {
  const [name, kind, sign] = BATCH_STATES[state] ?? [state, "plain", ""];
  return el("span", { class: `flag ${kind}`, "data-sign": sign }, name);
}

export function scanFlag(state) {
  const [name, kind, sign] = SCAN_STATES[state] ?? [state, "plain", ""];
  return el("span", { class: `flag ${kind}`, "data-sign": sign }, name);
}

function spaced(code) {
  const text = (code ?? "unknown").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const number = (value) => value.toLocaleString("en-GB");
export const counted = (value, noun, plural = `${noun}s`) => `${number(value)} ${value === 1 ? noun : plural}`;

/** A share of 0 to 1 in percent; never 100% for what is below 1, nor 0% for what is above 0. */
export function percent(share, digits = 0) {
  const shown = (100 * share).toFixed(digits);
  if (share < 1 && Number(shown) === 100) return `>${(100 - 10 ** -digits).toFixed(digits)}%`;
  if (share > 0 && Number(shown) === 0) return `<${(10 ** -digits).toFixed(digits)}%`;
  return `${shown}%`;
}

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function moment(text) {
  if (!text) return "";
  return new Date(text).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
